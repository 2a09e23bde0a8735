"""``python -m benchmarks [name …]``: run all benchmarks, or those named."""

from __future__ import annotations

import importlib
import pkgutil
import sys

from rich.console import Console

import benchmarks


def main() -> None:
    names = [each.name for each in pkgutil.iter_modules(benchmarks.__path__) if each.name[0] != "_"]
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
