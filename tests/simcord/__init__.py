"""The Discord adapter on the real discord.py, over simcord's Discord in memory."""
