"""A language model behind an OpenAI-compatible chat endpoint.

Rule: one question, one JSON object that fits a schema, within one deadline. What may pass is tried
once more; an endpoint that will not answer is left alone for a while. Endpoints differ in what they
take: what one refuses is left out, and that is remembered.

The key goes to the configured address alone and appears in no log and no error.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Literal

import httpx
import structlog

from adapters.summarizers._answer import (
    WORDS_CHARS,
    Malformed,
    read,
    tokens,
    words,
)
from adapters.summarizers._schema import Schema, strict
from bot import __version__
from bot.domain.errors import ConfigError, ModelError
from bot.ports import Completion
from bot.text import clip
from config.settings import LlmSettings

log = structlog.get_logger()

BODY_BYTES = 1_000_000
AT_ONCE = 2
"""Calls at a time; a model on the operator's own machine is no faster with more."""

PAUSE = 1.0
"""Seconds before the second attempt after a fault."""
SHORT_WAIT_SECONDS = 20
"""A longer wait than this outlasts the patience of whoever asked for a summary."""
LONGEST_WAIT_SECONDS = 3_600  # a longer one can only be a mistake
BUSY_SECONDS = 60
"""How long an endpoint is left alone that is too busy and does not say until when."""
REFUSED_SECONDS = 300
FAILURES = 3
FAILURES_SECONDS = 60

FAULTS = frozenset({500, 502, 503, 504})

_KEY = re.compile(r"[!-~]+")
_SECONDS = re.compile(r"\d{1,9}(\.\d{1,9})?")
_FORMAT = re.compile(r"response_?format|json[ _-]?(schema|object)|structured[ _]output|grammar")
_UNKNOWN = re.compile(r"unsupported|not supported|unrecognized|unknown|not permitted|not allowed")


@dataclass(frozen=True, slots=True)
class _Dialect:
    """What an endpoint takes of what it is asked with."""

    limit: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    form: Literal["json_schema", "json_object", "text"] = "json_schema"

    def simpler(self, refusal: str) -> _Dialect | None:
        """Return what to try after a refusal that names something of this, if it does."""
        told = refusal.casefold()
        if self.form != "text" and _FORMAT.search(told):
            form: Literal["json_object", "text"]
            form = "json_object" if self.form == "json_schema" else "text"
            return replace(self, form=form)
        if self.limit == "max_tokens" and "max_tokens" in told and _UNKNOWN.search(told):
            return replace(self, limit="max_completion_tokens")
        return None


@dataclass(frozen=True, slots=True)
class _Question:
    instructions: str
    text: str
    schema: Schema
    name: str

    @property
    def size(self) -> int:
        return len(self.instructions) + len(self.text)

    def asked(self, dialect: _Dialect) -> dict[str, object]:
        """Return the fields of a request that say what is asked, and in which form."""
        schema = strict(self.schema)
        instructions = self.instructions
        form: dict[str, object] = {}
        if dialect.form == "json_schema":
            named = {"name": self.name, "strict": True, "schema": schema}
            form = {"response_format": {"type": "json_schema", "json_schema": named}}
        else:  # nobody but the words can tell the model
            instructions += (
                "\n\nAnswer with one JSON object and nothing else. It fits this JSON Schema:\n"
                + json.dumps(schema)
            )
        if dialect.form == "json_object":
            form = {"response_format": {"type": "json_object"}}
        messages = [
            {"role": "system", "content": instructions},
            {"role": "user", "content": self.text},
        ]
        return {"messages": messages, **form}


@dataclass(frozen=True, slots=True)
class _Reply:
    """An HTTP answer, its body read."""

    status: int
    headers: httpx.Headers
    body: bytes


class _Declined(ModelError):
    """The endpoint does not take the request; ``said`` is all it answered."""

    def __init__(self, problem: str, said: str) -> None:
        super().__init__(problem)
        self.said = said


class _Fault(ModelError):
    """The endpoint is out of order, which may pass."""


class _Busy(ModelError):
    """The endpoint wants no more calls for ``wait`` seconds."""

    def __init__(self, problem: str, wait: float) -> None:
        super().__init__(problem, retry_after=wait)
        self.wait = wait


