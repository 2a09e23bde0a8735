"""A command's definition, read from its function, and the parser that follows from it. Pure.

A command is an ``async def`` whose first parameter is the context. Its other parameters are its
arguments: the annotation gives type and bounds, the docstring's ``Args:`` section the description.
Slack's parser and manifest, Discord's options, the console's completion, ``help`` and
``docs/commands.md`` all come from the ``CommandSpec`` made here. What cannot be read fails at
import, naming the function and the cure.
"""

from __future__ import annotations

import difflib
import inspect
import keyword
import re
import types
import typing
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Literal, NewType

from bot.domain.dialog import Dialog, Field
from bot.domain.errors import BadArgument
from bot.domain.reply import Reply
from bot.text import clip

PaperName = NewType("PaperName", str)
"""Names a paper: id, link, rank in the last digest, or words of its title."""

TEXT_CHARS = 2_000
"""Longest argument taken; a person never types more, a program gone wrong does."""

FLAG = "--"
QUOTES = str.maketrans({"“": '"', "”": '"', "„": '"', "«": '"', "»": '"'})


@dataclass(frozen=True, slots=True)
class Range:
    """Bounds of a whole number, both included."""

    minimum: int
    maximum: int


@dataclass(frozen=True, slots=True)
class Rest:
    """Marks the parameter that takes all words left over, their quotes with them."""


REST = Rest()


@dataclass(frozen=True, slots=True)
class Form:
    """A text with a form of its own.

    Attributes:
        read: Returns the value, or raises ``ValueError`` whose sentence continues "`name` …".
        placeholder: What stands for it in a usage line, as in ``HH:MM``.
        values: Ready examples to choose from; may be empty.
        topics: Whether it is a list of words such as papers are filed under.
        empty: What a field means that was emptied; nothing: it stays as it is.
    """

    read: Callable[[str], object]
    placeholder: str
    values: tuple[str, ...] = ()
    topics: bool = False
    empty: str = ""


