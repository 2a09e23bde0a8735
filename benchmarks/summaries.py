"""Summaries of one sentence against other methods, by ROUGE, and our lines on real papers.

The protocol is SciTLDR's: each paper gets one sentence; of its references the one of best ROUGE-1 F
counts, and its three F measures are averaged, all stemmed. The references are those of the
development part; nothing was learnt from them.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table
from rouge_score.rouge_scorer import RougeScorer  # type: ignore[import-untyped]
from sumy.models.dom import (  # type: ignore[import-untyped]
    ObjectDocumentModel,
    Paragraph,
    Sentence,
)
from sumy.nlp.stemmers import Stemmer  # type: ignore[import-untyped]
from sumy.summarizers.lex_rank import LexRankSummarizer  # type: ignore[import-untyped]
from sumy.summarizers.luhn import LuhnSummarizer  # type: ignore[import-untyped]
from sumy.summarizers.reduction import ReductionSummarizer  # type: ignore[import-untyped]
from sumy.summarizers.text_rank import TextRankSummarizer  # type: ignore[import-untyped]
from sumy.utils import get_stop_words  # type: ignore[import-untyped]

from adapters.summarizers.compression import is_from
from adapters.summarizers.extractive import ExtractiveSummarizer
from adapters.summarizers.features import content, stems
from adapters.summarizers.scorer import WEIGHTS
from benchmarks.search import _corpus
from benchmarks.train_summarizer import read, rouge
from bot.sentences import sentences as split
from tests.conftest import SHARED

ROUNDS = 1_000
OURS = ExtractiveSummarizer()

Method = Callable[[str, Sequence[str]], str]


class _Words:
    """Cuts words for sumy without downloading what its own tokenizer needs."""

    def to_words(self, sentence: str) -> tuple[str, ...]:
        cut = "".join(each if each.isalnum() else " " for each in sentence.lower())
        return tuple(cut.split())


def _sumy(kind: Callable[..., Any], *, stops: bool) -> Method:
    summarizer = kind(Stemmer("english"))
    if stops:
        summarizer.stop_words = get_stop_words("english")
    words = _Words()

    def summarize(title: str, sentences: Sequence[str]) -> str:
        document = ObjectDocumentModel([Paragraph([Sentence(each, words) for each in sentences])])
        found = summarizer(document, 1)
        return str(found[0]) if found else sentences[0]

    return summarize


def _ours(title: str, sentences: Sequence[str]) -> str:
    found = OURS.gist(title, sentences)
    assert found is not None
    return found.text


def _whole(title: str, sentences: Sequence[str]) -> str:
    found = OURS.gist(title, sentences)
    assert found is not None
    return found.quote or found.text


def _methods() -> dict[str, Method]:
    draw = random.Random(1)
    return {
        "random": lambda title, sentences: draw.choice(sentences),
        "lead-1": lambda title, sentences: sentences[0],
        "title": lambda title, sentences: title,
        "sumy LexRank": _sumy(LexRankSummarizer, stops=True),
        "sumy TextRank": _sumy(TextRankSummarizer, stops=True),
        "sumy Luhn": _sumy(LuhnSummarizer, stops=True),
        "sumy Reduction": _sumy(ReductionSummarizer, stops=True),
        "ours, not shortened": _whole,
        "ours": _ours,
    }


@dataclass
class Judged:
    """What a method reached: three F measures a paper, and milliseconds a paper."""

    scores: list[tuple[float, float, float]] = field(default_factory=list)
    times: list[float] = field(default_factory=list)

    def means(self) -> list[float]:
        return [100 * float(each) for each in np.mean(self.scores, axis=0)]

    def interval(self) -> list[str]:
        """Return where 95 % of the means of samples with repeats lie."""
        draw = np.random.default_rng(0)
        scores = np.array(self.scores)
        picks = draw.integers(0, len(scores), (ROUNDS, len(scores)))
        low, high = np.percentile(100 * scores[picks].mean(axis=1), (2.5, 97.5), axis=0)
        return [f"{a:.1f} to {b:.1f}" for a, b in zip(low, high, strict=True)]


def run(screen: Console) -> None:
    if (SHARED / "data" / "scitldr").is_dir():
        _scitldr(screen)
    else:
        screen.print(f"SciTLDR is not at {SHARED / 'data' / 'scitldr'}: skipped")
    _real(screen)


def _scitldr(screen: Console) -> None:
    scorer = RougeScorer(["rouge1", "rouge2", "rougeL"], use_stemmer=True)

    def best(references: Sequence[str], told: str) -> tuple[float, float, float]:
        return max((rouge(scorer, each, told) for each in references), key=lambda each: each[0])

    papers = read("dev")
    table = Table(f"SciTLDR, dev, {len(papers)} papers", "R1", "R2", "RL", "ms 50|max")
    judged: dict[str, Judged] = {}
    for name, method in track(_methods().items(), "judging", console=screen, transient=True):
        result = judged[name] = Judged()
        for paper in papers:
            begun = time.perf_counter()
            told = method(paper["title"], paper["source"])
            result.times.append((time.perf_counter() - begun) * 1e3)
            result.scores.append(best(paper["target"], told))
    oracle = judged["best single sentence"] = Judged()
    for paper in papers:
        told = max((best(paper["target"], each) for each in paper["source"]), key=lambda s: s[0])
        oracle.scores.append(told)
    for name, result in judged.items():
        spent = (
            f"{statistics.median(result.times):.1f}|{max(result.times):.0f}" if result.times else ""
        )
        table.add_row(name, *(f"{each:.1f}" for each in result.means()), spent)
    screen.print(table)
    low = " / ".join(judged["ours"].interval())
    screen.print(f"ours, 95 % interval: {low}; aims 42.0 / 20.7 / 34.2 and 5 ms")
    screen.print(f"weights: {WEIGHTS.stat().st_size:,} bytes of at most 20,000")
    _three(screen, papers)


def _three(screen: Console, papers: Sequence[Any]) -> None:
    """Print how much of the references three sentences tell, and in how many words."""
    table = Table("three sentences", "told %", "words")
    ways: dict[str, Callable[[Any], Sequence[str]]] = {
        "lead-3": lambda paper: paper["source"][:3],
        "ours": lambda paper: [
            each.text for each in OURS.key_points(paper["title"], paper["source"], 3)
        ],
        "whole abstract": lambda paper: paper["source"],
    }
    for name, way in ways.items():
        told, lengths = [], []
        for paper in papers:
            shown = " ".join(way(paper))
            known = set(stems(shown)) | {w for each in way(paper) for w in stems(each)}
            lengths.append(len(shown.split()))
            for reference in paper["target"]:
                wanted = set(content(stems(reference)))
                told.append(len(wanted & known) / max(len(wanted), 1))
        table.add_row(name, f"{100 * statistics.mean(told):.1f}", f"{statistics.mean(lengths):.0f}")
    screen.print(table)


def _real(screen: Console) -> None:
    papers = _corpus()
    if not papers:
        screen.print("no capture of Daily Papers: real lines are skipped")
        return
    words, characters, invented, empty, times = [], [], [], 0, []
    for paper in track(papers, "real papers", console=screen, transient=True):
        told = split(paper.abstract)
        begun = time.perf_counter()
        line = OURS.gist(paper.title, told)
        times.append((time.perf_counter() - begun) * 1e3)
        if line is None or not line.text:
            empty += bool(told)
            continue
        words.append(len(line.text.split()))
        characters.append(len(line.text))
        if line.place is None or not is_from(line.text, told[line.place]):
            invented.append(line.text)
    screen.print(
        f"{len(papers):,} real papers: {empty} lines empty, {len(invented)} not from the abstract; "
        f"{statistics.median(times):.1f} ms, at most {max(times):.0f}"
    )
    for name, lengths in (("words", words), ("characters", characters)):
        cuts = statistics.quantiles(lengths, n=20)
        screen.print(
            f"{name}: least {min(lengths)}, 5 % {cuts[0]:.0f}, median {cuts[9]:.0f}, "
            f"95 % {cuts[18]:.0f}, most {max(lengths)}"
        )
    for text in invented[:5]:
        screen.print(f"  not from the abstract: {text}", markup=False)
