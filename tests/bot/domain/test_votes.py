from __future__ import annotations

import pytest

from bot.domain.votes import EMOJI, RANK_EMOJI, VoteKind, kind_of, plain_emoji, rank_of

TONES = [chr(tone) for tone in range(0x1F3FB, 0x1F400)]


@pytest.mark.parametrize("tone", ["", *TONES, "\ufe0f"])
def test_an_emoji_means_the_same_in_every_skin_tone(tone: str) -> None:
    assert kind_of("👍" + tone) is VoteKind.UP
    assert kind_of("👎" + tone) is VoteKind.DOWN


@pytest.mark.parametrize("emoji", EMOJI)
def test_an_emoji_means_the_same_without_its_presentation_mark(emoji: str) -> None:
    assert kind_of(emoji) is kind_of(plain_emoji(emoji)) is EMOJI[emoji]


def test_the_number_emoji_name_ranks_from_one_to_ten() -> None:
    assert [rank_of(emoji) for emoji in RANK_EMOJI] == list(range(1, 11))
    assert [rank_of(plain_emoji(emoji)) for emoji in RANK_EMOJI] == list(range(1, 11))


@pytest.mark.parametrize("emoji", ["", "🎉", "1", "👀", "👍👍", "0️⃣", "thumbsup"])
def test_any_other_emoji_means_nothing(emoji: str) -> None:
    assert kind_of(emoji) is None
    assert rank_of(emoji) is None
