"""What is wrong with any message made of some papers, on any platform that has markup."""

from __future__ import annotations

from collections.abc import Sequence

from bot.domain.papers import Paper
from tests.hostile import discord, replies, slack


def findings(papers: Sequence[Paper]) -> list[str]:
    """Return one sentence for each thing that is wrong."""
    return [
        finding
        for reply, shown in replies(papers)
        for platform in (slack, discord)
        for finding in platform.findings(reply, papers, shown)
    ]
