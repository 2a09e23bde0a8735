from __future__ import annotations

import pytest

from bot.services.health import Condition, Health, Reading
from tests.examples import NOW


def health(**fields: object) -> Health:
    made = Health(NOW, {"slack": "up", "discord": "up"}, {"huggingface": Reading(NOW)})
    for name, value in fields.items():
        setattr(made, name, value)
    return made


@pytest.mark.parametrize(
    ("made", "condition"),
    [
        (health(), Condition.OK),
        (health(platforms={"slack": "up", "discord": "down: code 4014"}), Condition.DEGRADED),
        (health(store="down: out of reach"), Condition.DEGRADED),
        (health(sources={"huggingface": Reading(NOW, "HTTP 503")}), Condition.DEGRADED),
        (health(platforms={"slack": "down: no answer"}), Condition.DOWN),
        (health(platforms={}), Condition.DOWN),
    ],
)
def test_a_bot_is_well_degraded_or_down(made: Health, condition: Condition) -> None:
    assert made.condition is condition


def test_health_is_read_as_it_was_written() -> None:
    made = health(sources={"a": Reading(), "b": Reading(NOW, "HTTP 503")})
    assert Health.decode(made.encode()) == made


@pytest.mark.parametrize("told", [None, [], {}, {"started_at": 1}, {"started_at": "noon"}])
def test_what_is_no_account_of_health_is_refused(told: object) -> None:
    with pytest.raises(ValueError, match=r"noon|no account"):
        Health.decode(told)
