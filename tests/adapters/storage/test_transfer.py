from __future__ import annotations

from pathlib import Path

import pytest

from adapters.storage import snapshot
from adapters.storage.tinydb import TinyDBStore
from adapters.storage.transfer import Contents, contents, transfer
from bot.domain.errors import ConfigError, StoreError
from tests.contracts.store import everything, fill, write
from tests.doubles.postgres import PostgresCluster
from tests.examples import ballot, delivery, receipt


async def filled(folder: Path) -> tuple[object, ...]:
    """Leave a folder with one of everything in it, a vote that was taken back included."""
    store = await TinyDBStore.open(folder)
    await fill(store)
    await write(store)
    await store.cast(ballot(7))
    await store.withdraw(ballot(7))
    read = await everything(store)
    await store.close()
    return read


async def read(folder: Path) -> tuple[object, ...]:
    store = await TinyDBStore.open(folder)
    found = await everything(store)
    await store.close()
    return found


async def test_a_state_is_the_same_in_another_folder(tmp_path: Path) -> None:
    before = await filled(tmp_path / "one")
    one, two = f"tinydb://{tmp_path / 'one'}", f"tinydb://{tmp_path / 'two'}"
    carried = await transfer(one, two)
    assert carried == await contents(one) == await contents(two)
    assert carried.counts["deliveries"] == 2
    assert carried.counts["ledger"] == 2, "a vote that was taken back leaves nothing"
    assert await read(tmp_path / "two") == before


async def test_a_state_is_the_same_in_postgresql_and_back(
    tmp_path: Path, postgres: PostgresCluster
) -> None:
    before = await filled(tmp_path / "one")
    one, two = f"tinydb://{tmp_path / 'one'}", f"tinydb://{tmp_path / 'two'}"
    database = await postgres.created()
    carried = await transfer(one, database)
    assert carried == await contents(database)
    assert await transfer(database, two) == carried
    assert await read(tmp_path / "two") == before
    with pytest.raises(StoreError, match="holds a state"):
        await transfer(one, database)


async def test_a_state_is_never_carried_over_another(tmp_path: Path) -> None:
    await filled(tmp_path / "one")
    before = await filled(tmp_path / "two")
    one, two = f"tinydb://{tmp_path / 'one'}", f"tinydb://{tmp_path / 'two'}"
    with pytest.raises(StoreError, match=r"two holds a state: name an empty folder"):
        await transfer(one, two)
    assert await read(tmp_path / "two") == before
    with pytest.raises(ConfigError, match="the same"):
        await transfer(one, one)
    with pytest.raises(ConfigError, match="keeps nothing"):
        await transfer(one, "memory:")


async def test_a_state_in_use_is_not_carried(tmp_path: Path) -> None:
    store = await TinyDBStore.open(tmp_path / "one")
    with pytest.raises(StoreError, match="is in use by process"):
        await transfer(f"tinydb://{tmp_path / 'one'}", f"tinydb://{tmp_path / 'two'}")
    assert not (tmp_path / "two" / snapshot.NAME).exists()
    await store.close()


async def test_the_checksum_tells_states_apart(tmp_path: Path) -> None:
    found: list[Contents] = []
    for number, name in enumerate(("one", "two")):
        store = await TinyDBStore.open(tmp_path / name)
        await store.plan([delivery()], receipt(posted=number))
        await store.close()
        found.append(await contents(f"tinydb://{tmp_path / name}"))
    assert found[0].counts == found[1].counts
    assert found[0].checksum != found[1].checksum
