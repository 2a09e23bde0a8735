"""The first sentences of the abstract: instant, offline, and never wrong about the paper."""

from __future__ import annotations

from bot.domain.papers import Paper
from bot.ports import Summary
from bot.sentences import sentences as split_sentences
from bot.text import one_line


class LeadSummarizer:
    """A ``Summarizer`` that quotes."""

    async def summarize(self, paper: Paper, sentences: int = 3) -> Summary:
        """Return the abstract's first sentences, else the source's one line."""
        if quoted := split_sentences(paper.abstract)[:sentences]:
            return Summary(quoted, "the abstract's first sentences")
        if told := one_line(paper.one_line or ""):
            return Summary((told,), "one line by Hugging Face")
        return Summary(("No abstract is known yet.",), "nothing to quote")
