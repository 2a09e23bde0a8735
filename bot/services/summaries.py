"""Make papers short: in their own words at once, in a model's words where there is one."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace

from bot.cards import NO_ABSTRACT
from bot.domain.errors import SourceError
from bot.domain.papers import Batch, Paper, PaperId
from bot.domain.summaries import Point, Summary
from bot.ports import PaperSource, Summarizer
from bot.sentences import sentences
from bot.services.cleaning import cleaned
from bot.services.grounding import is_order
from bot.services.sections import Section, flat, sections
from bot.text import one_line

FULLER = 1.5
"""How much longer than the abstract a full text is; the source may have no more than that."""

SECTION_SENTENCES = 3
"""A section of fewer is no section of its own."""

PASSAGES = 40
"""Sentences of a long text that a language model is given to answer from, without neighbours."""


async def described(papers: Sequence[Paper], summarizer: Summarizer) -> tuple[Paper, ...]:
    """Return papers as they are kept: cleaned, and with the sentence that tells most.

    Each takes a few milliseconds; others have their turn between them.
    """
    found = []
    for paper in papers:
        found.append(_described(paper, summarizer))
        await asyncio.sleep(0)
    return tuple(found)


async def described_batch(batch: Batch, summarizer: Summarizer) -> Batch:
    """Return a batch with its papers as they are kept."""
    return replace(batch, papers=await described(batch.papers, summarizer))


def _described(paper: Paper, summarizer: Summarizer) -> Paper:
    clean = cleaned(paper)
    told = _to_readers(sentences(clean.abstract))
    gist = summarizer.gist(clean.title, [sentence for _, sentence in told])
    return replace(clean, gist=gist.text if gist else None)


def abstract_of(paper: Paper) -> tuple[Section, ...]:
    """Return a paper's abstract as the one section of a text; none if it is not known."""
    told = sentences(paper.abstract)
    return (Section("", told),) if told else ()


async def full_text(
    paper: PaperId, abstract: Sequence[Section], sources: Mapping[str, PaperSource]
) -> tuple[Section, ...]:
    """Return the whole paper from the first source that has it; nothing if none has more.

    Raises:
        SourceError: if none has it, and one could not be asked.
    """
    trouble: SourceError | None = None
    known = sum(map(len, flat(abstract)))
    for source in sources.values():
        try:
            markdown = await source.full_text(paper)
        except SourceError as error:
            trouble = error
            continue
        parts = await asyncio.to_thread(sections, markdown) if markdown else ()
        if sum(map(len, flat(parts))) > FULLER * known:
            return parts
    if trouble:
        raise trouble
    return ()


def in_own_words(
    paper: Paper, text: Sequence[Section], number: int, summarizer: Summarizer
) -> Summary:
    """Return a paper in its own sentences: the most telling ones, of each section if it has any."""
    headed = [part for part in text if part.heading and len(part.sentences) >= SECTION_SENTENCES]
    if len(headed) > 1:
        points = _by_section(paper, headed, number, summarizer)
        return Summary(points, "the paper's own sentences, by section")
    told = _to_readers(flat(text))
    found = summarizer.key_points(paper.title, [sentence for _, sentence in told], number)
    points = tuple(_placed(point, told) for point in found)
    if points:
        return Summary(points, "the abstract's own sentences")
    if line := one_line(paper.one_line or ""):
        return Summary((Point(line),), "one line by Hugging Face")
    return Summary((Point(NO_ABSTRACT),), "nothing to quote")


def _by_section(
    paper: Paper, parts: Sequence[Section], number: int, summarizer: Summarizer
) -> tuple[Point, ...]:
    """Return the best sentence of each of the sections that tell most."""
    found = []
    for part in parts:
        told = _to_readers(part.sentences)
        (point,) = summarizer.key_points(paper.title, [sentence for _, sentence in told], 1)
        found.append(replace(_placed(point, told), heading=part.heading))
    best = summarizer.key_points(paper.title, [point.text for point in found], number)
    return tuple(found[point.place or 0] for point in best)


def answer_in_own_words(
    question: str, text: Sequence[Section], number: int, summarizer: Summarizer
) -> Summary:
    """Return the sentences of a text that have most to do with a question, perhaps none."""
    told = _to_readers(flat(text))
    found = summarizer.answers(question, [sentence for _, sentence in told], number)
    whose = "the paper's" if len(text) > 1 else "the abstract's"
    return Summary(tuple(_placed(point, told) for point in found), f"{whose} own sentences")


def about(question: str, text: Sequence[Section], summarizer: Summarizer) -> tuple[Section, ...]:
    """Return what of a long text has to do with a question, each sentence with its neighbours."""
    told = flat(text)
    found = {point.place for point in summarizer.answers(question, told, PASSAGES)}
    if len(told) <= 3 * PASSAGES or not found:
        return tuple(text)
    kept, start = [], 0
    for part in text:
        near = tuple(
            sentence
            for place, sentence in enumerate(part.sentences, start)
            if found & {place - 1, place, place + 1}
        )
        start += len(part.sentences)
        if near:
            kept.append(replace(part, sentences=near))
    return tuple(kept)


def _to_readers(told: Sequence[str]) -> list[tuple[int, str]]:
    """Return the sentences that speak to readers, with their places; all if there are no such."""
    numbered = list(enumerate(told))
    return [each for each in numbered if not is_order(each[1])] or numbered


def _placed(point: Point, told: Sequence[tuple[int, str]]) -> Point:
    return point if point.place is None else replace(point, place=told[point.place][0])
