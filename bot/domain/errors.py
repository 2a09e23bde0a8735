"""Errors, each for one audience; a leaf carries its data and builds its own sentence.

    DailyPapersError
    ├── UserError                 shown to the person who asked
    │   ├── UnknownCommand
    │   ├── BadArgument
    │   ├── UnknownPaper
    │   ├── AmbiguousPaper
    │   └── NotAllowed
    ├── ConfigError               shown to the operator; ends start-up
    ├── SourceError               a paper source did not answer well; retry later
    ├── ModelError                a language model did not answer well; the extractive answer stands
    ├── StoreError                the state could not be read or written
    │   ├── StoreInUse            another process owns it
    │   ├── LeaseLost             another process may have taken over what this one was at
    │   └── StorePoisoned         it cannot be before a new start
    ├── Unreachable               no chat platform has been up for long; start anew
    └── PlatformError             a chat platform did not do what was asked
        ├── Refused               it will never accept this message
        ├── Gone                  the channel is closed to the bot until somebody acts
        ├── TryLater              nothing was posted; ask again after a while
        └── Ambiguous             nobody knows whether the message was posted

Anything else that is raised is a bug: ``dispatch`` logs it under an id and tells the caller the id.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence


class DailyPapersError(Exception):
    """The root of every error that this product raises on purpose."""


class UserError(DailyPapersError):
    """A person asked for something that cannot be done; its sentence is shown to them.

    Attributes:
        hint: What to do instead, shown on a line of its own; may be empty.
    """

    def __init__(self, sentence: str, *, hint: str = "") -> None:
        super().__init__(sentence)
        self.hint = hint


class UnknownCommand(UserError):
    """No command of that name exists."""

    def __init__(self, name: str, nearest: str | None) -> None:
        hint = f"Did you mean `{nearest}`?" if nearest else "`help` lists the commands."
        super().__init__(f"There is no command `{name}`.", hint=hint)
        self.name = name
        self.nearest = nearest


class BadArgument(UserError):
    """An argument is missing, of the wrong form or out of range."""

    def __init__(self, parameter: str, problem: str, *, hint: str = "") -> None:
        super().__init__(f"`{parameter}` {problem}.", hint=hint)
        self.parameter = parameter
        self.problem = problem


class UnknownPaper(UserError):
    """Nothing known goes by that name."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"No paper here goes by “{name}”.",
            hint="Name it by arXiv id or link, by its rank in the last digest (`#3`), "
            "or by words of its title.",
        )
        self.name = name


class AmbiguousPaper(UserError):
    """Several papers fit the name; ``candidates`` holds (id, title), best first."""

    def __init__(self, name: str, candidates: Sequence[tuple[str, str]]) -> None:
        lines = "\n".join(f"• {title} ({paper})" for paper, title in candidates)
        super().__init__(f"Several papers fit “{name}”:\n{lines}", hint="Use the id of one.")
        self.name = name
        self.candidates = tuple(candidates)


class NotAllowed(UserError):
    """The caller may not run this command here."""


class ConfigError(DailyPapersError):
    """A setting is missing or wrong; names the setting and the cure, never its value."""


class SourceError(DailyPapersError):
    """A paper source answered badly or not at all.

    Attributes:
        source: Name of the source.
        problem: What happened, without secrets.
        retry_after: Seconds to wait before asking again, where the source said so.
    """

    def __init__(self, source: str, problem: str, *, retry_after: float | None = None) -> None:
        wait = f", retry after {retry_after:.0f} s" if retry_after is not None else ""
        super().__init__(f"{source}: {problem}{wait}")
        self.source = source
        self.problem = problem
        self.retry_after = retry_after


class ModelError(DailyPapersError):
    """A language model answered badly or not at all; the extractive answer stands.

    Attributes:
        problem: What happened, and the cure, without secrets.
        retry_after: Seconds in which asking again is in vain, where that is known.
        tokens_in: Tokens read and
        tokens_out: tokens written by the model all the same, for the budget.
    """

    def __init__(
        self,
        problem: str,
        *,
        retry_after: float | None = None,
        tokens_in: int = 0,
        tokens_out: int = 0,
    ) -> None:
        wait = f", retry after {retry_after:.0f} s" if retry_after is not None else ""
        super().__init__(f"LLM: {problem}{wait}")
        self.problem = problem
        self.retry_after = retry_after
        self.tokens_in = tokens_in
        self.tokens_out = tokens_out


class StoreError(DailyPapersError):
    """The state could not be read or written; the sentence names the file and the cure."""


class StoreInUse(StoreError):
    """Another process owns the state, a running bot most likely."""


class LeaseLost(StoreError):
    """A right was not renewed in time, so another process may have it: stop at once."""

    def __init__(self, right: object) -> None:
        super().__init__(f"{right} is not leased to this process (any more): leave it to the other")


class StorePoisoned(StoreError):
    """Nobody knows what the disk holds; the process must end, and read it anew at its start."""


class Unreachable(DailyPapersError):
    """Nobody has been heard for long; what is wrong may be this process.

    Attributes:
        minutes: For how long.
        problems: What is wrong with each platform, by name.
    """

    def __init__(self, minutes: float, problems: Mapping[str, str]) -> None:
        each = "; ".join(f"{name} {problem}" for name, problem in problems.items())
        super().__init__(f"no platform has been up for {minutes:.0f} minutes ({each}): start again")
        self.minutes = minutes
        self.problems = dict(problems)


class PlatformError(DailyPapersError):
    """A chat platform did not do what was asked.

    Attributes:
        platform: Name of the platform.
        problem: The platform's own code or word for it, without secrets.
        cure: What an operator or channel owner can do about it; may be empty.
    """

    def __init__(self, platform: str, problem: str, *, cure: str = "") -> None:
        super().__init__(f"{platform}: {problem}" + (f". {cure}" if cure else ""))
        self.platform = platform
        self.problem = problem
        self.cure = cure


class Refused(PlatformError):
    """The platform rejects this message and will go on doing so; nothing was posted."""


class Gone(PlatformError):
    """The channel is deleted, archived or closed to the bot; nothing was posted."""


class TryLater(PlatformError):
    """The platform is busy or out of reach; certainly nothing was posted."""

    def __init__(
        self, platform: str, problem: str, *, cure: str = "", retry_after: float | None = None
    ) -> None:
        super().__init__(platform, problem, cure=cure)
        self.retry_after = retry_after


class Ambiguous(PlatformError):
    """The answer was lost: the message may or may not be there; read the channel back."""
