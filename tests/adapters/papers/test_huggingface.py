import json
from dataclasses import replace
from datetime import date, timedelta

import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from adapters.papers import huggingface
from adapters.papers.huggingface import HuggingFace
from bot import __version__
from bot.domain.errors import ConfigError, SourceError
from bot.domain.papers import PaperId
from config.settings import HuggingFaceSettings
from tests.contracts.paper_source import PaperSourceContract
from tests.doubles.clock import Seconds
from tests.doubles.huggingface import HuggingFaceDouble, body, hang_up, status, wire

from .examples import DAYS, FRIDAY, HERMES, MONDAY, OLMO, THINK, TUESDAY

TOKEN = "hf_abcdefghijklmnop"
SATURDAY, SUNDAY = FRIDAY + timedelta(days=1), FRIDAY + timedelta(days=2)


@pytest.fixture
def clock():
    return Seconds()


@pytest.fixture
async def hub():
    async with HuggingFaceDouble(DAYS) as hub:
        yield hub


@pytest.fixture
async def opened(hub, clock):
    """Open sources over the double; all are closed at the end."""
    sources = []

    def opened(**settings):
        source = HuggingFace(
            HuggingFaceSettings(**{"api_url": hub.url, **settings}), clock=clock, sleep=clock.sleep
        )
        sources.append(source)
        return source

    yield opened
    for source in sources:
        await source.close()


@pytest.fixture
def source(opened):
    return opened()


def many(count):
    return [
        replace(OLMO, id=PaperId("arxiv", f"2605.{number:05}"), upvotes=count - number)
        for number in range(count)
    ]


class TestHuggingFace(PaperSourceContract):
    @pytest.fixture
    async def source(self, opened):
        return opened()

    @pytest.fixture
    def day(self):
        return FRIDAY


async def test_a_list_is_read_whole(source):
    assert (await source.batch(FRIDAY)).papers == DAYS[FRIDAY]


async def test_a_batch_is_asked_for_by_date_with_the_highest_limit(source, hub):
    await source.batch(FRIDAY)
    (asked,) = hub.asked
    assert (asked.path, asked.query) == (
        "/api/daily_papers",
        {"date": "2026-05-08", "limit": "100"},
    )
    assert asked.headers["User-Agent"] == f"daily-papers/{__version__}"


async def test_the_token_is_sent_only_where_it_is_set(opened, hub):
    await opened().batch(FRIDAY)
    await opened(token=SecretStr("")).batch(FRIDAY)
    await opened(token=SecretStr(f"{TOKEN}\n")).batch(FRIDAY)
    assert [asked.headers.get("Authorization") for asked in hub.asked] == [
        None,
        None,
        f"Bearer {TOKEN}",
    ]


async def test_an_api_under_a_path_is_reached(opened, hub):
    await opened(api_url=f"{hub.url}/").batch(FRIDAY)
    with pytest.raises(SourceError, match="/api/daily_papers answers HTTP 404"):
        await opened(api_url=f"{hub.url}/mirror").batch(FRIDAY)
    assert [asked.path for asked in hub.asked] == ["/api/daily_papers", "/mirror/api/daily_papers"]


# newest


async def test_weekends_are_asked_for_only_when_they_are_the_day(source, hub):
    newest = await source.newest(SUNDAY)
    assert newest is not None
    assert newest.key.day == FRIDAY
    assert [asked.query["date"] for asked in hub.asked] == ["2026-05-10", "2026-05-08"]


async def test_the_newest_batch_is_looked_for_ten_days_back(source, hub):
    hub.days = {MONDAY: (OLMO,)}
    assert (await source.newest(MONDAY + timedelta(days=9))) is not None
    assert await source.newest(MONDAY + timedelta(days=10)) is None


async def test_a_day_that_the_api_has_not_reached_is_passed_over(source, hub):
    hub.today = FRIDAY
    assert (await source.newest(SATURDAY)).key.day == FRIDAY
    with pytest.raises(SourceError, match=r"HTTP 400 \(date is in the future\)"):
        await source.batch(SATURDAY)


async def test_a_refusal_of_every_day_is_an_error(source, hub):
    hub.today = date(2020, 1, 1)
    with pytest.raises(SourceError, match="HTTP 400"):
        await source.newest(FRIDAY)


# lists


async def test_all_pages_of_a_list_are_read(source, hub):
    hub.days = {MONDAY: many(230)}
    batch = await source.batch(MONDAY)
    assert [paper.id for paper in batch.papers] == [paper.id for paper in hub.days[MONDAY]]
    assert [asked.query.get("p") for asked in hub.asked] == [None, "1", "2"]


async def test_a_link_never_leads_to_another_host(source, hub):
    hub.days = {MONDAY: many(130)}
    hub.link_base = "http://elsewhere.invalid"
    assert len((await source.batch(MONDAY)).papers) == 130
    assert len(hub.asked) == 2