Kind = Literal["text", "integer", "boolean", "paper"]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One argument of a command.

    Attributes:
        choices: The only values it takes, or empty.
        form: Reads its text, where it has a form of its own.
    """

    name: str
    kind: Kind
    description: str
    required: bool
    default: object = None
    rest: bool = False
    choices: tuple[str, ...] = ()
    bounds: Range | None = None
    form: Form | None = None

    @property
    def usage(self) -> str:
        """How it stands in a usage line."""
        if self.kind == "boolean":
            return f"[--{self.name}]"
        if self.required:
            return f"<{self.name}>"
        return f"[--{self.name} {self.placeholder}]"

    @property
    def placeholder(self) -> str:
        """What stands for its value."""
        if self.choices:
            return "|".join(self.choices)
        if self.form:
            return self.form.placeholder
        if self.bounds:
            return f"{self.bounds.minimum}-{self.bounds.maximum}"
        return self.name.upper()

    def field(self, value: str) -> Field:
        """Return it as something to fill in, with that value in it."""
        bounds = self.bounds if self.kind == "integer" else None
        return Field(
            self.name,
            self.name.replace("_", " ").capitalize(),
            self.description,
            "choice" if self.choices else "text" if self.kind == "paper" else self.kind,
            value,
            self.choices,
            bounds.minimum if bounds else None,
            bounds.maximum if bounds else None,
            required=bool(value) and self.kind != "boolean" and not (self.form and self.form.empty),
        )

    def read(self, given: object) -> object:
        """Turn what was typed, or what a platform took apart, into the handler's value.

        Raises:
            BadArgument: naming the parameter, what was given and what it takes.
        """
        if self.kind == "boolean":
            return self._boolean(given)
        if self.kind == "integer":
            return self._integer(given)
        value = str(given).strip()
        if not value.strip('" '):
            raise BadArgument(self.name, "is empty", hint=self.description)
        if len(value) > TEXT_CHARS:
            raise BadArgument(
                self.name, f"has {len(value):,} characters; {TEXT_CHARS:,} are the most taken"
            )
        if self.choices and value.lower() not in self.choices:
            raise BadArgument(self.name, f"is {' or '.join(self.choices)}, not “{clip(value, 40)}”")
        if self.choices:
            value = value.lower()
        if self.form:
            try:
                return self.form.read(value)
            except ValueError as error:
                raise BadArgument(self.name, str(error), hint=self.description) from error
        return value

    def _boolean(self, given: object) -> bool:
        if isinstance(given, bool):
            return given
        word = str(given).strip().lower()
        if word in ("yes", "true", "on", "1", ""):
            return True
        if word in ("no", "false", "off", "0"):
            return False
        raise BadArgument(self.name, f"is yes or no, not “{clip(word, 40)}”")

    def _integer(self, given: object) -> int:
        bounds = self.bounds or Range(-(2**31), 2**31 - 1)
        try:
            number = int(str(given).strip().removeprefix("#"))
        except ValueError:
            raise BadArgument(
                self.name,
                f"is a whole number from {bounds.minimum} to {bounds.maximum}, "
                f"not “{clip(str(given), 40)}”",
            ) from None
        if not bounds.minimum <= number <= bounds.maximum:
            raise BadArgument(
                self.name, f"goes from {bounds.minimum} to {bounds.maximum}; {number} is outside"
            )
        return number


SHARE = Parameter("share", "boolean", "Show the answer to the whole channel.", False, False)

Handler = Callable[..., Awaitable[Reply]]
Current = Callable[..., Awaitable[Mapping[str, str]]]


@dataclass(frozen=True, slots=True)
class CommandSpec:
    """A command as every surface sees it.

    Attributes:
        admin: Whether only those who manage the channel may run it.
        share: Whether the caller may show the answer to the channel.
        anywhere: Whether it needs nothing of the channel, so that guests may run it.
        current: Returns what stands in the fields of its dialog, as it would be typed, by
            parameter; a command without it has no dialog.
    """

    name: str
    summary: str
    description: str
    parameters: tuple[Parameter, ...]
    handler: Handler
    examples: tuple[str, ...] = ()
    admin: bool = False
    share: bool = True
    anywhere: bool = False
    current: Current | None = None

    @property
    def options(self) -> tuple[Parameter, ...]:
        """All parameters, ``share`` among them where the command has it."""
        return (*self.parameters, SHARE) if self.share else self.parameters

    @property
    def usage(self) -> str:
        """The command on one line, as it is typed."""
        return " ".join([self.name, *(option.usage for option in self.options)])

    def parse(self, text: str) -> dict[str, object]:
        """Take a typed line apart: words in order, ``--flag value``, ``--flag=value``.

        Raises:
            BadArgument: if a flag is unknown, or a word is left over.
        """
        if len(text) > TEXT_CHARS:
            raise BadArgument(
                self.name, f"has {len(text):,} characters; {TEXT_CHARS:,} are the most taken"
            )
        by_name = {option.name: option for option in self.options}
        values: dict[str, object] = {}
        loose: list[str] = []
        raw = any(option.rest and option.kind == "text" for option in self.parameters)
        words = _words(text, quoted=raw)
        while words:
            word = words.pop(0)
            if not re.fullmatch(r"--[a-z][\w-]*(=.*)?", word, re.DOTALL | re.IGNORECASE):
                loose.append(word)
                continue
            name, equals, value = word.removeprefix(FLAG).partition("=")
            option = by_name.get(name.lower().replace("-", "_"))
            if option is None:
                raise self._unknown_flag(name)
            if option.kind == "boolean" and not equals:
                value = "yes"
            elif not equals:
                if not words:
                    raise BadArgument(option.name, "needs a value", hint=f"Usage: {self.usage}")
                value = words.pop(0)
            values[option.name] = value.replace('"', "") if raw else value
        for option in self.parameters:
            if option.name in values or option.kind == "boolean" or not loose:
                continue
            if option.rest:
                values[option.name] = " ".join(loose)
                loose = []
            else:
                values[option.name] = loose.pop(0)
        if loose:
            raise BadArgument(
                self.name, f"does not take “{clip(loose[0], 40)}”", hint=f"Usage: {self.usage}"
            )
        return values

    def read(self, given: Mapping[str, object]) -> dict[str, object]:
        """Turn arguments by name into the handler's values, defaults filled in.

        Raises:
            BadArgument: if one is missing or wrong.
        """
        values = {}
        for option in self.options:
            if given.get(option.name) is not None:
                values[option.name] = option.read(given[option.name])
            elif option.required:
                raise BadArgument(option.name, "is missing", hint=f"Usage: {self.usage}")
            else:
                values[option.name] = option.default
        return values

    def dialog(self, values: Mapping[str, str], channel: str = "") -> Dialog:
        """Return the command as something to fill in, with those values in it.

        Args:
            values: What stands in each field.
            channel: The channel's name, where it is known.
        """
        return Dialog(
            self.name,
            f"{self.name.capitalize()} of #{channel}" if channel else self.name.capitalize(),
            tuple(option.field(values.get(option.name, "")) for option in self.parameters),
        )

    async def run(self, context: object, values: Mapping[str, object]) -> Reply:
        """Run the handler, whose arguments may be words of Python with a ``_`` behind them."""
        named = {
            f"{name}_" if keyword.iskeyword(name) else name: value for name, value in values.items()
        }
        return await self.handler(context, **named)

    def filled_in(self, values: Mapping[str, str]) -> dict[str, object]:
        """Return the arguments that a filled-in dialog means; an empty field may mean one too."""
        by_name = {option.name: option for option in self.parameters}
        found: dict[str, object] = {}
        for name, value in values.items():
            option = by_name.get(name)
            if option is None:
                continue
            meant = value.strip() or (option.form.empty if option.form else "")
            if meant:
                found[name] = meant
        return found

    def _unknown_flag(self, name: str) -> BadArgument:
        flags = [option.name for option in self.options]
        near = difflib.get_close_matches(name, flags, n=1)
        hint = f"Did you mean `--{near[0]}`?" if near else f"Usage: {self.usage}"
        return BadArgument(f"--{clip(name, 40)}", f"is no option of {self.name}", hint=hint)


def _words(text: str, *, quoted: bool = False) -> list[str]:
    """Split like a shell where the quotes are balanced, at white space where they are not.

    Args:
        text: The line.
        quoted: Whether quotes stay, because they mean something to whoever reads the words.
    """
    text = text.translate(QUOTES)
    text = re.sub(r"(?<!\S)[—–](?=[A-Za-z])", FLAG, text)  # chat clients make dashes of hyphens
    if text.count('"') % 2:
        return text.split()
    words = re.findall(r'(?:[^\s"]|"[^"]*")+', text)
    return words if quoted else [word.replace('"', "") for word in words]


def spec_of(
    handler: Handler,
    *,
    examples: Sequence[str] = (),
    admin: bool = False,
    share: bool = True,
    anywhere: bool = False,
    current: Current | None = None,
) -> CommandSpec:
    """Read a command's definition from its function.

    Raises:
        TypeError: if the function cannot be a command; says why and what to change.
    """
    name: str = handler.__name__
    summary, description, documented = _docstring(handler, name)
    hints = typing.get_type_hints(handler, include_extras=True)
    _, *arguments = inspect.signature(handler).parameters.values()
    parameters = tuple(
        _parameter(name, argument, hints[argument.name], documented) for argument in arguments
    )
    if any(each.rest and each.kind == "text" for each in parameters):  # then a paper is one word
        parameters = tuple(
            replace(each, rest=False) if each.kind == "paper" else each for each in parameters
        )
    if unknown := set(documented) - {argument.name for argument in arguments}:
        raise TypeError(f"command {name}: Args documents {sorted(unknown)}, which it does not take")
    return CommandSpec(
        name=name,
        summary=summary,
        description=description,
        parameters=parameters,
        handler=handler,
        examples=tuple(examples),
        admin=admin,
        share=share,
        anywhere=anywhere,
        current=current,
    )


def _parameter(
    command: str, argument: inspect.Parameter, hint: Any, documented: Mapping[str, str]
) -> Parameter:
    where = f"command {command}, parameter {argument.name}"
    if argument.name not in documented:
        raise TypeError(f"{where}: describe it under Args in the docstring")
    extras: tuple[object, ...] = ()
    if typing.get_origin(hint) is typing.Annotated:
        hint, *rest = typing.get_args(hint)
        extras = tuple(rest)
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        hint = next(each for each in typing.get_args(hint) if each is not types.NoneType)
        if typing.get_origin(hint) is typing.Annotated:
            hint, *rest = typing.get_args(hint)
            extras = tuple(rest)
    required = argument.default is inspect.Parameter.empty
    form = next((extra for extra in extras if isinstance(extra, Form)), None)
    bounds = next((extra for extra in extras if isinstance(extra, Range)), None)
    choices: tuple[str, ...] = ()
    kind: Kind = "text"
    if hint is PaperName:
        kind = "paper"
    elif hint is bool:
        kind = "boolean"
    elif hint is int:
        kind = "integer"
    elif typing.get_origin(hint) is Literal:
        choices = tuple(map(str, typing.get_args(hint)))
    elif isinstance(hint, type) and issubclass(hint, StrEnum):
        choices = tuple(member.value for member in hint)
        form = Form(hint, "|".join(choices))
    elif hint is not str and form is None:
        raise TypeError(f"{where}: {hint} needs a Form that reads it from text")
    return Parameter(
        argument.name.removesuffix("_"),
        kind,
        documented[argument.name],
        required,
        None if required else argument.default,
        any(isinstance(extra, Rest) for extra in extras) or kind == "paper",
        choices,
        bounds,
        form,
    )


def _docstring(handler: Handler, name: str) -> tuple[str, str, dict[str, str]]:
    lines = (inspect.getdoc(handler) or "").splitlines()
    if not lines or not lines[0].endswith("."):
        raise TypeError(
            f"command {name}: its docstring starts with one sentence that ends in a dot"
        )
    head, args = lines[1:], []
    if "Args:" in lines:
        at = lines.index("Args:")
        head, args = lines[1:at], lines[at + 1 :]
    documented: dict[str, str] = {}
    last = ""
    for line in args:
        if match := re.fullmatch(r"    (\w+): (.*)", line):
            last = match[1]
            documented[last] = match[2]
        elif last and line.strip():
            documented[last] += " " + line.strip()
    return lines[0], "\n".join(head).strip(), documented
