"""Slack, on slack-bolt: Socket Mode or HTTP, one workspace."""
