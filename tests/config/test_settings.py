from __future__ import annotations

import re
from datetime import time
from pathlib import Path

import pytest
from pydantic import SecretStr

from bot.domain.channels import WORKDAYS, Layout, Weekday
from bot.domain.errors import ConfigError
from config.settings import Section, Settings, load_settings

CANARY = "cAnArY0123456789"


@pytest.fixture(autouse=True)
def _in_an_empty_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


def sections() -> dict[str, type[Section]]:
    found = {name: field.annotation for name, field in Settings.model_fields.items()}
    return {name: kind for name, kind in found.items() if kind and issubclass(kind, Section)}


FIELDS = [
    f"{section}_{name}".upper()
    for section, kind in sections().items()
    for name in kind.model_fields
]
SECRETS = [
    (section, name)
    for section, kind in sections().items()
    for name, field in kind.model_fields.items()
    if "SecretStr" in str(field.annotation)
]


def load(tmp_path: Path) -> Settings:
    return load_settings(tmp_path / "no-secrets")


def test_every_setting_says_what_it_is_for() -> None:
    for kind in sections().values():
        assert kind.__doc__
        for name, field in kind.model_fields.items():
            assert field.description, name
            assert field.description.endswith("."), name


def test_nothing_has_to_be_set(tmp_path: Path) -> None:
    settings = load(tmp_path)
    assert settings.slack.bot_token is None
    assert settings.digest.at == time(9)
    assert settings.digest.weekdays == WORKDAYS
    assert settings.sources.enabled == ("huggingface",)


def test_a_setting_is_read_by_section_and_name(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    values = {
        "SLACK_BOT_TOKEN": "xoxb-1", "DISCORD_GUILD": "42", "SOURCES_POLL_MINUTES": "5",
        "SOURCES_ENABLED": "sample, huggingface,", "DIGEST_AT": "08:30",
        "DIGEST_TIMEZONE": "Europe/Berlin", "DIGEST_WEEKDAYS": "mon,fri", "DIGEST_LAYOUT": "cards",
        "HF_TIMEOUT": "2.5",
    }  # fmt: skip
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    settings = load(tmp_path)
    assert settings.slack.bot_token == SecretStr("xoxb-1")
    assert (settings.discord.guild, settings.sources.poll_minutes) == (42, 5)
    assert settings.sources.enabled == ("sample", "huggingface")
    assert (settings.digest.at, settings.digest.timezone) == (time(8, 30), "Europe/Berlin")
    assert settings.digest.weekdays == (Weekday.MON, Weekday.FRI)
    assert (settings.digest.layout, settings.hf.timeout) == (Layout.CARDS, 2.5)


def test_the_environment_wins_over_the_file_and_the_file_over_secrets(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text("SLACK_BOT_TOKEN=file\nSLACK_APP_TOKEN=file\n")
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    for name in ("slack_bot_token", "SLACK_APP_TOKEN", "slack_signing_secret", "unknown_thing"):
        (secrets / name).write_text("secret\n")
    monkeypatch.setenv("SLACK_BOT_TOKEN", "environment")
    slack = load_settings(secrets).slack
    assert slack.bot_token == SecretStr("environment")
    assert slack.app_token == SecretStr("file")
    assert slack.signing_secret == SecretStr("secret")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SLACK_MODE", CANARY),
        ("SLACK_PORT", CANARY),
        ("SLACK_PORT", "65536"),
        ("DISCORD_GUILD", CANARY),
        ("SOURCES_POLL_MINUTES", "0"),
        ("HF_TIMEOUT", CANARY),
        ("DIGEST_AT", CANARY),
        ("DIGEST_AT", "25:00"),
        ("DIGEST_TIMEZONE", CANARY),
        ("DIGEST_TIMEZONE", "../" + CANARY),
        ("DIGEST_WEEKDAYS", f"mon,{CANARY}"),
        ("DIGEST_LAYOUT", CANARY),
        ("DIGEST_LIMIT", "26"),
        ("LOG_LEVEL", CANARY),
        ("LLM_BASE_URL", CANARY),
        ("LLM_BASE_URL", f"ftp://{CANARY}/v1"),
        ("LLM_BASE_URL", f"http://{CANARY}@127.0.0.1/v1"),
        ("LLM_BASE_URL", f"http://u:{CANARY}@127.0.0.1/v1"),
        ("LLM_BASE_URL", f"http://127.0.0.1/v1?key={CANARY}"),
        ("LLM_BASE_URL", f"http://127.0.0.1/v1#{CANARY}"),
        ("LLM_BASE_URL", f"http://[{CANARY}"),
        ("LLM_BASE_URL", "http://127.0.0.1/v1/chat/completions"),
        ("LLM_TIMEOUT", "0"),
        ("LLM_MAX_TOKENS", "0"),
        ("LLM_DAILY_TOKENS", "-1"),
        ("LLM_TEMPERATURE", CANARY),
    ],
)
def test_a_wrong_setting_is_named_and_its_value_never_shown(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError) as error:
        load(tmp_path)
    assert f"{name}: " in str(error.value)
    assert CANARY not in str(error.value)
    assert error.value.__cause__ is None