async def test_pages_without_end_are_cut_off_and_logged(source, hub):
    async def same(request):
        hub.faults.append(same)
        return hub._answer(request, [wire(OLMO, MONDAY)], {"Link": '</?p=1>; rel="next"'})

    hub.faults.append(same)
    with capture_logs() as logs:
        assert len((await source.batch(MONDAY)).papers) == 1
    assert [line["event"] for line in logs] == ["list cut off"]
    assert len(hub.asked) <= huggingface.PAGES


async def test_roundups_are_asked_for_by_week_month_and_trend(source, hub):
    assert {paper.id for paper in await source.roundup("week", TUESDAY)} == {
        HERMES.id,
        THINK.id,
        OLMO.id,
    }
    await source.roundup("week", date(2027, 1, 1))
    await source.roundup("month", TUESDAY)
    await source.roundup("trending", TUESDAY)
    assert [asked.query for asked in hub.asked] == [
        {"week": "2026-W19", "limit": "100"},
        {"week": "2026-W53", "limit": "100"},
        {"month": "2026-05", "limit": "100"},
        {"sort": "trending", "limit": "100"},
    ]


async def test_a_search_asks_within_the_apis_limits(source, hub):
    await source.search("think\n" + "x" * 1_000, 500)
    (asked,) = hub.asked
    assert asked.query["limit"] == "120"
    assert len(asked.query["q"]) == 250
    assert [paper.id for paper in await source.search("THINK", 3)] == [THINK.id]


async def test_a_paper_that_hugging_face_cannot_have_is_not_asked_for(source, hub):
    for paper in ("page:olmo-3", "arxiv:hep-th/9901001", "arxiv:../daily_papers", "arxiv:search"):
        assert await source.paper(PaperId.parse(paper)) is None
    assert hub.asked == []


# memory


async def test_an_answer_is_fresh_for_a_minute_and_then_asked_for_with_its_tag(source, hub, clock):
    first = await source.batch(FRIDAY)
    clock.now += 59
    assert await source.batch(FRIDAY) == first
    assert len(hub.asked) == 1
    clock.now += 1
    assert await source.batch(FRIDAY) == first
    assert hub.asked[1].headers["If-None-Match"].startswith('W/"')
    assert await source.batch(FRIDAY) == first
    assert len(hub.asked) == 2


async def test_a_changed_list_is_read_anew(source, hub, clock):
    await source.batch(FRIDAY)
    hub.days[FRIDAY] = (*DAYS[FRIDAY], OLMO)
    clock.now += 60
    assert len((await source.batch(FRIDAY)).papers) == 3


async def test_memory_is_bounded(source, hub):
    for back in range(huggingface.ANSWERS_KEPT + 5):
        await source.batch(FRIDAY - timedelta(days=back))
    assert len(source._answers) == huggingface.ANSWERS_KEPT
    await source.batch(FRIDAY)
    assert hub.asked[-1].query["date"] == str(FRIDAY)


# limits


async def test_no_call_is_made_while_the_window_is_used_up(source, hub, clock):
    hub.limit = (0, 120)
    batch = await source.batch(FRIDAY)
    clock.now += 20
    with pytest.raises(
        SourceError, match="the rate limit is used up; HF_TOKEN doubles it"
    ) as error:
        await source.batch(MONDAY)
    assert error.value.retry_after == 100
    assert await source.batch(FRIDAY) == batch
    assert len(hub.asked) == 1
    clock.now += 100
    assert (await source.batch(MONDAY)).papers


async def test_a_window_with_calls_left_hinders_nothing(source, hub):
    hub.limit = (1, 120)
    await source.batch(FRIDAY)
    await source.batch(MONDAY)
    assert len(hub.asked) == 2


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry_After": "7"}, 7),
        ({"Retry_After": "Thu, 07 May 2026 09:00:00 GMT", "RateLimit": '"api";r=0;t=42'}, 42),
        ({"RateLimit": '"api";r=3;t=42'}, 42),
        ({}, 300),
        ({"Retry_After": "999999999"}, 3_600),
    ],
)
async def test_too_many_requests_say_when_to_come_back(source, hub, clock, headers, seconds):
    hub.faults.append(status(429, "slow down", **headers))
    with pytest.raises(SourceError) as error:
        await source.batch(FRIDAY)
    assert error.value.retry_after == seconds
    with pytest.raises(SourceError):
        await source.batch(MONDAY)
    assert len(hub.asked) == 1
    clock.now += seconds
    assert (await source.batch(FRIDAY)).papers


# faults


async def test_what_passes_is_tried_again(source, hub, clock):
    hub.faults += [status(500), hang_up]
    assert (await source.batch(FRIDAY)).papers == DAYS[FRIDAY]
    assert clock.slept == [1, 4]


async def test_what_does_not_pass_is_an_error_after_three_attempts(source, hub):
    hub.faults += [status(503, "down for work")] * 3
    with pytest.raises(SourceError, match=r"answers HTTP 503 \(down for work\)"):
        await source.batch(FRIDAY)
    assert len(hub.asked) == 3


