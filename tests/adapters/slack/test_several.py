"""Several workspaces: each installs the app, is answered with its own token, and may leave."""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from adapters.slack._installations import STATES_KEPT, StateFiles, kept_at
from adapters.slack._teams import UNINSTALLED
from adapters.slack.app import SlackAdapter, probe
from adapters.slack.ids import user_ref
from adapters.slack.manifest import (
    COMMAND,
    INSTALL_PATH,
    LEAVING,
    REDIRECT_PATH,
    SCOPES,
    manifest,
)
from bot import cards
from bot.app import configured_adapters
from bot.doctor import examine
from bot.domain.deliveries import DeliveryState, Slot
from bot.domain.errors import ConfigError, Gone, TryLater
from bot.domain.votes import Tally
from bot.services import deliveries
from bot.services.digest import plan_digest
from config.settings import Settings, SlackSettings, load_settings
from tests.adapters.slack.conftest import SECRET, office
from tests.adapters.slack.house import COOKIE, PUBLIC, House, Team, house, shared_settings
from tests.doubles.slack import ApiError, SlackDouble
from tests.examples import NOW, TODAY, batch, paper, paper_id, subscription

HELLO = cards.sentence_reply("Hello.")
UP = f"vote|up|{paper_id(1)}"
MODES = ["http", "socket"]