def test_an_endpoint_of_language_models_needs_the_name_of_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("LLM_BASE_URL", " http://127.0.0.1:8080/v1/ ")
    with pytest.raises(ConfigError, match="LLM_MODEL: is needed with LLM_BASE_URL"):
        load(tmp_path)
    monkeypatch.setenv("LLM_MODEL", " small ")
    assert load(tmp_path).llm.base_url == "http://127.0.0.1:8080/v1"
    assert load(tmp_path).llm.model == "small"
    monkeypatch.delenv("LLM_BASE_URL")
    assert load(tmp_path).llm.base_url is None


def test_a_subscription_has_at_least_one_weekday(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Without any, the next digest would be looked for for ever."""
    monkeypatch.setenv("DIGEST_WEEKDAYS", ",")
    with pytest.raises(ConfigError, match="DIGEST_WEEKDAYS"):
        load(tmp_path)


def test_all_wrong_settings_are_named_at_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DIGEST_LIMIT", "99")
    monkeypatch.setenv("SLACK_PORT", "none")
    with pytest.raises(ConfigError) as error:
        load(tmp_path)
    assert len(str(error.value).splitlines()) == 3


@pytest.mark.parametrize("section", sections())
def test_a_sections_own_name_as_a_setting_is_refused_without_its_value(
    section: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(section.upper(), CANARY)
    with pytest.raises(ConfigError) as error:
        load(tmp_path)
    assert CANARY not in str(error.value)
    assert section in str(error.value)


@pytest.mark.parametrize(("section", "name"), SECRETS)
def test_a_secret_is_never_shown(
    section: str, name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(f"{section}_{name}".upper(), CANARY)
    settings = load(tmp_path)
    assert getattr(getattr(settings, section), name).get_secret_value() == CANARY
    assert (
        CANARY
        not in f"{settings!r} {settings} {settings.model_dump()} {settings.model_dump_json()}"
    )
    monkeypatch.setenv("DIGEST_LIMIT", "99")
    with pytest.raises(ConfigError) as error:
        load(tmp_path)
    assert CANARY not in str(error.value)


def test_whatever_is_called_a_token_or_secret_is_kept_secret() -> None:
    assert SECRETS
    for section, kind in sections().items():
        for name, field in kind.model_fields.items():
            if re.search("token(?!s)|secret|password|key", name):  # tokens are counted, not shown
                assert "SecretStr" in str(field.annotation), f"{section}.{name}"


def test_the_example_names_every_setting() -> None:
    example = (Path(__file__).parents[2] / "config" / "example.env").read_text(encoding="utf-8")
    for name in FIELDS:
        assert f"# {name}=" in example
