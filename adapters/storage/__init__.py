"""Stores: where state is kept."""
