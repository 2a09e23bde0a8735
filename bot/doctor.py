"""Look at everything a running bot needs, one finding each; a failure names its cure."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from adapters.papers import open_sources
from adapters.search.encoder import Encoder, EncoderError, NotInstalled
from adapters.storage import open_store, place_of
from adapters.summarizers.endpoint import Endpoint
from bot.app import configured_adapters
from bot.domain.errors import DailyPapersError, ModelError, PlatformError, SourceError, StoreInUse
from bot.domain.papers import batch_day
from bot.text import count
from config.settings import LlmSettings, SearchSettings, Settings


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found."""

    what: str
    ok: bool
    detail: str
    cure: str = ""


async def examine(
    settings: Settings,
    *,
    offline: bool,
    now: datetime,
    samples: Mapping[str, Sequence[Mapping[str, Any]]] | None = None,
) -> list[Finding]:
    """Return a finding for state, search, sources, model and platforms, in this order.

    Args:
        settings: What is examined.
        offline: Ask nobody over the network.
        now: The present.
        samples: Bodies of messages by platform, which it is asked about but does not post.
    """
    findings = [Finding("settings", True, "read"), await _state(settings), _search(settings.search)]
    if offline:
        return findings
    findings += [each async for each in _sources(settings, now)]
    findings += [each async for each in _model(settings.llm)]
    findings += [each async for each in _platforms(settings)]
    findings += [each async for each in _drawings(settings, samples or {})]
    return findings


async def _state(settings: Settings) -> Finding:
    url = settings.store.address
    try:
        store = await open_store(url)
    except StoreInUse as error:
        return Finding("state", True, str(error).partition(": ")[0])
    except DailyPapersError as error:
        problem, _, cure = str(error).rpartition(": ")
        return Finding("state", False, problem or str(error), cure or "correct STORE_URL")
    orders = await store.subscriptions()
    papers = await store.papers()
    await store.close()
    detail = f"{place_of(url)}: {count(len(orders), 'subscription')}, {count(len(papers), 'paper')}"
    return Finding("state", True, detail)


def _search(settings: SearchSettings) -> Finding:
    if settings.semantic == "off":
        return Finding("search", True, "by words alone, as SEARCH_SEMANTIC says")
    try:
        Encoder(settings.model, settings.vocabulary)
    except NotInstalled as error:
        return Finding("search", True, f"by words; for meaning as well: {_cure(error)}")
    except EncoderError as error:
        return Finding("search", False, str(error).rpartition(": ")[0], _cure(error))
    return Finding("search", True, "by words and meaning")


def _cure(error: EncoderError) -> str:
    return str(error).rpartition(": ")[2]


async def _sources(settings: Settings, now: datetime) -> AsyncIterator[Finding]:
    async with AsyncExitStack() as stack:
        try:
            opened = await open_sources(settings, stack)
        except DailyPapersError as error:
            yield Finding("sources", False, str(error), "correct SOURCES_ENABLED")
            return
        for name, source in opened.items():
            try:
                newest = await source.newest(batch_day(now))
            except DailyPapersError as error:
                problem = error.problem if isinstance(error, SourceError) else str(error)
                cure = "check the network, HF_API_URL and HF_TOKEN"
                yield Finding(f"source {name}", False, problem, cure)
                continue
            detail = (
                f"newest batch {newest.key.day}, {count(len(newest.papers), 'paper')}"
                if newest
                else "reachable, nothing listed"
            )
            yield Finding(f"source {name}", True, detail)


async def _model(settings: LlmSettings) -> AsyncIterator[Finding]:
    """Ask the language model one short question, where one is set up."""
    if settings.base_url is None:
        yield Finding("language model", True, "none is set up: summaries are the papers' own words")
        return
    try:
        endpoint = Endpoint(settings)
    except DailyPapersError as error:
        yield Finding("language model", False, str(error), "correct LLM_API_KEY")
        return
    schema = {
        "type": "object",
        "properties": {"ready": {"type": "boolean"}},
        "required": ["ready"],
        "additionalProperties": False,
    }
    try:
        done = await endpoint.complete(
            instructions="Answer with one JSON object.",
            text='Are you ready? If so: {"ready": true}',
            schema=schema,
            name="ready",
        )
    except ModelError as error:
        problem, _, cure = error.problem.rpartition("; ")
        yield Finding("language model", False, problem or cure, cure if problem else "see the log")
    else:
        yield Finding("language model", True, f"{done.model} answers, in {settings.language}")
    finally:
        await endpoint.close()


async def _platforms(settings: Settings) -> AsyncIterator[Finding]:
    names = configured_adapters(settings)
    if not names:
        cure = "set SLACK_BOT_TOKEN or DISCORD_TOKEN; README.md shows how to get one"
        yield Finding("platforms", False, "none has a token", cure)
    for name in names:
        module = importlib.import_module(f"adapters.{name}.app")
        try:
            detail = await module.probe(getattr(settings, name))
        except PlatformError as error:
            yield Finding(name, False, error.problem, error.cure or "try again in a while")
        except DailyPapersError as error:
            problem, _, cure = str(error).partition(": ")
            yield Finding(name, False, problem, cure or "see README.md")
        else:
            yield Finding(name, True, detail)


async def _drawings(
    settings: Settings, samples: Mapping[str, Sequence[Mapping[str, Any]]]
) -> AsyncIterator[Finding]:
    """Ask each platform that can tell whether it would take messages like these."""
    for name in configured_adapters(settings):
        if name not in samples or not importlib.util.find_spec(f"adapters.{name}.live"):
            continue
        module = importlib.import_module(f"adapters.{name}.live")
        what, bodies = f"{name} messages", samples[name]
        try:
            problems = await module.validate(getattr(settings, name), bodies)
        except PlatformError as error:
            yield Finding(what, False, error.problem, error.cure or "try again in a while")
            continue
        if problems is None:
            continue
        taken = f"it would take all {len(bodies)} of a digest"
        cure = "report this to those who make the bot"
        yield Finding(what, not problems, "; ".join(problems) or taken, cure)
