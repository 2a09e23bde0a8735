from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from bot import logs

CANARY = "cAnArY0123456789"
SECRETS = {
    "slack bot": f"xoxb-1234-5678-{CANARY}",
    "slack user": f"xoxp-1234-{CANARY}",
    "slack refresh": f"xoxe-1-{CANARY}",
    "slack rotated": f"xoxe.xoxb-1-{CANARY}",
    "slack app": f"xapp-1-A1-2-{CANARY}",
    "slack webhook": f"https://hooks.slack.com/services/T1/B1/{CANARY}",
    "discord bot": "MTIzNDU2Nzg5MDEyMzQ1Njc4OQ.GabcdE." + CANARY + "x" * 22,
    "discord header": f"Bot {CANARY}{CANARY}",
    "discord webhook": f"https://discord.com/api/webhooks/1/{CANARY}",
    "old discord webhook": f"https://discordapp.com/api/webhooks/1/{CANARY}",
    "discord answer": f"https://discord.com/api/v10/webhooks/1/{CANARY}",
    "discord callback": f"https://discord.com/api/v10/interactions/1/{CANARY}/callback",
    "socket ticket": f"wss://wss.slack.com/link/?ticket={CANARY}&app_id=1",
    "hugging face": f"hf_{CANARY}",
    "bearer": f"Authorization: Bearer {CANARY}",
    "database": f"postgresql://papers:{CANARY}@db/papers",
    "password with an at": f"postgresql://papers:p@{CANARY}@db/papers",
    "password alone": f"redis://:{CANARY}@cache:6379",
}


@pytest.fixture
def _logging_as_before() -> Iterator[None]:
    """Put the test run's own logging back in place."""
    root, handlers, level = logging.getLogger(), logging.getLogger().handlers[:], logging.root.level
    yield
    logs.configure("warning", "json")
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.mark.parametrize("kind", SECRETS)
@pytest.mark.parametrize("around", ["{}", "before {} after", '"{}"', "({})", "x={}, y", "{}\nz"])
def test_no_secret_of_any_kind_is_left_in_a_text(kind: str, around: str) -> None:
    shown = logs.redact(around.format(SECRETS[kind]))
    assert CANARY not in shown
    assert logs.HIDDEN in shown


@pytest.mark.parametrize(
    "text",
    [
        "digest posted",
        "slack:T1/C1",
        "https://huggingface.co/papers/2605.00001",
        "https://slack.com/api/chat.postMessage",
        "huggingface: HTTP 503, retry after 60 s",
        "tinydb:///data/daily-papers",
        "2026-05-07T09:00:00+00:00",
    ],
)
def test_what_is_no_secret_stays_readable(text: str) -> None:
    assert logs.redact(text) == text


@given(st.text())
def test_redacting_twice_is_redacting_once(text: str) -> None:
    assert logs.redact(logs.redact(text)) == logs.redact(text)


@pytest.mark.usefixtures("_logging_as_before")
@pytest.mark.parametrize("form", ["json", "console"])
@pytest.mark.parametrize("kind", SECRETS)
def test_no_secret_is_written_whatever_it_is_wrapped_in(kind: str, form: str) -> None:
    secret, stream = SECRETS[kind], io.StringIO()
    logs.configure("info", form, stream)  # type: ignore[arg-type]
    log = structlog.get_logger()
    log.info(secret, field=secret, error=ValueError(secret))
    log.info("deep", many=[secret], mapping={1: secret})
    try:
        raise RuntimeError(secret)
    except RuntimeError:
        log.exception("failed")
        logging.getLogger("library").exception("failed with %s", secret)
    logging.getLogger("library").warning("warned of %s", secret)
    written = stream.getvalue()
    assert CANARY not in written
    assert written.count("failed") >= 2
    assert "warned of" in written


@pytest.mark.usefixtures("_logging_as_before")
def test_a_json_line_is_one_object_with_its_fields() -> None:
    stream = io.StringIO()
    logs.configure("info", "json", stream)
    structlog.get_logger().info("digest posted", channel="slack:T1/C1", papers=5, note=None)
    structlog.get_logger().debug("unheard")
    (line,) = map(json.loads, stream.getvalue().splitlines())
    assert (line["event"], line["channel"], line["papers"], line["note"]) == (
        "digest posted",
        "slack:T1/C1",
        5,
        None,
    )
    assert line["level"] == "info"
