"""What somebody saved, and their own page."""

from __future__ import annotations

import pytest

from bot.domain.reply import Button, Controls, OpenAction
from bot.domain.votes import VoteKind
from tests.bot.inbox import TestInbox, words
from tests.examples import ANN, BOB, CHANNEL, OTHER_CHANNEL, ballot, paper, paper_id


@pytest.fixture
async def inbox() -> TestInbox:
    made = TestInbox()
    await made.fill()
    return made


async def test_saved_papers_come_newest_first_from_every_channel(inbox: TestInbox) -> None:
    assert "You have saved no paper yet." in words(await inbox.say("saved"))
    await inbox.store.cast(ballot(1, ANN, VoteKind.SAVE))
    await inbox.store.cast(ballot(3, ANN, VoteKind.SAVE, channel=OTHER_CHANNEL))
    await inbox.store.cast(ballot(2, BOB, VoteKind.SAVE))
    said = words(await inbox.say("saved"))
    assert said.startswith("2 papers that you saved\nPaper 3")
    assert "Paper 1" in said
    assert "Paper 2" not in said
    assert "1 of 2" in words(await inbox.say("saved --limit 1"))


async def test_a_persons_page_shows_what_they_saved_what_their_channels_like_and_settings(
    inbox: TestInbox,
) -> None:
    await inbox.say("subscribe")
    empty = await inbox.say("home")
    assert "None yet: press Save" in words(empty)
    assert "Nobody has voted yet where you did." in words(empty)

    await inbox.store.cast(ballot(1, ANN, VoteKind.SAVE))
    for user in (ANN, BOB):
        await inbox.store.cast(ballot(2, user))
    await inbox.store.cast(ballot(3, BOB, channel=OTHER_CHANNEL))
    page = await inbox.say("home")
    said = words(page)
    assert "Papers that you saved\nPaper 1" in said
    assert "Paper 2" in said
    assert "team 2" in said
    assert "Paper 3" not in said, "it is of a channel in which the person did nothing"
    (controls,) = [node for node in page.nodes if isinstance(node, Controls)]
    (button,) = controls.controls
    assert isinstance(button, Button)
    assert button.action == OpenAction("settings", CHANNEL.id)


async def test_related_papers_are_about_the_same(inbox: TestInbox) -> None:
    titles = {5: "Diffusion of robots", 6: "Robots that walk", 7: "Cooking with gas"}
    await inbox.index.add([paper(n, title=title, abstract=title) for n, title in titles.items()])
    await inbox.store.save_papers(
        [paper(n, title=title, abstract=title) for n, title in titles.items()]
    )
    said = words(await inbox.say(f"related {paper_id(6)}"))
    assert said.startswith("Related to “Robots that walk”\n")
    assert "Walking Robots" in said
    assert "Diffusion of robots" in said
    assert "Cooking" not in said
    assert "Robots that walk" not in said.split("\n", 1)[1]


async def test_a_paper_like_no_other_says_so(inbox: TestInbox) -> None:
    odd = paper(8, title="Zyzzyva", abstract="", authors=())
    await inbox.index.add([odd])
    await inbox.store.save_papers([odd])
    assert "Nothing here is like “Zyzzyva”." in words(await inbox.say(f"related {odd.id}"))