class Endpoint:
    """Asks the model; ``close`` it at the end.

    Args:
        settings: Where the endpoint is, the model, and the key, if any.
        clock: Seconds that only grow.
        sleep: Waits between attempts.

    Attributes:
        model: Name of the model, as configured.

    Raises:
        ConfigError: if no endpoint is configured, or the key cannot be one.
    """

    def __init__(
        self,
        settings: LlmSettings,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        if not (settings.base_url and settings.model):
            raise ConfigError("LLM_BASE_URL and LLM_MODEL are needed for summaries by a model")
        self.model = settings.model
        self._base = settings.base_url
        self._key = _key(settings)
        self._timeout = settings.timeout
        self._max_tokens = settings.max_tokens
        self._temperature = settings.temperature
        self._clock = clock
        self._sleep = sleep
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._dialect = _Dialect()
        self._failures = 0
        self._opens_at = clock()
        self._reason = ""
        headers = {
            "User-Agent": f"daily-papers/{__version__}",
            "Accept": "application/json",
            "Content-Type": "application/json",
        }
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        self._client = httpx.AsyncClient(headers=headers, timeout=settings.timeout)

    async def close(self) -> None:
        """Let go of the connections."""
        await self._client.aclose()

    async def complete(
        self, *, instructions: str, text: str, schema: Mapping[str, object], name: str
    ) -> Completion:
        """Return the model's answer; two calls at a time, others wait for their turn.

        Args:
            instructions: What to do with the text.
            text: Of others; it is handed over as such.
            schema: JSON Schema of an object, of the keywords that ``_schema`` knows. OpenAI wants
                every property of it to be required.
            name: Of the schema: letters, digits, ``_`` and ``-``, 64 at the most.

        Raises:
            ModelError: if there is no such answer within the seconds of LLM_TIMEOUT, counted from
                the turn on; or at once, while the endpoint is left alone after earlier errors.
        """
        self._admit()
        async with self._slots:
            self._admit()  # another call may have found it closed meanwhile
            try:
                completion = await self._ask(_Question(instructions, text, schema, name))
            except ModelError as error:
                self._failures += 1
                if self._failures >= FAILURES:
                    self._leave_alone(FAILURES_SECONDS, error.problem)
                raise
        self._failures = 0
        return completion

    def _admit(self) -> None:
        wait = self._opens_at - self._clock()
        if wait > 0:
            raise ModelError(f"left alone for a while after: {self._reason}", retry_after=wait)

    def _leave_alone(self, seconds: float, reason: str) -> None:
        """Make no call for so long, or longer where that was said before."""
        opens_at = self._clock() + seconds
        if opens_at > self._opens_at:
            self._opens_at = opens_at
            self._reason = reason
            log.warning("model left alone", seconds=seconds, reason=reason)

    async def _ask(self, question: _Question) -> Completion:
        """Ask until there is an answer, an error that lasts, or no time left."""
        deadline = self._clock() + self._timeout
        dialect = self._dialect
        met: set[type[ModelError]] = set()
        spent_in = spent_out = 0
        while True:
            try:
                completion = await self._attempt(question, dialect, deadline)
            except ModelError as error:
                spent_in += error.tokens_in
                spent_out += error.tokens_out
                error.tokens_in, error.tokens_out = spent_in, spent_out
                simpler = dialect.simpler(error.said) if isinstance(error, _Declined) else None
                pause = 0.0 if simpler else _pause(error, met)
                if pause is None or self._clock() + pause >= deadline:
                    if isinstance(error, _Busy):
                        self._leave_alone(error.wait, error.problem)
                    raise
                dialect = simpler or dialect
            else:
                return replace(
                    completion,
                    tokens_in=completion.tokens_in + spent_in,
                    tokens_out=completion.tokens_out + spent_out,
                )
            if pause:
                await self._sleep(pause)

    async def _attempt(self, question: _Question, dialect: _Dialect, deadline: float) -> Completion:
        reply = await self._send(self._request(question, dialect), question, deadline)
        said = words(reply.body)
        if reply.status != 200 or said:
            raise self._failure(reply, said)
        if dialect != self._dialect:
            self._dialect = dialect
            log.info("model endpoint takes less", limit=dialect.limit, form=dialect.form)
        return read(reply.body, question.schema, asked=question.size, model=self.model)

    def _request(self, question: _Question, dialect: _Dialect) -> bytes:
        asked = {
            "model": self.model,
            **question.asked(dialect),
            dialect.limit: self._max_tokens,
            "stream": False,
        }
        if self._temperature is not None:
            asked["temperature"] = self._temperature
        return json.dumps(asked).encode("ascii")

    async def _send(self, request: bytes, question: _Question, deadline: float) -> _Reply:
        try:
            async with asyncio.timeout(max(deadline - self._clock(), 0)):
                return await self._exchange(request)
        except (TimeoutError, httpx.TimeoutException) as error:
            raise ModelError(
                f"no answer from {self._base} within {self._timeout:g} s; "
                "raise LLM_TIMEOUT or set LLM_MODEL to a faster model",
                tokens_in=tokens(question.size),  # the model has read it, most likely
            ) from error
        except httpx.HTTPError as error:
            raise _Fault(
                f"no answer from {self._base} ({type(error).__name__}); "
                "check that it runs, and LLM_BASE_URL"
            ) from error

    async def _exchange(self, request: bytes) -> _Reply:
        """Send a request and read the answer; no redirect is followed, for the key's sake."""
        url = f"{self._base}/chat/completions"
        async with self._client.stream("POST", url, content=request) as response:
            body = bytearray()
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > BODY_BYTES:
                    raise ModelError(
                        f"more than {BODY_BYTES:,} bytes from {self._base}; check LLM_BASE_URL"
                    )
            return _Reply(response.status_code, response.headers, bytes(body))

    def _failure(self, reply: _Reply, said: str) -> ModelError:
        """Return what an answer with an error means."""
        status = reply.status
        problem = f"{status} from {self._base}"
        if status != 401 and said:  # services repeat a wrong key, some of it at least
            shown = said.replace(self._key, "…") if self._key else said
            problem += f" ({clip(shown, WORDS_CHARS)})"
        if status in (400, 422):
            return _Declined(problem, reply.body.decode(errors="replace"))
        if status == 429:
            return _Busy(f"{problem}: too many calls, or nothing left to pay with", _wait(reply))
        if status in FAULTS or status == 200:
            return _Fault(f"{problem}: the endpoint is out of order; see its log")
        if cure := self._cure(status):
            self._leave_alone(REFUSED_SECONDS, f"{problem}: {cure}")
            return ModelError(f"{problem}: {cure}", retry_after=REFUSED_SECONDS)
        if 300 <= status < 400:
            problem += ": redirects are not followed; set LLM_BASE_URL to where it leads"
        return ModelError(problem)

    def _cure(self, status: int) -> str | None:
        """Return what an operator can do about a refusal that lasts until they do."""
        if status == 401:
            return (
                f"{'the key is not accepted' if self._key else 'it wants a key'}; set LLM_API_KEY"
            )
        if status == 403:
            return f"{self.model} is not allowed; check LLM_API_KEY and LLM_MODEL"
        if status == 404:
            return f"no such address, or no model {self.model}; check LLM_BASE_URL and LLM_MODEL"
        return None


def _pause(error: ModelError, met: set[type[ModelError]]) -> float | None:
    """Return the seconds until another attempt, if there is to be one; ``met`` remembers it."""
    kind: type[ModelError] = _Busy if isinstance(error, _Busy) else _Fault
    if not isinstance(error, _Busy | _Fault | Malformed) or kind in met:
        return None
    met.add(kind)
    if isinstance(error, _Busy):
        return error.wait if error.wait <= SHORT_WAIT_SECONDS else None
    return PAUSE if isinstance(error, _Fault) else 0.0


def _wait(reply: _Reply) -> float:
    """Return for how many seconds an endpoint wants no more calls.

    A date is counted from the answer's own, so that it does not matter how late it is here.
    rfc-editor.org/rfc/rfc9110#name-retry-after
    """
    told = reply.headers.get("Retry-After", "").strip()
    if _SECONDS.fullmatch(told):
        return min(float(told), LONGEST_WAIT_SECONDS)
    until, now = _moment(told), _moment(reply.headers.get("Date", ""))
    if until is None or now is None:
        return BUSY_SECONDS
    return min(max((until - now).total_seconds(), 0), LONGEST_WAIT_SECONDS)


def _moment(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _key(settings: LlmSettings) -> str:
    key = settings.api_key.get_secret_value().strip() if settings.api_key else ""
    if key and not _KEY.fullmatch(key):
        raise ConfigError("LLM_API_KEY holds a space or a character that no key has; copy it again")
    return key
