"""Hugging Face Daily Papers over its public API.

Rule: few calls, and none that the API has asked not to make. An answer is good for a minute and is
then asked for with its ETag; where the rate limit is used up nothing is sent until it opens again.
The token goes to the configured address alone and appears in no log and no error.

A batch is dated by the day it was asked for: the entries' own dates are shifted or of the paper.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import date, timedelta

import httpx
import structlog

from adapters.papers import payload
from bot import __version__
from bot.domain.errors import ConfigError, SourceError
from bot.domain.papers import Batch, BatchKey, Paper, PaperId, distinct
from bot.ports import PaperSource, Period
from bot.text import clip, one_line
from config.settings import HuggingFaceSettings, Settings

log = structlog.get_logger()

NAME = "huggingface"
LIST = "/api/daily_papers"
PAGE_PAPERS = 100  # huggingface.co/docs/hub/api: the most that `limit` allows; 50 if not given
SEARCH_PAPERS = 120  # the same page: the most that the search returns
WINDOW_SECONDS = 300  # huggingface.co/docs/hub/rate-limits: windows of five minutes
LONGEST_WAIT_SECONDS = 3_600  # a longer wait than this can only be a mistake

PAGES = 10
"""Pages of one list at the most; the fullest month so far had six."""

DAYS_BACK = 10
"""How far back the newest batch is looked for: longer than any holiday."""

FRESH_SECONDS = 60
ANSWERS_KEPT = 32
TEXTS_KEPT = 8
BODY_BYTES = 20_000_000
REDIRECTS = 3
QUERY_CHARS = 250
PAUSES = (1.0, 4.0)
"""Seconds before the second and the third attempt."""

_TOKEN = re.compile(r"[!-~]+")
_LIMIT = re.compile(r";\s*([rt])=(\d{1,9})")
_SECONDS = re.compile(r"\d{1,9}")


@dataclass(frozen=True, slots=True)
class _Answer:
    """What one address answered.

    Attributes:
        more: The query of the list's next page, if there is one.
        read_at: Of the source's clock.
    """

    papers: tuple[Paper, ...]
    more: Mapping[str, str]
    etag: str | None
    read_at: float


@dataclass(frozen=True, slots=True)
class _Reply:
    """An HTTP answer, its body read."""

    status: int
    headers: httpx.Headers
    links: Mapping[str | None, Mapping[str, str]]
    body: bytes


class _Declined(SourceError):
    """The API answered with a status from 400 to 499."""

    def __init__(self, problem: str, status: int) -> None:
        super().__init__(NAME, problem)
        self.status = status


class HuggingFace:
    """The paper source ``huggingface``; ``close`` it at the end.

    Args:
        settings: Where the API is, and the token, if any.
        clock: Seconds that only grow.
        sleep: Waits between attempts.

    Raises:
        ConfigError: if the address or the token cannot be used.
    """

    name = NAME

    def __init__(
        self,
        settings: HuggingFaceSettings,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._base = _address(settings.api_url)
        self._token = _token(settings)
        self._timeout = settings.timeout
        self._clock = clock
        self._sleep = sleep
        self._answers: OrderedDict[str, _Answer] = OrderedDict()
        self._texts: OrderedDict[PaperId, str] = OrderedDict()
        self._opens_at = clock()
        headers = {"User-Agent": f"daily-papers/{__version__}", "Accept": "application/json"}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        self._client = httpx.AsyncClient(
            base_url=self._base, headers=headers, timeout=settings.timeout
        )

    async def close(self) -> None:
        """Let go of the connections."""
        await self._client.aclose()

    async def newest(self, until: date) -> Batch | None:
        """Return the newest batch with papers among the ten days that end with ``until``."""
        for back in range(DAYS_BACK):
            day = until - timedelta(days=back)
            if back and day.weekday() >= 5:
                continue  # nothing is ever listed on Saturday and Sunday
            try:
                batch = await self.batch(day)
            except _Declined as declined:
                if back or declined.status != 400:
                    raise
                continue  # the API's calendar has not reached this day yet
            if batch.papers:
                return batch
        return None

    async def batch(self, day: date) -> Batch:
        """Return the batch of a day; it holds no papers when nothing is listed."""
        return Batch(BatchKey(NAME, day), await self._list(date=day.isoformat()))

    async def roundup(self, period: Period, day: date) -> Sequence[Paper]:
        """Return the papers of the ISO week or month around a day, or those trending now."""
        if period == "week":
            year, week, _ = day.isocalendar()
            return await self._list(week=f"{year:04}-W{week:02}")
        if period == "month":
            return await self._list(month=f"{day:%Y-%m}")
        first = await self._read(LIST, _listed, sort="trending", limit=str(PAGE_PAPERS))
        return distinct(first.papers)

    async def paper(self, paper: PaperId) -> Paper | None:
        """Return one paper, or ``None``; Hugging Face has pages for arXiv's new ids alone."""
        if paper.archive != "arxiv" or PaperId.find(paper.key) != paper or "/" in paper.key:
            return None
        try:
            answer = await self._read(f"/api/papers/{paper.key}", _described)
        except _Declined as declined:
            if declined.status == 404:
                return None
            raise
        return answer.papers[0]

    async def search(self, query: str, limit: int) -> Sequence[Paper]:
        """Return papers that fit a query, best first."""
        words = one_line(query)[:QUERY_CHARS]
        if not words or limit < 1:
            return ()
        most = min(limit, SEARCH_PAPERS)
        answer = await self._read("/api/papers/search", _listed, q=words, limit=str(most))
        return distinct(answer.papers)[:most]

    async def full_text(self, paper: PaperId) -> str | None:
        """Return the paper in Markdown as Hugging Face has it, which may be its abstract alone.

        The last few are kept in memory: who asks for one asks again.
        """
        if paper.archive != "arxiv" or "/" in paper.key:
            return None
        if paper in self._texts:
            self._texts.move_to_end(paper)
            return self._texts[paper]
        path = f"/papers/{paper.key}.md"
        headers = {"Accept": "text/markdown, text/plain"}
        try:
            reply = await self._send(self._client.build_request("GET", path, headers=headers), path)
        except _Declined as declined:
            if declined.status == 404:
                return None
            raise
        text = reply.body.decode("utf-8", "replace")
        if text.lstrip()[:15].lower().startswith(("<!doctype", "<html")):
            return None  # a page for people, as of an API that has no such texts
        self._texts[paper] = text
        if len(self._texts) > TEXTS_KEPT:
            self._texts.popitem(last=False)
        return text

    async def _list(self, **query: str) -> tuple[Paper, ...]:
        """Return all pages of a list.

        Of a link to the next page only the query is used, so that no answer leads elsewhere.
        """
        more: Mapping[str, str] = {**query, "limit": str(PAGE_PAPERS)}
        papers: list[Paper] = []
        for _ in range(PAGES):
            answer = await self._read(LIST, _listed, **more)
            papers += answer.papers
            more = answer.more
            if not more:
                break
        else:
            log.warning("list cut off", source=NAME, pages=PAGES, papers=len(papers), **query)
        return distinct(papers)

    async def _read(
        self, path: str, parse: Callable[[object, str], tuple[Paper, ...]], **query: str
    ) -> _Answer:
        """Return what an address holds, from memory while that is fresh."""
        request = self._client.build_request("GET", path, params=query)
        key = str(request.url)
        kept = self._answers.get(key)
        if kept and self._clock() - kept.read_at < FRESH_SECONDS:
            return kept
        if kept and kept.etag:
            request.headers["If-None-Match"] = kept.etag
        reply = await self._send(request, path)
        if kept and reply.status == 304:
            answer = replace(kept, read_at=self._clock())
        else:
            value = payload.decode(reply.body, NAME, path, "this should pass; ask again later")
            link = reply.links.get("next", {}).get("url")
            answer = _Answer(
                papers=parse(value, path),
                more=_query(link) if link else {},
                etag=reply.headers.get("ETag"),
                read_at=self._clock(),
            )
        self._answers[key] = answer
        self._answers.move_to_end(key)
        if len(self._answers) > ANSWERS_KEPT:
            self._answers.popitem(last=False)
        return answer

    async def _send(self, request: httpx.Request, path: str) -> _Reply:
        """Return a good answer or 304; what may pass is tried three times."""
        for pause in (*PAUSES, None):
            if (wait := self._opens_at - self._clock()) > 0:
                raise SourceError(NAME, self._exhausted(), retry_after=wait)
            cause: Exception | None = None
            try:
                reply = await self._exchange(request, path)
            except (TimeoutError, httpx.TimeoutException) as error:
                cause, problem = error, f"{path} gave no answer within {self._timeout:g} s"
            except httpx.HTTPError as error:
                cause, problem = error, f"{path} gave no answer ({type(error).__name__})"
            else:
                self._heed_limits(reply)
                if reply.status == 429:
                    raise SourceError(
                        NAME, self._exhausted(), retry_after=self._opens_at - self._clock()
                    )
                if reply.status in (200, 304):
                    return reply
                problem = f"{path} answers HTTP {reply.status}{self._words(reply.body)}"
                if 400 <= reply.status < 500:
                    cure = "; check HF_TOKEN" if reply.status in (401, 403) else ""
                    raise _Declined(problem + cure, reply.status)
            if pause is None:
                break
            await self._sleep(pause)
        raise SourceError(NAME, problem) from cause

    async def _exchange(self, request: httpx.Request, path: str) -> _Reply:
        """Send a request and read the answer, redirects within the host followed."""
        async with asyncio.timeout(self._timeout):
            for _ in range(REDIRECTS + 1):
                response = await self._client.send(request, stream=True)
                try:
                    body = await _body(response, path)
                finally:
                    await response.aclose()
                if response.next_request is None:
                    return _Reply(response.status_code, response.headers, response.links, body)
                request = response.next_request
                if _origin(request.url) != _origin(self._base):
                    raise SourceError(
                        NAME,
                        f"{path} leads to another address, {_origin(request.url)}; "
                        "if the API has moved there, set HF_API_URL to it",
                    )
        raise SourceError(NAME, f"{path} redirects more than {REDIRECTS} times; check HF_API_URL")

    def _heed_limits(self, reply: _Reply) -> None:
        """Take note of how long the API wants no more calls."""
        waits = [0]
        resets = []
        for policy in reply.headers.get("RateLimit", "").split(","):
            limit = dict(_LIMIT.findall(policy))
            if "t" in limit:
                resets.append(int(limit["t"]))
                if limit.get("r") and not int(limit["r"]):
                    waits.append(int(limit["t"]))
        if reply.status == 429:
            told = _SECONDS.fullmatch(reply.headers.get("Retry-After", ""))
            waits += [int(told[0])] if told else resets or [WINDOW_SECONDS]
        wait = min(max(waits), LONGEST_WAIT_SECONDS)
        self._opens_at = max(self._opens_at, self._clock() + wait)

    def _exhausted(self) -> str:
        return "the rate limit is used up" + ("" if self._token else "; HF_TOKEN doubles it")

    def _words(self, body: bytes) -> str:
        """Return the API's own error message, as far as it sent one."""
        try:
            value = json.loads(body)
        except (ValueError, RecursionError):
            return ""
        message = value.get("error") if isinstance(value, dict) else None
        if not isinstance(message, str):
            return ""
        if self._token:
            message = message.replace(self._token, "…")
        return f" ({clip(one_line(message), 200)})"


