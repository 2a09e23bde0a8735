"""The Daily Papers API on loopback: lists, search and papers, ETags, paging, limits and faults."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from types import TracebackType
from typing import Any

from aiohttp import web

from bot.domain.papers import Paper
from tests.doubles.loopback import HOST, listen

Json = dict[str, Any]
Fault = Callable[[web.Request], Awaitable[web.StreamResponse]]

DEFAULT_LIMIT = 50
MOST_PAPERS = 100
MOST_FOUND = 120


@dataclass(frozen=True, slots=True)
class Asked:
    """One request that arrived."""

    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]


class HuggingFaceDouble:
    """Serves the papers it is given; ``async with`` runs it, ``url`` is its address.

    Attributes:
        days: What is listed; to be changed at will.
        faults: What the next requests meet, one each, before the API answers again.
        asked: All requests so far.
        limit: Calls left and seconds to the reset, sent with every answer when given.
        today: Later days are refused, when given.
        link_base: Where links to next pages lead, when not here.
    """

    def __init__(self, days: Mapping[date, Sequence[Paper]]) -> None:
        self.days = dict(days)
        self.faults: deque[Fault] = deque()
        self.asked: list[Asked] = []
        self.limit: tuple[int, int] | None = None
        self.today: date | None = None
        self.link_base = ""
        self.texts: dict[str, str] = {}
        self.url = ""
        self._closing = asyncio.Event()
        app = web.Application(middlewares=[self._meet])
        app.router.add_get("/api/daily_papers", self._list)
        app.router.add_get("/api/papers/search", self._search)
        app.router.add_get("/api/papers/{id}", self._paper)
        app.router.add_get("/papers/{id}.md", self._text)
        self._runner = web.AppRunner(app, access_log=None)

    async def __aenter__(self) -> HuggingFaceDouble:
        self.url = f"http://{HOST}:{await listen(self._runner)}"
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closing.set()
        await self._runner.cleanup()

    async def silence(self, request: web.Request) -> web.StreamResponse:
        """A fault: give no answer for as long as the double runs."""
        await self._closing.wait()
        return web.Response()

    @web.middleware
    async def _meet(
        self, request: web.Request, handler: Callable[..., Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        self.asked.append(Asked(request.path, dict(request.query), dict(request.headers)))
        if self.faults:
            return await self.faults.popleft()(request)
        return await handler(request)

    async def _list(self, request: web.Request) -> web.StreamResponse:
        query = request.query
        try:
            listed = self._listed(query)
            page = int(query.get("p", "0"))
            limit = int(query.get("limit", DEFAULT_LIMIT))
        except ValueError as error:
            return _refusal(400, str(error))
        if not 1 <= limit <= MOST_PAPERS or page < 0:
            return _refusal(400, f"limit must be from 1 to {MOST_PAPERS}, p from 0")
        shown = listed[page * limit : (page + 1) * limit]
        headers = {}
        if len(listed) > (page + 1) * limit:
            link = request.url.with_query({**query, "p": str(page + 1)})
            base = self.link_base or self.url
            headers["Link"] = f'<{base}{link.path_qs}>; rel="next"'
        return self._answer(request, shown, headers)

    def _listed(self, query: Mapping[str, str]) -> list[Json]:
        if "date" in query:
            day = date.fromisoformat(query["date"])
            if self.today and day > self.today:
                raise ValueError("date is in the future")
            return self._entries([day])
        if "week" in query:
            year, week = query["week"].split("-W")
            monday = date.fromisocalendar(int(year), int(week), 1)
            return self._entries(monday + timedelta(days=each) for each in range(7))
        if "month" in query:
            first = date.fromisoformat(f"{query['month']}-01")
            return self._entries(
                day for day in self.days if (day.year, day.month) == (first.year, first.month)
            )
        if query.get("sort", "publishedAt") not in ("publishedAt", "trending"):
            raise ValueError("sort must be publishedAt or trending")
        return self._entries(self.days)

    def _entries(self, days: Iterable[date]) -> list[Json]:
        listed = [wire(paper, day) for day in days for paper in self.days.get(day, ())]
        return sorted(listed, key=lambda entry: -entry["paper"]["upvotes"])

    async def _search(self, request: web.Request) -> web.StreamResponse:
        words = request.query.get("q", "").casefold().split()
        limit = int(request.query.get("limit", MOST_FOUND))
        if not words or not 1 <= limit <= MOST_FOUND:
            return _refusal(400, f"q is needed, limit must be from 1 to {MOST_FOUND}")
        found = [
            entry
            for entry in self._entries(self.days)
            if all(word in json.dumps(entry, ensure_ascii=False).casefold() for word in words)
        ]
        return self._answer(request, found[:limit])

    async def _text(self, request: web.Request) -> web.StreamResponse:
        text = self.texts.get(request.match_info["id"])
        if text is None:
            return web.Response(status=404, text="Not found")
        return web.Response(text=text, content_type="text/markdown")

    async def _paper(self, request: web.Request) -> web.StreamResponse:
        for day, papers in self.days.items():
            for paper in papers:
                if paper.id.key == request.match_info["id"]:
                    flat = {**wire(paper, day)["paper"], "linkedModels": [], "numTotalModels": 0}
                    return self._answer(request, flat)
        return _refusal(404, "Paper not found")

    def _answer(
        self, request: web.Request, value: object, headers: Mapping[str, str] | None = None
    ) -> web.StreamResponse:
        body = json.dumps(value).encode()
        tag = f'W/"{hashlib.sha256(body).hexdigest()[:16]}"'
        sent = {**(headers or {}), "ETag": tag}
        if self.limit:
            left, reset = self.limit
            sent["RateLimit"] = f'"api";r={left};t={reset}'
            sent["RateLimit-Policy"] = '"fixed window";"api";q=500;w=300'
        if request.headers.get("If-None-Match") == tag:
            return web.Response(status=304, headers=sent)
        return web.Response(body=body, content_type="application/json", headers=sent)


def status(code: int, error: str = "", **headers: str) -> Fault:
    """A fault: answer with a status, the API's error message and headers (``_`` for ``-``)."""

    async def fault(request: web.Request) -> web.StreamResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.json_response({"error": error}, status=code, headers=named)

    return fault


