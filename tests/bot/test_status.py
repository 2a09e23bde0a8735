"""What people are told of a channel and of the bot."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.domain.channels import Layout
from bot.domain.deliveries import DeliveryState, Held
from bot.services.health import Reading
from tests.bot.inbox import TestInbox, words
from tests.bot.posted import post
from tests.examples import CHANNEL, NOW, delivery, receipt, subscription


@pytest.fixture
async def inbox() -> TestInbox:
    made = TestInbox()
    await made.fill()
    made.inbox.health.platforms["slack"] = "up"
    made.inbox.health.sources["huggingface"] = Reading(NOW - timedelta(minutes=12))
    return made


async def test_the_status_names_the_next_digest_and_what_the_last_runs_did(
    inbox: TestInbox,
) -> None:
    await inbox.store.save_subscription(subscription())
    held = (Held("beyond the limit of 10", 4),)
    await inbox.store.save_receipt(receipt("2026-05-06", listed=9, held=held, posted=5))
    said = words(await inbox.say("status", admin=False))
    assert "Next digest: Fri 8 May 2026, 09:00 UTC" in said
    assert "Last run 2026-05-07: 3 papers of the batch. Listed 3, matched 3, posted 3." in said
    assert "Last run 2026-05-06: 3 papers of the batch. Listed 9, matched 3, posted 5." in said
    assert "Held back: 4 beyond the limit of 10." in said
    assert "Bot: ok, running for 0 minutes" in said
    assert "Platforms: slack up" in said
    assert "Sources: huggingface read 12 minutes ago" in said
    assert "Not sent" not in said
    assert "Waiting" not in said


async def test_the_status_tells_what_waits_and_what_was_given_up_and_why(inbox: TestInbox) -> None:
    await inbox.store.save_subscription(subscription())
    day = "2026-05-08"
    parts = [delivery(day=day), delivery("a", 1, day=day), delivery("b", 2, day=day)]
    await inbox.store.plan(parts, receipt(day))
    refused = "slack: perhaps posted, not sent again: missing_scope"
    await inbox.store.advance(parts[1].key, DeliveryState.FAILED, reason=refused)
    await inbox.store.advance(parts[2].key, DeliveryState.AMBIGUOUS, reason="slack: no answer")
    said = words(await inbox.say("status"))
    assert "Waiting to be sent: 2 messages (1 × planned; 1 × slack: no answer)" in said
    assert f"Not sent: 1 message (1 × {refused})" in said


async def test_the_status_says_that_nothing_is_ordered_or_that_it_is_paused(
    inbox: TestInbox,
) -> None:
    assert "Digest: none is ordered here" in words(await inbox.say("status"))
    await inbox.store.save_subscription(subscription(parked="slack: is_archived"))
    assert (
        "Digest: paused: slack: is_archived; it goes on by itself once the bot can post"
        in words(await inbox.say("status"))
    )


async def test_the_status_of_a_bot_that_is_not_well_says_so(inbox: TestInbox) -> None:
    inbox.inbox.health.platforms["discord"] = "down: the gateway closed with code 4014"
    inbox.inbox.health.sources["huggingface"].problem = "HTTP 503"
    inbox.clock.now += timedelta(hours=50)
    said = words(await inbox.say("status"))
    assert "Bot: degraded, running for 2 days" in said
    assert "discord down: the gateway closed with code 4014" in said
    assert "huggingface read 2 days ago, since then: HTTP 503" in said


async def test_an_old_failure_is_no_news(inbox: TestInbox) -> None:
    await inbox.store.save_subscription(subscription())
    for day in ("2026-05-04", "2026-05-05", "2026-05-06"):
        plan = [replace(delivery(day=day), layout=Layout.LIST)]
        await post(plan, inbox.store)
    old = delivery(day="2026-05-01")
    await inbox.store.plan([old], receipt("2026-05-01"))
    await inbox.store.advance(old.key, DeliveryState.FAILED, reason="old news")
    assert "old news" not in words(await inbox.say("status"))
    assert await inbox.store.receipts(CHANNEL, 9)
