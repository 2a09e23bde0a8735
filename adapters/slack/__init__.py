"""Slack, on slack-bolt: Socket Mode or HTTP, one workspace or all that install the app."""
