"""New sessions begin ever more slowly while they end at once."""

from __future__ import annotations

from adapters.discord.identifies import LONGEST_PAUSE, STEADY, Identifies


def test_the_first_session_begins_at_once_and_a_later_one_after_discords_least_pause() -> None:
    sessions = Identifies()
    assert sessions.pause(100.0) == 0
    assert sessions.pause(100.0 + STEADY + 1) == 5
    assert sessions.pause(100.0 + 3 * STEADY) == 5


def test_sessions_that_end_at_once_stay_far_below_the_thousand_of_a_day() -> None:
    sessions, now, begun = Identifies(), 0.0, 0
    pauses = []
    while now < 86_400:
        pauses.append(sessions.pause(now))
        now += pauses[-1] + 0.1
        begun += 1
    assert pauses[:5] == [0, 5, 10, 20, 40]
    assert max(pauses) == LONGEST_PAUSE
    assert begun < 350