def _listed(value: object, path: str) -> tuple[Paper, ...]:
    return payload.papers(value, NAME, path)


def _described(value: object, path: str) -> tuple[Paper, ...]:
    return (payload.paper(value, NAME, path),)


def _query(link: str) -> Mapping[str, str]:
    try:
        return dict(httpx.URL(link).params)
    except httpx.InvalidURL as error:
        raise SourceError(NAME, "the link to a list's next page is no address") from error


def _origin(url: httpx.URL) -> str:
    return f"{url.scheme}://{url.netloc.decode('ascii')}"


async def _body(response: httpx.Response, path: str) -> bytes:
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > BODY_BYTES:
            raise SourceError(
                NAME, f"{path} answers with more than {BODY_BYTES:,} bytes; check HF_API_URL"
            )
    return bytes(body)


def _address(text: str) -> httpx.URL:
    try:
        url = httpx.URL(text.strip())
    except httpx.InvalidURL:
        url = httpx.URL("")
    known = url.scheme in ("http", "https") and url.host and "%" not in url.host
    if not known or url.query or url.fragment:
        raise ConfigError("HF_API_URL is no http(s) address, such as https://huggingface.co")
    if url.userinfo:
        raise ConfigError("HF_API_URL holds a user or password, which logs would show; remove it")
    return url


def _token(settings: HuggingFaceSettings) -> str:
    token = settings.token.get_secret_value().strip() if settings.token else ""
    if token and not _TOKEN.fullmatch(token):
        raise ConfigError("HF_TOKEN holds a space or a character that no token has; copy it again")
    return token


async def open_source(settings: Settings, stack: AsyncExitStack) -> PaperSource:
    """Return the source over the API; ``stack`` closes its connections."""
    source = HuggingFace(settings.hf)
    stack.push_async_callback(source.close)
    return source
