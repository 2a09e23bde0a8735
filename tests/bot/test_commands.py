"""What holds for every command, and what each one does."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.commands import all_commands
from bot.commands.parsing import CommandSpec
from bot.domain.channels import Layout, UserRef
from bot.domain.command import CommandCall
from bot.domain.deliveries import DeliveryState
from bot.domain.errors import Refused, SourceError, TryLater
from bot.domain.reply import Bold, Button, Controls, Reply, RunAction
from bot.services.deliveries import seen_by
from tests.bot.inbox import TestInbox, caller, texts, words
from tests.examples import (
    ANN,
    BOB,
    CHANNEL,
    NOW,
    TODAY,
    ballot,
    delivery,
    message,
    paper,
    paper_id,
    subscription,
)

COMMANDS = all_commands()
BUG = "Something went wrong"
ADMINS = {"subscribe", "unsubscribe"}


@pytest.fixture
async def inbox() -> TestInbox:
    inbox = TestInbox()
    await inbox.fill()
    return inbox


def buttons(reply: Reply) -> dict[str, RunAction]:
    return {
        each.label: each.action
        for node in reply.nodes
        if isinstance(node, Controls)
        for each in node.controls
        if isinstance(each, Button) and isinstance(each.action, RunAction)
    }


def test_the_commands_are_these() -> None:
    assert [*COMMANDS] == [
        "today", "search", "summarize", "ask", "show", "related", "top", "saved",
        "subscribe", "unsubscribe", "settings", "status", "help", "home",
    ]  # fmt: skip
    assert {name for name, spec in COMMANDS.items() if spec.admin} == ADMINS


@pytest.mark.parametrize("spec", COMMANDS.values(), ids=COMMANDS)
def test_a_command_explains_itself_and_every_option(spec: CommandSpec) -> None:
    assert spec.summary[0].isupper()
    assert spec.summary.endswith(".")
    assert len(spec.summary) <= 100
    for option in spec.options:
        assert option.description.endswith((".", "none"))
        assert option.placeholder
        assert option.usage in spec.usage
    for example in spec.examples:
        name, _, line = example.partition(" ")
        assert name == spec.name
        spec.read(spec.parse(line))


@pytest.mark.parametrize("spec", COMMANDS.values(), ids=COMMANDS)
async def test_a_command_answers_with_its_defaults(spec: CommandSpec, inbox: TestInbox) -> None:
    line = " ".join([spec.name, *("#1" for option in spec.options if option.required)])
    await inbox.store.save_subscription(subscription())
    reply = await inbox.say(line)
    assert BUG not in words(reply)
    assert reply.private
    assert reply.summary


@pytest.mark.parametrize("spec", COMMANDS.values(), ids=COMMANDS)
async def test_a_command_answers_in_an_empty_channel_of_a_new_bot(spec: CommandSpec) -> None:
    line = " ".join([spec.name, *("#1" for option in spec.options if option.required)])
    reply = await TestInbox().say(line)
    assert BUG not in words(reply)
    assert words(reply)


flags = st.sampled_from(
    sorted({f"--{option.name}" for spec in COMMANDS.values() for option in spec.options})
)
nonsense = st.one_of(
    st.text(max_size=60),
    st.lists(
        st.one_of(
            flags,
            st.text(max_size=8),
            st.integers().map(str),
            st.sampled_from(['"', "“", "—share", "--", "#3", "none", "settled", "0001-01-01"]),
        ),
        max_size=6,
    ).map(" ".join),
)


@pytest.mark.parametrize("name", COMMANDS)
@given(line=nonsense)
async def test_a_command_answers_anything_typed_with_a_reply_or_a_sentence(
    name: str, line: str
) -> None:
    inbox = TestInbox()
    await inbox.fill()
    await inbox.store.save_subscription(subscription())
    reply = await inbox.say(f"{name} {line}")
    assert BUG not in words(reply)
    assert words(reply)


values = st.dictionaries(
    st.sampled_from(sorted({option.name for spec in COMMANDS.values() for option in spec.options})),
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=20), st.dates()),
    max_size=4,
)


@pytest.mark.parametrize("name", COMMANDS)
@given(given_values=values)
async def test_a_command_answers_any_values_a_platform_takes_apart(
    name: str, given_values: dict[str, object]
) -> None:
    inbox = TestInbox()
    await inbox.fill()
    reply = await inbox.say(name, **given_values)
    assert BUG not in words(reply)


@pytest.mark.parametrize("name", COMMANDS)
async def test_an_unknown_option_is_named_with_the_nearest(name: str, inbox: TestInbox) -> None:
    said = words(await inbox.say(f"{name} --limti 3 x"))
    assert f"--limti is no option of {name}." in said
    expected = "Did you mean --limit?" if "limit" in COMMANDS[name].usage else "Usage: "
    assert expected in said


async def test_today_ranks_the_newest_list(inbox: TestInbox) -> None:
    said = words(await inbox.say("today --limit 2"))
    assert said.startswith("Daily Papers · Thu 7 May 2026\nPaper 1\n")
    assert "2 of 3 papers" in said


async def test_today_shows_another_day_kept_or_asked_for(inbox: TestInbox) -> None:
    assert "Walking Robots" in words(await inbox.say("today --day 2026-05-06"))
    inbox.source.days[TODAY.replace(day=5)] = [paper(9)]
    assert "Paper 9" in words(await inbox.say("today --day 2026-05-05"))


async def test_today_says_when_nothing_is_listed_or_the_day_is_to_come(inbox: TestInbox) -> None:
    assert "Nothing is listed on Sun 3 May 2026." in words(
        await inbox.say("today --day 2026-05-03")
    )
    assert "not here yet" in words(await inbox.say("today --day 2026-05-08"))


@pytest.mark.parametrize("period", ["week", "month", "trending"])
async def test_today_shows_a_roundup(period: str, inbox: TestInbox) -> None:
    said = words(await inbox.say(f"today --period {period}"))
    assert said.startswith("Trending papers" if period == "trending" else f"Papers of the {period}")
    assert "Walking Robots" in said


async def test_search_finds_papers_and_turns_its_pages(inbox: TestInbox) -> None:
    reply = await inbox.say("search paper --limit 2")
    assert "4 papers for “paper”" in words(reply)
    assert "1 to 2 of 4" in words(reply)
    second = await inbox.press(buttons(reply)["More ›"].pack())
    assert "3 to 4 of 4" in words(second)
    back = buttons(second)["‹ Back"]
    assert words(await inbox.press(back.pack())) == words(reply)


async def test_search_says_when_nothing_fits(inbox: TestInbox) -> None:
    assert "No paper fits “zebra”." in words(await inbox.say("search zebra"))
    assert "No more papers fit “paper”." in words(await inbox.say("search paper --page 9"))


@given(st.text(min_size=1, max_size=120))
async def test_every_page_button_leads_to_a_page_of_the_same_search(query: str) -> None:
    inbox = TestInbox()
    await inbox.fill()
    reply = await inbox.say("search", query=f"{query} paper", limit=1)
    for action in buttons(reply).values():
        assert BUG not in words(await inbox.press(action.pack()))


async def test_search_understands_operators_and_says_what_it_does_not(inbox: TestInbox) -> None:
    assert "Walking Robots" in words(await inbox.say('search title:walking by:"Ann Author"'))
    said = words(await inbox.say("search paper vots:3 since:whenever"))
    assert "vots: is no operator" in said
    assert "did you mean votes:?" in said
    assert "since takes a day such as 2026-03-01" in said
    assert "There is no source “nowhere”" in words(await inbox.say("search paper source:nowhere"))


async def test_search_knows_what_the_channel_has_seen_and_voted(inbox: TestInbox) -> None:
    digest = delivery(layout=Layout.LIST)
    seen_then = await seen_by(digest, inbox.store)
    await inbox.store.advance(digest.key, DeliveryState.SENT, ref=message(1), seen=seen_then)
    new = words(await inbox.say("search paper robots seen:no"))
    seen = words(await inbox.say("search paper robots seen:yes"))
    assert "Walking Robots" in new
    assert "Paper 1" not in new
    assert "Paper 1" in seen
    assert "posted here Thu 7 May 2026" in seen
    assert "Walking Robots" not in seen
    await inbox.press(f"vote|up|{paper(2).id}")
    voted = words(await inbox.say("search team:>0"))
    assert "Paper 2" in voted
    assert "Paper 1" not in voted


async def test_a_mistyped_search_says_what_it_looked_for_instead(inbox: TestInbox) -> None:
    said = words(await inbox.say("search robtos"))
    assert "Showing results for “robots”; nothing holds “robtos”." in said
    assert "Walking Robots" in said


async def test_a_search_for_nothing_offers_less_and_the_sources(inbox: TestInbox) -> None:
    reply = await inbox.say("search walking votes:>9000")
    assert "No paper fits" in words(reply)
    assert [*buttons(reply)] == ["Without votes:>9000", "Search Hugging Face"]
    wider = await inbox.press(buttons(reply)["Without votes:>9000"].pack())
    assert "Walking Robots" in words(wider)
    inbox.source.days[TODAY - timedelta(days=9)] = [paper(77, title="Walking elsewhere")]
    assert "Walking elsewhere" not in words(wider)
    live = await inbox.press(buttons(reply)["Search Hugging Face"].pack())
    assert "Walking elsewhere" in words(live)
    assert "Walking elsewhere" in words(await inbox.say("search elsewhere"))


async def test_what_was_looked_for_is_set_off(inbox: TestInbox) -> None:
    reply = await inbox.say("search first sentence")
    bold = [span.text for each in texts(reply) for span in each if isinstance(span, Bold)]
    assert {"first", "sentence"} <= {word.lower() for word in bold}


async def test_a_name_that_fits_several_papers_lists_them_as_buttons(inbox: TestInbox) -> None:
    reply = await inbox.say("summarize paper")
    assert "Several papers fit “paper”" in words(reply)
    assert {"Paper 1", "Paper 2", "Paper 3"} <= set(buttons(reply))
    assert "Paper 2" in words(await inbox.press(buttons(reply)["Paper 2"].pack()))


async def test_show_names_what_seems_to_be_the_same_work(inbox: TestInbox) -> None:
    twin = replace(paper(4, title="Walking Robots"), id=paper_id(88), title="Robots, walking")
    await inbox.index.add([twin])
    await inbox.store.save_papers([twin])
    assert "Very similar to: Robots, walking" in words(await inbox.say("show 2605.00004"))


async def test_summarize_quotes_and_says_whom(inbox: TestInbox) -> None:
    said = words(await inbox.say("summarize #1 --sentences 1"))
    assert "The first sentence of paper 1." in said
    assert "And a second one." not in said
    assert "Summary: the abstract's own sentences." in said


async def test_show_tells_all(inbox: TestInbox) -> None:
    said = words(await inbox.say("show walking robots"))
    assert "Ann Author, Bob Writer · Tue 5 May 2026" in said
    assert "And a second one." in said


async def test_top_ranks_by_the_teams_own_votes(inbox: TestInbox) -> None:
    assert "No paper shown here in the last 30 days has a vote." in words(await inbox.say("top"))
    for n, user in [(3, ANN), (3, BOB), (2, ANN), (1, UserRef("slack", "T1", "U3"))]:
        await inbox.store.cast(ballot(n, user))
    said = words(await inbox.say("top --limit 2")).splitlines()
    assert [line for line in said if line.startswith("Paper")] == ["Paper 3", "Paper 1"]


async def test_subscribe_starts_a_standing_order_with_the_defaults(inbox: TestInbox) -> None:
    said = words(await inbox.say("subscribe"))
    assert "When: 09:00 UTC" in said
    assert "Next digest: Fri 8 May 2026, 09:00" in said
    order = await inbox.store.subscription(CHANNEL)
    assert order
    assert (order.owner, order.created_at, order.layout) == (ANN, NOW, Layout.THREAD)
    assert inbox.rescheduled == [CHANNEL]


async def test_subscribe_takes_every_setting_at_once(inbox: TestInbox) -> None:
    line = "subscribe --at settled --timezone asia/tokyo --weekdays mon,fri --layout list --limit 5"
    said = words(await inbox.say(line))
    assert "as soon as the batch has settled, by 18:00 Asia/Tokyo at the latest" in said
    assert "Days: mon, fri" in said
    assert "Layout: list, at most 5 papers" in said


async def test_subscribing_again_keeps_what_is_not_said_and_ends_a_pause(inbox: TestInbox) -> None:
    await inbox.say("subscribe --at 07:15 --limit 3")
    order = await inbox.store.subscription(CHANNEL)
    assert order
    await inbox.store.save_subscription(replace(order, parked="slack: is_archived"))
    assert "Paused: slack: is_archived" in words(await inbox.say("settings"))
    said = words(await inbox.say("subscribe --limit 4"))
    assert said.startswith("This channel was subscribed already")
    assert "07:15" in said
    assert "Paused" not in said


async def test_settings_change_what_is_named_alone(inbox: TestInbox) -> None:
    await inbox.say("subscribe")
    said = words(
        await inbox.say('settings --include "world models, robots" --exclude cats --min_upvotes 5')
    )
    assert said.startswith("Settings changed")
    assert "Only with: world models, robots" in said
    assert "Never with: cats" in said
    assert "at least 5" in said
    said = words(await inbox.say("settings --include none"))
    assert "Only with" not in said
    assert "Never with: cats" in said


async def test_whoever_subscribes_where_the_bot_cannot_post_is_told_what_to_do(
    inbox: TestInbox,
) -> None:
    assert "cannot post" not in words(await inbox.say("subscribe"))
    inbox.chat.closed = Refused("slack", "not_in_channel", cure="Invite the bot there")
    said = words(await inbox.say("subscribe"))
    assert "But the bot cannot post here: not_in_channel. Invite the bot there" in said
    inbox.chat.closed = TryLater("slack", "busy")
    assert "cannot post" not in words(await inbox.say("subscribe"))


async def test_settings_show_what_the_last_run_did(inbox: TestInbox) -> None:
    await inbox.say("subscribe")
    said = words(await inbox.say("settings"))
    assert said.startswith("Settings of this channel")
    assert "Last run 2026-05-07: 3 papers of the batch. Listed 3, matched 3, posted 3." in said


async def test_settings_know_their_sources(inbox: TestInbox) -> None:
    await inbox.say("subscribe")
    assert "does not know “arxiv”" in words(await inbox.say("settings --sources arxiv"))
    assert "There are: huggingface." in words(await inbox.say("settings --sources none"))
    assert "Sources: huggingface" in words(await inbox.say("settings --sources huggingface"))


async def test_a_channel_without_subscription_is_told_how_to_begin(inbox: TestInbox) -> None:
    for line in ("settings", "unsubscribe"):
        assert "subscribe starts one." in words(await inbox.say(line))


async def test_unsubscribe_ends_the_digest_and_keeps_the_rest(inbox: TestInbox) -> None:
    await inbox.say("subscribe")
    await inbox.store.cast(ballot(1))
    await inbox.say("unsubscribe")
    assert await inbox.store.subscription(CHANNEL) is None
    assert inbox.rescheduled == [CHANNEL, CHANNEL]
    assert paper_id(1) in await inbox.store.tallies(CHANNEL)


async def test_help_lists_every_command_and_explains_each(inbox: TestInbox) -> None:
    overview = words(await inbox.say("help"))
    for name, spec in COMMANDS.items():
        assert spec.summary in overview
        page = words(await inbox.say(f"help {name}"))
        assert spec.usage in page
        assert all(option.description in page for option in spec.options)
    assert "Did you mean search?" in words(await inbox.say("help serch"))


async def test_a_source_that_is_down_is_named_and_nothing_else_breaks(inbox: TestInbox) -> None:
    inbox.source.trouble = SourceError("huggingface", "HTTP 503")
    said = words(await inbox.say("today --period week"))
    assert said.startswith("huggingface did not answer: HTTP 503.")
    assert "Paper 1" in words(await inbox.say("today"))


async def test_everybody_may_look_at_settings_whatever_the_channel_is_called_now(
    inbox: TestInbox,
) -> None:
    await inbox.say("subscribe")
    renamed = replace(caller(admin=False), channel_name="reading-group")
    said = words(await inbox.inbox.command(CommandCall(renamed, "settings")))
    assert said.startswith("Settings of this channel")