def body(data: bytes) -> Fault:
    """A fault: answer 200 with these bytes."""

    async def fault(request: web.Request) -> web.StreamResponse:
        return web.Response(body=data, content_type="application/json")

    return fault


async def hang_up(request: web.Request) -> web.StreamResponse:
    """A fault: close the connection in the middle of the answer."""
    response = web.StreamResponse(headers={"Content-Length": "1000"})
    await response.prepare(request)
    await response.write(b'[{"paper":')
    if request.transport:
        request.transport.abort()
    return response


def wire(paper: Paper, day: date) -> Json:
    """Return a paper as an entry of the list of ``day``, in the API's shape of 2026."""
    account = {"fullname": "A. Person", "name": paper.submitted_by, "type": "user", "isPro": False}
    organization = {"name": paper.organization, "fullname": paper.organization, "avatar": "…"}
    described = {
        "id": paper.id.key,
        "title": paper.title,
        "summary": paper.abstract,
        "authors": [{"_id": "0", "name": name, "hidden": False} for name in paper.authors],
        "publishedAt": f"{paper.published}T00:00:00.000Z" if paper.published else None,
        "submittedOnDailyAt": f"{day}T00:00:00.000Z",
        "submittedOnDailyBy": {**account, "user": paper.submitted_by},
        "upvotes": paper.upvotes or 0,
        "discussionId": "69fbeeea0123456789abcdef",
        "ai_summary": paper.one_line,
        "ai_keywords": list(paper.keywords),
        "organization": organization,
        "githubRepo": paper.code_url,
        "githubStars": paper.code_stars,
        "projectPage": paper.project_url,
    }
    outer = {
        "publishedAt": f"{(paper.published or day) - timedelta(days=1)}T20:00:00.000Z",
        "title": paper.title.replace(" ", "\n  ", 1),
        "summary": paper.abstract,
        "thumbnail": paper.thumbnail_url,
        "numComments": paper.comments,
        "submittedBy": account,
        "organization": organization,
        "isAuthorParticipating": False,
    }
    return {"paper": _known(described), **_known(outer)}


def _known(fields: Json) -> Json:
    """Return what is known; the API leaves out the rest."""
    return {
        name: value
        for name, value in fields.items()
        if value not in (None, [])
        and not (isinstance(value, dict) and value.get("name", "") is None)
    }


def _refusal(code: int, error: str) -> web.StreamResponse:
    return web.json_response({"error": error}, status=code)
