"""Loopback stand-ins for the chat platforms: real wire protocols, no network."""
