"""Learn the weights of the sentence scorer from SciTLDR's training part, and write them.

Ridge regression: from the features of each sentence to the mean of its three ROUGE scores against
the authors' or a reviewer's own sentence, both centred within their abstract. All features and all
n-grams that were seen often are fitted first; the n-grams of greatest effect are kept, and fitted
once more with the features. Everything is seeded: run twice, the file is the same.

    python -m benchmarks.train_summarizer    # writes adapters/summarizers/weights.json

The strengths below were chosen by five folds of the training part, the number of n-grams on the
development part. Weaker ones for n-grams, and learning an order instead of numbers, were worse.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track
from rouge_score.rouge_scorer import RougeScorer  # type: ignore[import-untyped]

from adapters.summarizers.features import features, ngrams
from adapters.summarizers.scorer import FORMAT, WEIGHTS
from tests.conftest import SHARED

Matrix = np.ndarray[tuple[int, ...], np.dtype[np.float64]]

SEEN = 20
"""Abstracts in which an n-gram has to stand to be looked at."""

NGRAMS = 300
RIDGE = 300.0
"""Strength for features, once they are scaled to a deviation of one."""

NGRAM_RIDGE = 30_000.0
"""Strength for n-grams: there are so many that each may do but little."""


@dataclass(frozen=True, slots=True)
class Example:
    """One abstract: its sentences, and how good each would be."""

    title: str
    sentences: Sequence[str]
    targets: Sequence[float]


def read(part: str) -> list[dict[str, Any]]:
    """Return the abstracts of a part of SciTLDR."""
    file = SHARED / "data" / "scitldr" / f"{part}.jsonl"
    with file.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def rouge(scorer: RougeScorer, reference: str, sentence: str) -> tuple[float, float, float]:
    """Return the F measures of ROUGE-1, -2 and -L, stemmed."""
    found = scorer.score(reference, sentence)
    return found["rouge1"].fmeasure, found["rouge2"].fmeasure, found["rougeL"].fmeasure


def examples(screen: Console) -> list[Example]:
    """Return the training part with a target for each sentence."""
    scorer = RougeScorer(["rouge1", "rouge2", "rougeL"], use_stemmer=True)
    made = []
    for each in track(read("train"), "scoring", console=screen, transient=True):
        told = [
            sum(max(rouge(scorer, reference, sentence)[at] for reference in each["target"])
                for at in range(3)) / 3
            for sentence in each["source"]
        ]  # fmt: skip
        made.append(Example(each["title"], each["source"], told))
    return made


@dataclass(frozen=True, slots=True)
class Columns:
    """Examples as a matrix: a row for each sentence, centred within its abstract."""

    rows: Matrix
    targets: Matrix
    names: Sequence[str]


def _matrix(
    described: Sequence[Sequence[Mapping[str, float]]],
    targets: Sequence[Sequence[float]],
    names: Sequence[str],
) -> Columns:
    place = {name: at for at, name in enumerate(names)}
    rows = np.zeros((sum(map(len, described)), len(names)))
    wanted = np.zeros(len(rows))
    start = 0
    for sentences, told in zip(described, targets, strict=True):
        end = start + len(sentences)
        for row, sentence in enumerate(sentences, start):
            for name, value in sentence.items():
                if name in place:
                    rows[row, place[name]] = value
        rows[start:end] -= rows[start:end].mean(axis=0)
        wanted[start:end] = np.array(told) - np.mean(told)
        start = end
    return Columns(rows, wanted, names)


def _ridge(columns: Columns, strengths: Matrix) -> tuple[Matrix, Matrix]:
    """Return a weight for each column, and how much each moves a score."""
    scale = columns.rows.std(axis=0)
    scale[scale == 0] = 1.0
    scaled = columns.rows / scale
    found = np.linalg.solve(scaled.T @ scaled + np.diag(strengths), scaled.T @ columns.targets)
    return found / scale, np.abs(found)


def described(example: Example) -> list[dict[str, float]]:
    """Return features and n-grams of each sentence under one roof."""
    return [
        {**each, **{f"n {ngram}": 1.0 for ngram in ngrams(sentence)}}
        for each, sentence in zip(
            features(example.title, example.sentences), example.sentences, strict=True
        )
    ]


def fit(
    told: Sequence[Sequence[Mapping[str, float]]], targets: Sequence[Sequence[float]]
) -> dict[str, float]:
    """Return a weight for each feature and each n-gram that is kept."""
    often: Counter[str] = Counter()
    for sentences in told:
        often.update({name for each in sentences for name in each})
    plain = sorted(name for name in often if not name.startswith("n "))
    grams = sorted(name for name, seen in often.items() if name.startswith("n ") and seen >= SEEN)
    first = _matrix(told, targets, [*plain, *grams])
    strengths = np.array([RIDGE] * len(plain) + [NGRAM_RIDGE] * len(grams))
    _, effect = _ridge(first, strengths)
    order = sorted(range(len(plain), len(first.names)), key=lambda at: -effect[at])
    kept = [*range(len(plain)), *sorted(order[:NGRAMS])]
    second = Columns(first.rows[:, kept], first.targets, [first.names[at] for at in kept])
    weights, _ = _ridge(second, strengths[kept])
    return dict(zip(second.names, map(float, weights), strict=True))


def write(weights: Mapping[str, float]) -> None:
    """Write the weights, three digits each, in an order that never changes."""
    rounded = {name: float(f"{100 * weight:.3g}") for name, weight in sorted(weights.items())}
    kept = {
        "format": FORMAT,
        "learnt from": "SciTLDR-A, training part (Apache-2.0)",
        "features": {n: w for n, w in rounded.items() if w and not n.startswith("n ")},
        "ngrams": {n[2:]: w for n, w in rounded.items() if w and n.startswith("n ")},
    }
    text = json.dumps(kept, ensure_ascii=True, separators=(",", ":")).replace('},"', '},\n"')
    WEIGHTS.write_text(text + "\n", encoding="utf-8")


def main() -> None:
    screen = Console()
    made = examples(screen)
    told = [described(each) for each in track(made, "reading", console=screen, transient=True)]
    weights = fit(told, [each.targets for each in made])
    write(weights)
    screen.print(f"{len(weights)} weights in {WEIGHTS} ({WEIGHTS.stat().st_size:,} bytes)")


if __name__ == "__main__":
    main()
