"""``python -m benchmarks.train_summarizer [--data FOLDER]``: fit the summarizer's weights anew.

Ridge regression of a sentence's mean ROUGE-1/2/L F, compressed, against the reference, on SciTLDR's
train split; both sides are centred by abstract, for only the order within one counts. The dev split
chose the settings below and is printed as a check. The same data gives the same bytes.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track
from rouge_score import rouge_scorer  # type: ignore[import-untyped]

from adapters.summarizers import features as features_of
from adapters.summarizers import scorer
from adapters.summarizers.compression import compressed
from tests.conftest import SHARED

SEED = 0
"""Nothing is drawn; it stands in the file so that a drawing trainer would have to name its own."""

SEEN = 20
"""Sentences of train that hold an n-gram, at least."""

KEPT = 300
"""N-grams; twice as many fit within 20,000 bytes, and are no better on dev."""

RIDGE = 1_000.0
"""Strength of the penalty, for features of unit deviation."""

DIGITS = 4
"""Significant digits of a weight."""

OUT = Path(features_of.__file__).with_name("weights.json")

Matrix = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True)
class Split:
    """Sentences in a row: what is told of each, how good it is, and which abstract it is of."""

    names: list[dict[str, float]]
    grams: list[set[str]]
    rouge: Matrix
    papers: Matrix


class Judge:
    """Scores a line against the references as SciTLDR does: that with the best ROUGE-1 counts."""

    def __init__(self) -> None:
        self.scorer = rouge_scorer.RougeScorer(["rouge1", "rouge2", "rougeL"], use_stemmer=True)

    def __call__(self, line: str, references: Iterable[str]) -> tuple[float, float, float]:
        """Return ROUGE-1, -2 and -L F, each up to 1."""
        found = [
            tuple(each.fmeasure for each in self.scorer.score(reference, line).values())
            for reference in references
        ]
        one, two, longest = max(found, key=lambda each: each[0])
        return one, two, longest


def papers(folder: Path, split: str) -> list[dict[str, Any]]:
    """Return the papers of a split: ``source``, ``target``, ``title``."""
    lines = (folder / f"{split}.jsonl").read_text("utf-8").split("\n")
    return [json.loads(line) for line in lines if line.strip()]


def read(folder: Path, split: str, screen: Console) -> Split:
    judge = Judge()
    names, grams, rouge, numbers = [], [], [], []
    every = papers(folder, split)
    for number, paper in enumerate(track(every, f"reading {split}", console=screen)):
        names += features_of.features(paper["title"], paper["source"])
        for sentence in paper["source"]:
            grams.append(features_of.grams(sentence))
            rouge.append(judge(compressed(sentence), paper["target"]))
            numbers.append(number)
    return Split(names, grams, np.array(rouge), np.array(numbers))


def columns(split: Split, names: Sequence[str]) -> Matrix:
    return np.array([[each.get(name, 0.0) for name in names] for each in split.names])


def marks(split: Split, grams: Sequence[str]) -> Matrix:
    """Return 1 where a sentence holds an n-gram."""
    place = {gram: number for number, gram in enumerate(grams)}
    made = np.zeros((len(split.grams), len(grams)))
    for row, held in enumerate(split.grams):
        made[row, [place[gram] for gram in held if gram in place]] = 1.0
    return made


def centred(values: Matrix, papers: Matrix) -> Matrix:
    """Return values less their mean over the sentences of the same abstract."""
    starts = np.flatnonzero(np.diff(papers, prepend=-1))
    sizes = np.diff(starts, append=len(papers))
    sums = np.add.reduceat(values, starts, axis=0)
    means = (sums.T / sizes).T
    return np.asarray(values - np.repeat(means, sizes, axis=0))


def ridge(known: Matrix, wanted: Matrix, strength: float) -> Matrix:
    square = known.T @ known + strength * np.eye(known.shape[1])
    return np.asarray(np.linalg.solve(square, known.T @ wanted))


def heaviest(known: Matrix, held: Matrix, wanted: Matrix) -> list[int]:
    """Return the n-grams that weigh most where all are fitted at once."""
    weights = ridge(np.hstack([known, held]), wanted, RIDGE)[known.shape[1] :]
    return sorted(np.argsort(-np.abs(weights), kind="stable")[:KEPT].tolist())


def fitted(train: Split) -> dict[str, dict[str, float]]:
    names = sorted({name for each in train.names for name in each})
    counts = Counter(gram for each in train.grams for gram in each)
    grams = sorted(gram for gram, count in counts.items() if count >= SEEN)
    wanted = centred(train.rouge.mean(axis=1), train.papers) * 100
    raw = columns(train, names)
    deviations = raw.std(axis=0) + 1e-9
    known = centred(raw, train.papers) / deviations
    held = centred(marks(train, grams), train.papers)
    kept = heaviest(known, held, wanted)
    weights = ridge(np.hstack([known, held[:, kept]]), wanted, RIDGE)
    return {
        "features": _named(names, weights[: len(names)] / deviations),
        "grams": _named([grams[each] for each in kept], weights[len(names) :]),
    }


def _named(names: Sequence[str], weights: Matrix) -> dict[str, float]:
    pairs = zip(names, weights.tolist(), strict=True)
    rounded = {name: float(f"{weight:.{DIGITS}g}") for name, weight in pairs}
    return {name: weight for name, weight in rounded.items() if weight}


def quality(split: Split, weights: dict[str, dict[str, float]]) -> Matrix:
    """Return ROUGE-1, -2 and -L, times 100, of the best sentences, compressed."""
    points = columns(split, list(weights["features"])) @ [*weights["features"].values()]
    points += marks(split, list(weights["grams"])) @ [*weights["grams"].values()]
    order = np.lexsort((-points, split.papers))
    first = np.flatnonzero(np.diff(split.papers[order], prepend=-1))
    return np.asarray(split.rouge[order[first]].mean(axis=0) * 100)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--data", type=Path, default=SHARED / "data" / "scitldr")
    options.add_argument("--out", type=Path, default=OUT)
    chosen = options.parse_args()
    screen = Console(highlight=False)
    if not (chosen.data / "train.jsonl").is_file():
        screen.print(f"SciTLDR is not at {chosen.data}: nothing to train on")
        return
    train = read(chosen.data, "train", screen)
    screen.print(f"{len(train.names):,} sentences; fitting")
    weights = fitted(train)
    head = {"format": scorer.FORMAT, "seed": SEED, "trained_on": "SciTLDR-A, train"}
    text = json.dumps(head | weights, ensure_ascii=False, separators=(",", ":")) + "\n"
    chosen.out.write_text(text.replace('{"', '{\n"').replace(',"', ',\n"'), "utf-8")
    dev = read(chosen.data, "dev", screen)
    for name, split in {"train": train, "dev": dev}.items():
        screen.print(name, *(f"{each:.2f}" for each in quality(split, weights)))
    screen.print(f"{len(weights['features'])} features, {len(weights['grams'])} n-grams")
    screen.print(f"{chosen.out.stat().st_size:,} bytes in {chosen.out}")


if __name__ == "__main__":
    main()
