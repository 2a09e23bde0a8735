"""How the app keeps its platforms running."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from adapters.storage.memory import MemoryStore
from bot.app import build
from bot.domain.errors import ConfigError
from bot.ports import Inbox
from config.settings import Settings
from tests.examples import NOW
from tests.fakes import FakeChat


class Failing(FakeChat):
    """Serves for a while, then says that it is set up wrongly; the next time it leaves."""

    def __init__(self, lasts: timedelta) -> None:
        super().__init__("slack")
        self.lasts = lasts
        self.now = NOW
        self.served = 0

    def clock(self) -> datetime:
        return self.now

    async def serve(self, inbox: Inbox) -> None:
        self.served += 1
        if self.served == 1:
            self.now += self.lasts
            raise ConfigError("SLACK_BOT_TOKEN is no longer valid: renew it")


async def ran(chat: Failing) -> None:
    settings = Settings(_env_file=None)
    adapters = {chat.platform: chat}
    async with build(
        settings, store=MemoryStore(), sources={}, adapters=adapters, clock=chat.clock
    ) as app:
        await app.run()


async def test_a_platform_that_cannot_work_as_set_up_ends_the_start() -> None:
    chat = Failing(timedelta(seconds=1))
    with pytest.raises(ConfigError, match="SLACK_BOT_TOKEN"):
        await ran(chat)


async def test_a_platform_whose_token_ends_after_days_is_tried_again_and_stops_nothing() -> None:
    chat = Failing(timedelta(days=10))
    await ran(chat)
    assert chat.served == 2
