"""``help``: what there is to say to the bot."""

from __future__ import annotations

import difflib

from bot.commands import ALIASES, Context, all_commands, command
from bot.commands.parsing import CommandSpec
from bot.domain.errors import UnknownCommand
from bot.domain.reply import Code, Heading, Item, Node, Note, Paragraph, Reply, text


@command("help", "help search", share=False, anywhere=True)
async def help(ctx: Context, name: str | None = None) -> Reply:
    """List the commands, or explain one.

    Args:
        name: The command to explain.
    """
    commands = all_commands()
    if name is None:
        return _overview(list(commands.values()))
    asked = name.lower().removeprefix("/papers").strip()
    spec = commands.get(ALIASES.get(asked, asked))
    if spec is None:
        near = difflib.get_close_matches(name.lower(), commands, n=1)
        raise UnknownCommand(name, near[0] if near else None)
    return _page(spec)


def _overview(commands: list[CommandSpec]) -> Reply:
    nodes: list[Node] = [Heading("What you can ask")]
    for spec in commands:
        example = spec.examples[-1] if spec.examples else spec.name
        nodes.append(Item(text(Code(spec.name)), text(spec.summary), text("as in ", Code(example))))
    nodes.append(
        Note(
            text(
                "Answers are yours alone; add ",
                Code("--share"),
                " to show one to the channel. ",
                Code("help search"),
                " explains search.",
            )
        )
    )
    return Reply(tuple(nodes), "Commands: " + ", ".join(spec.name for spec in commands))


def _page(spec: CommandSpec) -> Reply:
    nodes: list[Node] = [Heading(spec.name), Paragraph(text(spec.summary))]
    if spec.description:
        nodes.append(Paragraph(text(spec.description)))
    nodes.append(Paragraph(text("Usage: ", Code(spec.usage))))
    nodes.extend(Item(text(Code(option.name)), text(option.description)) for option in spec.options)
    nodes.extend(Note(text("Example: ", Code(example))) for example in spec.examples)
    if spec.admin:
        nodes.append(Note(text("For those who manage the channel.")))
    return Reply(tuple(nodes), f"{spec.name}: {spec.summary}")