@pytest.fixture(params=MODES)
async def both(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[House]:
    async with house(tmp_path, request.param) as made:
        yield made


@pytest.fixture
async def at(tmp_path: Path) -> AsyncIterator[House]:
    async with house(tmp_path) as made:
        yield made


@pytest.fixture
async def empty(tmp_path: Path) -> AsyncIterator[House]:
    """The bot before anybody has installed the app."""
    async with house(tmp_path, install=False) as made:
        yield made


def bots(folder: Path) -> list[str]:
    return sorted(path.parent.name for path in (folder / "slack").rglob("bot-*"))


def tokens(team: Team) -> set[str]:
    """Return the tokens with which a workspace was asked for anything."""
    headers = (call.headers.get("Authorization", "") for call in team.slack.calls)
    return {each.removeprefix("Bearer ") for each in headers if each.startswith("Bearer xoxb-")}


# Coming


@pytest.mark.parametrize("mode", MODES)
async def test_a_workspace_installs_the_app_and_is_answered_with_its_token(
    mode: str, tmp_path: Path
) -> None:
    async with house(tmp_path, mode, install=False) as made:
        for team in made.teams:
            await made.install(team)
            slack = team.slack
            asked = await slack.slash(team.ann.id, team.papers.id, COMMAND, "search paper")
            assert asked.acked_within is not None
            assert "3 papers for" in (await asked.answer()).text
            await slack.mention(team.ann.id, team.papers.id, "search paper")
            (shown,) = await slack.wait_for(
                lambda slack=slack, ann=team.ann: [
                    each for each in slack.ephemerals(ann.id) if each.thread_ts is None
                ][1:]
            )
            assert "3 papers for" in shown.text
            assert tokens(team) == {slack.bot_token}
    assert bots(tmp_path) == ["none-T00000001", "none-T00000002"]


async def test_what_is_asked_for_is_what_the_manifest_says(empty: House) -> None:
    asked, _ = await empty.begin()
    made = manifest("http", PUBLIC, several=True)
    assert asked["scope"].split(",") == made["oauth_config"]["scopes"]["bot"] == list(SCOPES)
    assert [asked["redirect_uri"]] == made["oauth_config"]["redirect_urls"]
    assert asked.get("user_scope", "") == ""


async def test_who_installed_the_app_once_is_served_after_a_new_start(tmp_path: Path) -> None:
    async with house(tmp_path):
        pass
    async with house(tmp_path, "socket", install=False) as made:
        for team in made.teams:
            asked = await team.slack.slash(team.ann.id, team.papers.id, COMMAND, "help")
            assert (await asked.answer()).text.startswith("Commands")
            await made.adapter.post(team.channel, HELLO, key="k")


async def test_a_workspace_that_did_not_install_the_app_is_not_answered(empty: House) -> None:
    team = empty.teams[0]
    asked = await team.slack.slash(team.ann.id, team.papers.id, COMMAND, "help")
    assert "not installed" in (await asked.answer()).text
    with pytest.raises(Gone, match=UNINSTALLED) as caught:
        await empty.adapter.post(team.channel, HELLO, key="k")
    assert f"{PUBLIC}{INSTALL_PATH}" in caught.value.cure
    assert team.slack.calls_of("chat.postMessage") == ()


# Turned away


async def test_a_forged_state_is_refused(empty: House, tmp_path: Path) -> None:
    ann = empty.teams[0].ann
    asked, cookie = await empty.begin()
    made_up = str(uuid.uuid4())
    for state, held, status in (
        (made_up, cookie, 400),  # of another browser
        (made_up, made_up, 401),  # that nobody was given
        (asked["state"], "", 400),
        ("", "", 400),
        ("../none", "../none", 401),
    ):
        back = urlsplit(empty.teams[0].slack.authorize(ann.id, asked | {"state": state}))
        cookies = {COOKIE: held} if held else {}
        answered, _, _ = await empty.ask(f"{back.path}?{back.query}", **cookies)
        assert answered == status, state
    assert bots(tmp_path) == []
    assert empty.teams[0].slack.calls_of("oauth.v2.access") == ()


async def test_a_state_is_good_once(empty: House) -> None:
    ann, slack = empty.teams[0].ann, empty.teams[0].slack
    asked, cookie = await empty.begin()
    statuses = []
    for _ in range(2):
        back = urlsplit(slack.authorize(ann.id, asked))
        status, _, _ = await empty.ask(f"{back.path}?{back.query}", **{COOKIE: cookie})
        statuses.append(status)
    assert statuses == [200, 401]


def test_a_state_that_is_no_name_of_ours_opens_no_file(tmp_path: Path) -> None:
    outside = tmp_path / "number"
    outside.write_text(str(time.time()))
    states = StateFiles(expiration_seconds=600, base_dir=str(tmp_path / "slack" / "states" / "1.2"))
    assert states.consume(states.issue())
    for name in ("../../../number", str(outside), "", "."):
        assert not states.consume(name)
    assert outside.exists()


def test_a_state_lasts_ten_minutes_and_is_not_kept_for_ever(tmp_path: Path) -> None:
    folder = tmp_path / "slack" / "states" / "1.2"
    states = StateFiles(expiration_seconds=0, base_dir=str(folder))
    assert not states.consume(states.issue())
    states = StateFiles(expiration_seconds=600, base_dir=str(folder))
    for _ in range(STATES_KEPT + 10):
        last = states.issue()
    assert len(list(folder.iterdir())) == STATES_KEPT
    assert states.consume(last)


async def test_somebody_who_changes_their_mind_installs_nothing(
    empty: House, tmp_path: Path
) -> None:
    asked, cookie = await empty.begin()
    path = f"{REDIRECT_PATH}?error=access_denied&state={asked['state']}"
    status, page, _ = await empty.ask(path, **{COOKIE: cookie})
    assert (status, "access_denied" in page) == (200, True)
    assert bots(tmp_path) == []


async def test_a_code_that_slack_does_not_take_is_told_to_who_installs(
    empty: House,
) -> None:
    team = empty.teams[0]
    team.slack.fault("oauth.v2.access", ApiError("invalid_code"))
    asked, cookie = await empty.begin()
    back = urlsplit(team.slack.authorize(team.ann.id, asked))
    status, page, _ = await empty.ask(f"{back.path}?{back.query}", **{COOKIE: cookie})
    assert (status, "invalid_code" in page) == (401, True)


async def test_an_event_that_slack_did_not_sign_is_turned_away(at: House) -> None:
    for team in at.teams:
        team.slack.use_http(f"{at.url}/slack/events", "another secret")
        asked = await team.slack.slash(team.ann.id, team.papers.id, COMMAND, "help")
        assert asked.acked_within is None
        assert asked.answers == ()


async def test_over_socket_mode_no_event_is_taken_by_http(tmp_path: Path) -> None:
    async with house(tmp_path, "socket") as made:
        team = made.teams[0]
        team.slack.use_http(f"{made.url}/slack/events", "whatever")
        asked = await team.slack.slash(team.ann.id, team.papers.id, COMMAND, "help")
        assert asked.acked_within is None


# Side by side


async def test_two_workspaces_do_not_mix(both: House) -> None:
    refs = []
    for n, team in enumerate(both.teams, start=1):
        shown = cards.paper_message(paper(n), Tally())
        ref = await both.adapter.post(team.channel, shown, key=f"k{n}")
        await both.adapter.edit(ref, cards.paper_message(paper(n), Tally(up=1)))
        await both.adapter.check(team.channel)
        found = await both.adapter.find(
            team.channel, key=f"k{n}", since=datetime(2020, 1, 1, tzinfo=UTC)
        )
        assert found == ref
        refs.append(ref)
    for team, ref in zip(both.teams, refs, strict=True):
        (message,) = team.slack.messages(team.papers.id)
        assert message.bot_id == team.slack.workspace.bot_id
        await team.slack.react(team.ann.id, team.papers.id, ref.id, "+1")
        (read,) = await both.adapter.reactions(ref)
        assert read.user == user_ref(team.channel.workspace, team.ann.id)
        private = await both.adapter.direct(user_ref(team.channel.workspace, team.ann.id))
        assert (private.workspace, private.id) == (team.channel.workspace, team.ann.id)
        assert tokens(team) == {team.slack.bot_token}


async def test_what_people_do_counts_in_their_own_workspace(both: House) -> None:
    for team in both.teams:
        shown = cards.paper_message(paper(1), Tally())
        ref = await both.adapter.post(team.channel, shown, key="k")
        await (await team.slack.click(team.ann.id, team.papers.id, ref.id, UP)).answer()
        await team.slack.direct_message(team.ann.id, "help")
        im = team.slack.workspace.im_with(team.ann.id)
        await team.slack.wait_for(lambda slack=team.slack, im=im: len(slack.messages(im.id)) == 2)
        tallies = await both.store.tallies(team.channel, [paper_id(1)])
        assert tallies[paper_id(1)] == Tally(up=1)
        subscribe = await team.slack.slash(team.ann.id, team.papers.id, COMMAND, "subscribe")
        await subscribe.answer()
        order = await both.store.subscription(team.channel)
        assert order
        assert order.owner == user_ref(team.channel.workspace, team.ann.id)
    assert len(await both.store.subscriptions()) == 2


async def test_a_guest_of_the_other_workspace_may_ask_but_not_set_up(at: House) -> None:
    here, there = at.teams
    event = {
        "type": "app_mention",
        "user": here.ann.id,
        "user_team": there.channel.workspace,
        "channel": here.papers.id,
        "ts": "1778144400.000001",
        "text": f"<@{here.slack.workspace.bot_user_id}> subscribe",
    }
    await here.slack.emit(event, channel=here.papers.id)
    (shown,) = await here.slack.wait_for(lambda: here.slack.ephemerals(here.ann.id))
    assert "for those who manage this channel" in shown.text
    assert await at.store.subscriptions() == []


async def test_what_is_heard_is_answered_from_memory(at: House, tmp_path: Path) -> None:
    """Slack waits three seconds, and a disk may take longer."""
    team = at.teams[0]
    await (await team.slack.slash(team.ann.id, team.papers.id, COMMAND, "help")).answer()
    for path in (tmp_path / "slack").rglob("bot-latest"):
        path.rename(path.with_name("elsewhere"))
        path.mkdir()
    with pytest.raises(TryLater):
        await at.adapter.post(team.channel, HELLO, key="k")
    asked = await team.slack.slash(team.ann.id, team.papers.id, COMMAND, "help")
    assert (await asked.answer()).text.startswith("Commands")
    for path in (tmp_path / "slack").rglob("bot-latest"):
        path.rmdir()
        path.with_name("elsewhere").rename(path)
    for path in (tmp_path / "slack").rglob("bot-latest"):
        path.unlink()
    asked = await team.slack.slash(team.ann.id, team.papers.id, COMMAND, "help")
    assert (await asked.answer()).text.startswith("Commands")
    with pytest.raises(Gone):
        await at.adapter.post(team.channel, HELLO, key="k")


# Leaving


async def deliver(at: House, team: Team) -> tuple[deliveries.Outcome, list[DeliveryState]]:
    """Post the day's digest in a workspace; return how that went."""
    order, listed = subscription(team.channel), batch(papers=2)
    await at.store.save_batch(listed, NOW)
    plan = plan_digest(order, TODAY, [listed], {}, now=NOW)
    await at.store.plan(plan.deliveries, plan.receipt)
    slot = Slot(team.channel, TODAY)
    outcome = await deliveries.deliver(
        slot, store=at.store, adapter=at.adapter, clock=lambda: datetime.now(UTC)
    )
    return outcome, [each.state for each in await at.store.deliveries(slot)]


async def test_a_workspace_that_leaves_is_forgotten_and_its_digests_are_parked(
    both: House, tmp_path: Path
) -> None:
    leaving, staying = both.teams
    await leaving.slack.uninstall()
    await leaving.slack.wait_for(lambda: bots(tmp_path) == ["none-T00000002"])
    outcome, states = await deliver(both, leaving)
    assert outcome.gone
    assert "/slack/install" in outcome.gone.cure
    assert set(states) == {DeliveryState.PARKED}
    outcome, states = await deliver(both, staying)
    assert set(states) == {DeliveryState.SENT}
    with pytest.raises(Gone):
        await both.adapter.check(leaving.channel)


async def test_a_workspace_that_comes_back_is_served_with_its_new_token(
    at: House, tmp_path: Path
) -> None:
    main, team = at.teams
    await team.slack.uninstall()
    await team.slack.wait_for(lambda: bots(tmp_path) == ["none-T00000001"])
    team.slack.bot_token = "xoxb-new"
    main.slack.add_team(team.slack)
    team.slack.use_http(f"{at.url}/slack/events", SECRET)
    await at.install(team)
    await at.adapter.post(team.channel, HELLO, key="k")
    await team.slack.mention(team.ann.id, team.papers.id, "help")
    await team.slack.wait_for(lambda: team.slack.ephemerals(team.ann.id))
    assert tokens(team) == {"xoxb-other", "xoxb-new"}
    assert team.slack.calls_of("chat.postEphemeral")[0].headers["Authorization"].endswith("-new")


async def test_an_event_that_comes_late_does_not_undo_a_newer_installation(
    at: House, tmp_path: Path
) -> None:
    slack = at.teams[0].slack
    real, slack.workspace.clock = slack.workspace.clock, lambda: time.time() - 60
    await slack.emit({"type": "app_uninstalled"})
    slack.workspace.clock = real
    await slack.settled()
    assert len(bots(tmp_path)) == 2


async def test_a_persons_token_that_is_revoked_is_not_the_bots(at: House, tmp_path: Path) -> None:
    slack = at.teams[0].slack
    await slack.emit({"type": "tokens_revoked", "tokens": {"oauth": [at.teams[0].ann.id]}})
    revoked: dict[str, Any] = {"oauth": [], "bot": ["U0ANOTHER"]}
    await slack.emit({"type": "tokens_revoked", "tokens": revoked})
    await slack.settled()
    assert len(bots(tmp_path)) == 2


async def test_who_left_while_the_bot_was_away_is_found_out_by_the_next_post(at: House) -> None:
    team = at.teams[0]
    team.slack.installed = False  # and no event came
    with pytest.raises(Gone, match=UNINSTALLED) as caught:
        await at.adapter.post(team.channel, HELLO, key="k")
    assert f"{PUBLIC}{INSTALL_PATH}" in caught.value.cure


async def test_a_token_that_slack_calls_invalid_parks_nothing(at: House) -> None:
    """It may be Slack's mistake, and every workspace's at once."""
    team = at.teams[0]
    team.slack.fault("chat.postMessage", ApiError("invalid_auth"))
    with pytest.raises(TryLater, match="invalid_auth") as caught:
        await at.adapter.post(team.channel, HELLO, key="k")
    assert f"{PUBLIC}{INSTALL_PATH}" in caught.value.cure
    await at.adapter.post(team.channel, HELLO, key="k")


async def test_a_place_that_cannot_be_read_is_no_reason_to_park(at: House, tmp_path: Path) -> None:
    for path in (tmp_path / "slack").rglob("bot-latest"):
        path.write_text("{")
    with pytest.raises(TryLater, match="out of reach") as caught:
        await at.adapter.post(at.teams[0].channel, HELLO, key="k")
    assert "STORE_URL" in caught.value.cure
    team = at.teams[1]
    asked = await team.slack.slash(team.ann.id, team.papers.id, COMMAND, "help")
    assert asked.acked_within is None  # so that the person is told, and Slack may try again


# Secrets


async def test_files_are_for_this_user_alone(at: House, tmp_path: Path) -> None:
    await at.begin()
    (tmp_path / "slack").chmod(0o755)
    await at.install(at.teams[0])
    found = [tmp_path / "slack", *(tmp_path / "slack").rglob("*")]
    assert {oct(each.stat().st_mode & 0o777) for each in found if each.is_dir()} == {"0o700"}
    assert {oct(each.stat().st_mode & 0o777) for each in found if each.is_file()} == {"0o600"}
    assert len([each for each in found if each.is_file()]) == 3  # two bots, one open page


async def test_no_secret_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    with capture_logs() as logs:
        async with house(tmp_path, install=False) as made:
            secrets = {COOKIE, *(team.slack.bot_token for team in made.teams)}
            secrets.remove(COOKIE)
            secrets.add(made.teams[0].slack.client[1])
            for code in ("bad_redirect_uri", ""):
                team = made.teams[0]
                if code:
                    team.slack.fault("oauth.v2.access", ApiError(code))
                asked, cookie = await made.begin()
                back = urlsplit(team.slack.authorize(team.ann.id, asked))
                secrets |= {cookie, back.query.partition("code=")[2].partition("&")[0]}
                for _ in range(2):
                    await made.ask(f"{back.path}?{back.query}", **{COOKIE: cookie})
            team.slack.installed = False
            with pytest.raises(Gone):
                await made.adapter.post(team.channel, HELLO, key="k")
            await team.slack.uninstall()
    output = capsys.readouterr()
    everything = f"{logs}{caplog.text}{output.out}{output.err}"
    assert "slack installation failed" in everything
    assert [each for each in secrets if each in everything] == []
    assert not any(each in repr(made.adapter._settings) for each in secrets)


# Set up


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"client_id": None}, "SLACK_CLIENT_ID is not set"),
        ({"client_secret": None}, "SLACK_CLIENT_SECRET is not set"),
        ({"public_url": None}, "SLACK_PUBLIC_URL is not set"),
        ({"signing_secret": None}, "SLACK_SIGNING_SECRET is not set"),
        ({"mode": "socket", "app_token": None}, "SLACK_APP_TOKEN is not set"),
    ],
)
async def test_what_is_missing_is_named_with_the_cure(
    changes: dict[str, Any], named: str, tmp_path: Path
) -> None:
    async with SlackDouble() as slack:
        settings = shared_settings(slack, **changes)
        with pytest.raises(ConfigError, match=named) as caught:
            SlackAdapter(settings, tmp_path)
        with pytest.raises(ConfigError, match=named):
            await probe(settings)
    assert "or set SLACK_" in str(caught.value)
    assert "client-secret-double" not in str(caught.value)


