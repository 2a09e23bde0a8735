"""``python -m benchmarks [name …]``: run all benchmarks, or those named."""

from __future__ import annotations

import importlib
import pkgutil
import sys

from rich.console import Console

import benchmarks

SCRIPTS = ("gallery", "train_summarizer")
"""Modules that measure nothing, and are run by themselves."""


def main() -> None:
    found = (each.name for each in pkgutil.iter_modules(benchmarks.__path__))
    names = [name for name in found if name[0] != "_" and name not in SCRIPTS]
    chosen = [each for each in sys.argv[1:] if not each.startswith("--")] or names
    for name in chosen:
        if name not in names:
            sys.exit(f"no benchmark is named {name!r}; there are: {', '.join(names)}")
    screen = Console(highlight=False)
    for name in chosen:
        module = importlib.import_module(f"benchmarks.{name}")
        screen.print(f"\n{name}: {(module.__doc__ or '').splitlines()[0]}", style="bold")
        module.run(screen)


if __name__ == "__main__":
    main()
