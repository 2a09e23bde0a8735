"""What a terminal holds."""

from __future__ import annotations

COLUMNS = 80
"""Readable everywhere; wider terminals leave the rest empty, for long lines read badly."""