async def test_a_memory_that_does_not_last_keeps_no_installations() -> None:
    async with SlackDouble() as slack:
        settings = Settings(
            _env_file=None, slack=shared_settings(slack), store={"url": SecretStr("memory:")}
        )
        with pytest.raises(ConfigError, match="STORE_URL is `memory:`"):
            configured_adapters(settings)


async def test_a_token_comes_before_a_client(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bolt looks into the environment by itself; it must make nothing of what it finds."""
    monkeypatch.setenv("SLACK_CLIENT_ID", "1.2")
    monkeypatch.setenv("SLACK_CLIENT_SECRET", "client-secret")
    monkeypatch.setenv("HOME", str(tmp_path))
    for mode in MODES:
        async with office(mode) as made:
            answer = await made.slack.slash(made.ann.id, made.papers.id, COMMAND, "help")
            assert (await answer.answer()).text.startswith("Commands")
    assert list(tmp_path.iterdir()) == []


async def test_the_whole_is_made_from_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    given = {
        "SLACK_CLIENT_ID": "1.2", "SLACK_CLIENT_SECRET": "s", "SLACK_SIGNING_SECRET": "t",
        "SLACK_MODE": "http", "SLACK_PUBLIC_URL": "https://bot.example.org/",
    }  # fmt: skip
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    settings = load_settings(tmp_path / "none")
    assert isinstance(configured_adapters(settings)["slack"], SlackAdapter)
    assert f"{PUBLIC}{INSTALL_PATH}" in await probe(settings.slack)
    assert list(tmp_path.iterdir()) == []  # nothing is kept before there is something


@pytest.mark.parametrize("url", ["http://bot.example.org", "bot.example.org", "https://", "x"])
def test_an_address_that_slack_would_not_go_to_is_refused(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SLACK_PUBLIC_URL", url)
    with pytest.raises(ConfigError, match=r"SLACK_PUBLIC_URL: is no https address"):
        load_settings(tmp_path / "none")


async def test_doctor_says_where_the_app_is_installed_and_tries_the_app_token() -> None:
    async with SlackDouble() as slack:
        settings: SlackSettings = shared_settings(slack, "socket")
        assert f"{PUBLIC}{INSTALL_PATH}" in await probe(settings)
        with pytest.raises(ConfigError, match="SLACK_APP_TOKEN"):
            await probe(shared_settings(slack, "socket", app_token=SecretStr("xapp-wrong")))


async def test_the_doctor_does_not_say_of_messages_what_nobody_was_asked(tmp_path: Path) -> None:
    async with SlackDouble() as slack:
        settings = Settings(
            _env_file=None,
            slack=shared_settings(slack),
            sources={"enabled": "sample"},
            store={"url": SecretStr(f"tinydb://{tmp_path}")},
        )
        samples = {"slack": [{"text": "x", "blocks": []}]}
        found = await examine(settings, offline=False, now=NOW, samples=samples)
    assert [each.what for each in found if each.what.startswith("slack")] == ["slack"]
    assert all(each.ok for each in found)


async def test_a_draft_that_was_cut_short_is_not_taken_for_a_bot(at: House, tmp_path: Path) -> None:
    team = at.teams[0]
    folder = next((tmp_path / "slack").rglob("none-T00000001"))
    (folder / "draft").write_text("{")
    await at.adapter.post(team.channel, HELLO, key="k")
    await at.install(team)
    kept = kept_at(tmp_path, team.slack.client[0])
    found = await asyncio.gather(*(kept.installations.read("T00000001") for _ in range(3)))
    assert {each.bot_token for each in found if each} == {team.slack.bot_token}
    assert not (folder / "draft").exists()


def test_the_manifest_for_several_says_where_to_return_to_and_who_leaves() -> None:
    for mode in ("http", "socket"):
        plain, made = manifest(mode, PUBLIC), manifest(mode, PUBLIC, several=True)
        assert made["oauth_config"].pop("redirect_urls") == [PUBLIC + REDIRECT_PATH]
        events = made["settings"]["event_subscriptions"]["bot_events"]
        assert events[-len(LEAVING) :] == list(LEAVING)
        del events[-len(LEAVING) :]
        assert made == plain
    with pytest.raises(ConfigError, match="Several workspaces need the public https address"):
        manifest("socket", several=True)
