"""Where installations are kept: the same of files and of PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from slack_sdk.oauth.installation_store import Installation
from sqlalchemy import MetaData, Table, func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.slack._installations import Installations, Kept, kept_at
from adapters.slack._tables import StateTable
from adapters.storage import place_beside
from adapters.storage.postgres import PostgresStore
from adapters.storage.postgres._schema import slack_bots, slack_oauth_states
from bot.domain.errors import TryLater
from tests.doubles.postgres import PostgresCluster

CLIENT = "1.2"


@pytest.fixture(params=["files", "postgres"])
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the address of a state that is there."""
    if request.param == "files":
        return f"tinydb://{tmp_path}"
    postgres: PostgresCluster = request.getfixturevalue("postgres")
    url = await postgres.created()
    await (await PostgresStore.open(url)).close()
    return url


@pytest.fixture
async def kept(place: str) -> AsyncIterator[Kept]:
    made = kept_at(place_beside(place), CLIENT)
    yield made
    await made.close()


def installation(team: str = "T1", token: str = "xoxb-1", at: float = 1_000.5) -> Installation:
    return Installation(
        app_id="A1",
        enterprise_id="E1",
        team_id=team,
        team_name="Ünïcode 論文",
        bot_token=token,
        bot_id="B1",
        bot_user_id="U1",
        bot_scopes="chat:write,commands",
        user_id="U2",
        user_token="xoxp-not-kept",
        installed_at=at,
    )


async def token_of(installations: Installations, team: str) -> str | None:
    bot = await installations.read(team)
    return bot.bot_token if bot else None


async def test_a_workspace_is_known_by_its_team_alone(kept: Kept) -> None:
    assert await kept.installations.known("T1") is None
    await kept.installations.async_save(installation())
    bot = await kept.installations.known("T1")
    assert bot
    assert (bot.bot_token, bot.bot_id, bot.bot_user_id) == ("xoxb-1", "B1", "U1")
    assert (bot.team_name, bot.installed_at) == ("Ünïcode 論文", 1_000.5)
    assert bot.enterprise_id is None
    assert await kept.installations.known("T2") is None


async def test_a_newer_token_takes_the_place_of_the_old_one(kept: Kept) -> None:
    for at, token in ((1_000.0, "xoxb-1"), (2_000.0, "xoxb-2")):
        await kept.installations.async_save(installation(token=token, at=at))
        bot = await kept.installations.known("T1")
        assert bot
        assert bot.bot_token == token


async def test_a_workspace_that_is_removed_is_gone_and_no_other(kept: Kept) -> None:
    for at, token in ((1_000.0, "xoxb-1"), (2_000.0, "xoxb-2")):
        await kept.installations.async_save(installation(token=token, at=at))
    await kept.installations.async_save(installation("T2", "xoxb-3"))
    await kept.installations.remove("T1")
    assert await kept.installations.known("T1") is None
    assert await token_of(kept.installations, "T2") == "xoxb-3"


async def test_what_another_process_changed_is_read(kept: Kept, place: str) -> None:
    other = kept_at(place_beside(place), CLIENT)
    await kept.installations.async_save(installation())
    assert await token_of(other.installations, "T1") == "xoxb-1"
    await kept.installations.async_save(installation(token="xoxb-2", at=2_000.0))
    assert await token_of(other.installations, "T1") == "xoxb-2"
    await other.close()


async def test_another_app_has_installations_of_its_own(kept: Kept, place: str) -> None:
    other = kept_at(place_beside(place), "3.4")
    await kept.installations.async_save(installation())
    assert await other.installations.known("T1") is None
    await other.close()


async def test_a_state_is_good_once_whoever_gave_it(kept: Kept, place: str) -> None:
    other = kept_at(place_beside(place), CLIENT)
    state = await kept.states.async_issue()
    assert not await kept.states.async_consume("made-up")
    assert await other.states.async_consume(state)
    assert not await kept.states.async_consume(state)
    await other.close()


async def test_states_that_nobody_came_back_with_do_not_pile_up(
    postgres: PostgresCluster,
) -> None:
    url = await postgres.created()
    await (await PostgresStore.open(url)).close()
    engine = place_beside(url)
    assert isinstance(engine, AsyncEngine)
    for seconds in (0, 0, 600):
        await StateTable(seconds, engine).async_issue()
    async with engine.connect() as connection:
        kept = await connection.scalar(select(func.count()).select_from(slack_oauth_states))
    assert kept == 1
    await engine.dispose()


async def test_a_database_that_does_not_answer_is_asked_later(postgres: PostgresCluster) -> None:
    url = await postgres.created()  # without the tables
    kept = kept_at(place_beside(url), CLIENT)
    with pytest.raises(TryLater, match="out of reach") as caught:
        await kept.installations.known("T1")
    assert "xoxb" not in str(caught.value)
    await kept.close()


def test_the_tables_have_the_columns_that_the_sdk_asks_for() -> None:
    from slack_sdk.oauth.installation_store.sqlalchemy import AsyncSQLAlchemyInstallationStore
    from slack_sdk.oauth.state_store.sqlalchemy import AsyncSQLAlchemyOAuthStateStore

    def columns(table: Table) -> list[tuple[str, str, bool | None]]:
        return [(each.name, str(each.type), each.nullable) for each in table.columns]

    bots = AsyncSQLAlchemyInstallationStore.build_bots_table(MetaData(), "slack_bots")
    states = AsyncSQLAlchemyOAuthStateStore.build_oauth_states_table(MetaData(), "states")
    assert columns(slack_bots) == columns(bots)
    assert columns(slack_oauth_states) == columns(states)
    assert {each.name for each in slack_bots.indexes} == {each.name for each in bots.indexes}
