"""Thirty real papers, our line of each beside Hugging Face's, to be read by eye.

python -m benchmarks.gallery [seed]
"""

from __future__ import annotations

import random
import sys

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from adapters.summarizers.extractive import ExtractiveSummarizer
from benchmarks.search import _corpus
from bot.sentences import sentences

SHOWN = 30


def main() -> None:
    screen = Console(highlight=False)
    told = [paper for paper in _corpus() if paper.one_line]
    if not told:
        screen.print("no capture of Daily Papers: nothing to show")
        return
    draw = random.Random(int(sys.argv[1]) if len(sys.argv) > 1 else 1)
    for number, paper in enumerate(draw.sample(told, SHOWN), start=1):
        ours = ExtractiveSummarizer().gist(paper.title, sentences(paper.abstract))
        screen.print(Text(f"{number:2} {paper.title}", style="bold"))
        for whose, line in (("ours", ours.text if ours else ""), ("HF", paper.one_line or "")):
            screen.print(Padding(Text(f"{whose}: {line}"), (0, 0, 0, 3)))
        screen.print()


if __name__ == "__main__":
    main()