async def test_silence_is_an_error_that_names_the_seconds(opened, hub, clock):
    hub.faults += [hub.silence] * 3
    with pytest.raises(SourceError, match=r"gave no answer within 0\.05 s"):
        await opened(timeout=0.05).batch(FRIDAY)
    assert len(clock.slept) == 2


async def test_an_address_where_nobody_listens_is_an_error(opened, hub):
    async with HuggingFaceDouble({}) as gone:
        url = gone.url
    with pytest.raises(SourceError, match=r"gave no answer \(ConnectError\)"):
        await opened(api_url=url).batch(FRIDAY)


@pytest.mark.parametrize("code", [400, 401, 403, 404, 418])
async def test_a_refusal_is_an_error_at_once_with_the_apis_words(source, hub, code):
    hub.faults.append(status(code, "No:\n" + "because " * 100))
    with pytest.raises(SourceError, match=f"HTTP {code} \\(No: because") as error:
        await source.batch(FRIDAY)
    assert len(str(error.value)) < 300
    assert ("check HF_TOKEN" in str(error.value)) == (code in (401, 403))
    assert len(hub.asked) == 1


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (json.dumps([wire(HERMES, FRIDAY)]).encode()[:500], "no JSON from character"),
        (b"<!doctype html>", "no JSON from character 0"),
        (b"", "no JSON from character 0"),
        (b'{"error": "?"}', "holds no list of papers but an object"),
    ],
)
async def test_an_answer_of_another_shape_is_an_error(source, hub, data, words):
    hub.faults.append(body(data))
    with pytest.raises(SourceError, match=words):
        await source.batch(FRIDAY)
    assert (await source.batch(FRIDAY)).papers


async def test_a_paper_of_another_shape_is_an_error(source, hub):
    hub.faults.append(body(b"[]"))
    with pytest.raises(SourceError, match="holds no paper"):
        await source.paper(HERMES.id)


async def test_an_endless_answer_is_not_read(source, hub, monkeypatch):
    monkeypatch.setattr(huggingface, "BODY_BYTES", 1_000)
    with pytest.raises(SourceError, match="more than 1,000 bytes"):
        await source.batch(FRIDAY)


async def test_a_redirect_within_the_host_is_followed(source, hub):
    hub.faults.append(status(302, Location="/api/daily_papers?date=2026-05-05&limit=100"))
    assert (await source.batch(FRIDAY)).papers == (OLMO,)


async def test_a_redirect_to_another_host_is_refused(opened, hub):
    async with HuggingFaceDouble(DAYS) as other:
        hub.faults.append(status(302, Location=f"{other.url}/api/daily_papers"))
        with pytest.raises(SourceError, match="leads to another address") as error:
            await opened(token=SecretStr(TOKEN)).batch(FRIDAY)
        assert other.url in str(error.value)
        assert other.asked == []


async def test_redirects_in_a_circle_end(source, hub):
    hub.faults += [status(302, Location="/api/daily_papers")] * 10
    with pytest.raises(SourceError, match="redirects more than 3 times"):
        await source.batch(FRIDAY)


async def test_the_token_is_in_no_error_and_no_log(opened, hub):
    source = opened(token=SecretStr(TOKEN))
    hub.faults += [status(401, f"Invalid token {TOKEN}"), *[status(500, TOKEN)] * 3]
    with capture_logs() as logs:
        for _ in range(2):
            with pytest.raises(SourceError) as error:
                await source.batch(FRIDAY)
            assert TOKEN not in str(error.value)
    assert TOKEN not in str(logs)


@pytest.mark.parametrize("token", ["hf_a b", "hf_a\r\nX: y", "hf_ä"])
def test_a_token_that_cannot_be_one_is_refused_unseen(token):
    with pytest.raises(ConfigError, match="HF_TOKEN") as error:
        HuggingFace(HuggingFaceSettings(token=SecretStr(token)))
    assert token not in str(error.value)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "huggingface.co",
        "ftp://a.example",
        "https://",
        "https://u:p@a.example",
        "http://[",
        "https://a.example/?x=1",
    ],
)
def test_an_address_that_cannot_be_one_is_refused(url):
    with pytest.raises(ConfigError, match="HF_API_URL"):
        HuggingFace(HuggingFaceSettings(api_url=url))


async def test_a_full_text_is_read_once_and_kept(hub, opened):
    source = opened()
    hub.texts[OLMO.id.key] = "# Title\n\nIt ‘is’ so.\n"
    for _ in range(2):
        assert await source.full_text(OLMO.id) == "# Title\n\nIt ‘is’ so.\n"
    assert [each.path for each in hub.asked] == [f"/papers/{OLMO.id.key}.md"]


async def test_a_page_for_people_is_no_full_text(hub, opened):
    hub.texts[OLMO.id.key] = "<!DOCTYPE html><html>Sign in</html>"
    assert await opened().full_text(OLMO.id) is None


async def test_a_full_text_that_does_not_come_is_a_source_error(hub, opened):
    hub.faults.extend([status(500)] * 3)
    with pytest.raises(SourceError, match=r"/papers/.*\.md answers HTTP 500"):
        await opened().full_text(OLMO.id)
