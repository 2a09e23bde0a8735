"""Every setting, with its description, default and environment name; read once, in ``main``.

The environment name of ``slack.bot_token`` is ``SLACK_BOT_TOKEN``: the section, then the field.
Values also come from a file ``.env`` in the working folder and from files of the same names in
``/run/secrets``. Secrets are ``SecretStr`` and never appear in an error.
"""

from __future__ import annotations

import re
from datetime import time
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import httpx
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from bot.domain.channels import WORKDAYS, Layout, Weekday
from bot.domain.deliveries import OnAmbiguous
from bot.domain.errors import ConfigError

SECRETS_FOLDER = Path("/run/secrets")

PUBLIC = re.compile(r"https://[^\s/?#]+(/[^\s?#]*)?$|http://(127\.0\.0\.1|localhost)(:\d+)?/?$")
"""Slack sends people to https addresses alone; a browser finds this machine without."""


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError("is no IANA time zone, such as Europe/Berlin") from error
    return name


def _split_commas(value: object) -> object:
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


COMMAS = (NoDecode, BeforeValidator(_split_commas))


class Section(BaseModel):
    """One feature's settings."""

    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)


def _public_address(url: str) -> str:
    if not PUBLIC.match(url):
        raise ValueError("is no https address, such as https://bot.example.org")
    return url.rstrip("/")


class SlackSettings(Section):
    """Slack. Off until a bot token is set, or an app that several workspaces may install."""

    bot_token: SecretStr | None = Field(None, description="Bot token (`xoxb-…`); turns Slack on.")
    app_token: SecretStr | None = Field(
        None, description="App-level token (`xapp-…`), needed for Socket Mode."
    )
    signing_secret: SecretStr | None = Field(
        None, description="Signing secret of the app, needed for HTTP mode."
    )
    client_id: str | None = Field(
        None,
        description=(
            "Client ID of the app; with it and without a bot token, every workspace that installs "
            "the app is served."
        ),
    )
    client_secret: SecretStr | None = Field(
        None, description="Client secret of the app, needed for several workspaces."
    )
    public_url: Annotated[str, AfterValidator(_public_address)] | None = Field(
        None,
        description=(
            "Public https address of the bot, needed for several workspaces: the app is installed "
            "at `/slack/install` there."
        ),
    )
    config_token: SecretStr | None = Field(
        None,
        description=(
            "App configuration token (`xoxe.xoxp-…`), good for 12 hours: with it `doctor` compares "
            "the app's events with what the bot needs."
        ),
    )
    mode: Literal["socket", "http"] = Field(
        "socket", description="How events arrive: `socket` needs no public address."
    )
    style: Literal["base", "rich"] = Field(
        "base",
        description=(
            "How digests look: `base`, or `rich` with cards and lists that fold, where the "
            "workspace takes them."
        ),
    )
    host: str = Field(
        "127.0.0.1",
        description="Address to listen on in HTTP mode, and for several workspaces in either.",
    )
    port: int = Field(3000, ge=0, le=65535, description="Port to listen on there.")
    api_url: str = Field(
        "https://slack.com/api/", description="Web API address; change it for a proxy or a test."
    )


class DiscordSettings(Section):
    """Discord. Off until a token is set."""

    token: SecretStr | None = Field(None, description="Bot token; turns Discord on.")
    guild: int | None = Field(
        None, description="Register commands in this guild alone, at once; for trying things out."
    )
    style: Literal["components", "embeds"] = Field(
        "components",
        description=(
            "How messages look: `components`, with a button beside each paper, or `embeds`."
        ),
    )


class StoreSettings(Section):
    """Where state is kept."""

    url: SecretStr = Field(
        SecretStr("tinydb:state"),
        description=(
            "`tinydb:///absolute/folder`, `tinydb:relative/folder`, `memory:`, or "
            "`postgresql://user:password@host/database` for several replicas."
        ),
    )
    keep_days: int = Field(
        365,
        ge=30,
        le=36500,
        description="Days after which deliveries and receipts move to `archive/<year>.json`.",
    )

    @property
    def address(self) -> str:
        """The address in clear, password and all: to open the store with, and for nothing else."""
        return self.url.get_secret_value()


class SourcesSettings(Section):
    """Where papers come from."""

    enabled: Annotated[tuple[str, ...], *COMMAS] = Field(
        ("huggingface",),
        min_length=1,
        description="Sources to poll, separated by commas: `huggingface`, `sample`, `folder`.",
    )
    folder: Path | None = Field(
        None, description="Folder of captured `YYYY-MM.json[.gz]` payloads, for source `folder`."
    )
    poll_minutes: int = Field(20, ge=1, le=1440, description="Minutes between two polls.")


class SearchSettings(Section):
    """The search index; it is made anew from the state whenever it is missing."""

    folder: Path | None = Field(
        None,
        description=(
            "Folder of the search index; by default `search` in the folder of the state, and "
            "memory beside PostgreSQL. Each replica needs its own."
        ),
    )
    semantic: Literal["auto", "off"] = Field(
        "auto",
        description=(
            "Whether papers are found by meaning, too: `auto`, where the extra `semantic` is "
            "installed, or `off`."
        ),
    )
    model: Path | None = Field(
        None, description="File of the model `all-MiniLM-L6-v2`, if not that of the extra."
    )
    vocabulary: Path | None = Field(
        None, description="File of BERT's lower-case vocabulary, if not that of the extra."
    )


class HuggingFaceSettings(Section):
    """The Hugging Face API."""

    token: SecretStr | None = Field(
        None, description="Access token; doubles the rate limit, otherwise not needed."
    )
    api_url: str = Field(
        "https://huggingface.co", description="Address of the API; change it for a mirror."
    )
    timeout: float = Field(20, gt=0, le=300, description="Seconds to wait for an answer.")


def _endpoint_address(text: str) -> str:
    try:
        url = httpx.URL(text.strip())
    except httpx.InvalidURL:
        url = httpx.URL("")
    if url.userinfo:
        raise ValueError("holds a user or password, which logs would show; use LLM_API_KEY")
    known = url.scheme in ("http", "https") and url.host and "%" not in url.host
    if not known or "?" in text or "#" in text:
        raise ValueError("is no http(s) address, such as http://127.0.0.1:8080/v1")
    if url.path.rstrip("/").endswith("/completions"):
        raise ValueError("goes too far; it ends before `/chat/completions`, which the bot adds")
    return str(url).rstrip("/")


class LlmSettings(Section):
    """Summaries by a language model. Off until an address is set."""

    base_url: Annotated[str, AfterValidator(_endpoint_address)] | None = Field(
        None,
        description=(
            "Address of an OpenAI-compatible endpoint, up to `/v1`; turns summaries by a model on."
        ),
    )
    model: str | None = Field(
        None,
        max_length=200,
        validate_default=True,
        description="Name of the model there, needed with an address.",
    )
    api_key: SecretStr | None = Field(
        None, description="Key of the endpoint, sent to its address alone; local ones need none."
    )
    timeout: float = Field(
        60, gt=0, le=600, description="Seconds to wait for an answer, second attempts included."
    )
    max_tokens: int = Field(
        700,
        ge=16,
        le=100_000,
        description="Tokens of one answer at the most; a model that reasons needs more.",
    )
    daily_tokens: int = Field(
        200_000, ge=0, description="Tokens per day for the whole bot, both ways; 0 for no limit."
    )
    channel_tokens: int = Field(
        50_000, ge=0, description="Tokens per day for each channel, both ways; 0 for no limit."
    )
    temperature: float | None = Field(
        None,
        ge=0,
        le=2,
        description="How freely the model words; not sent by default, as some endpoints refuse it.",
    )
    language: str = Field(
        "English", min_length=1, max_length=40, description="Language of the summaries."
    )

    @field_validator("model")
    @classmethod
    def _named(cls, model: str | None, info: ValidationInfo) -> str | None:
        """Return the model, which nobody can guess for an address."""
        name = (model or "").strip()
        if not name and info.data.get("base_url"):
            raise ValueError("is needed with LLM_BASE_URL; set it to a model of that endpoint")
        return name or None


class DigestSettings(Section):
    """What a new subscription starts with, unless the command says otherwise."""

    at: time = Field(time(9, 0), description="Local hour of the digest, `HH:MM`.")
    timezone: Annotated[str, AfterValidator(_known_zone)] = Field(
        "UTC", description="IANA time zone of new subscriptions."
    )
    weekdays: Annotated[tuple[Weekday, ...], *COMMAS] = Field(
        WORKDAYS, min_length=1, description="Days of the week, separated by commas."
    )
    layout: Layout = Field(Layout.THREAD, description="`thread`, `list`, `cards` or `papers`.")
    limit: int = Field(10, ge=1, le=25, description="Papers per digest at the most.")
    on_ambiguous: OnAmbiguous = Field(
        OnAmbiguous.SKIP,
        description=(
            "What becomes of a message whose answer was lost where the channel cannot be read "
            "back: `skip` it, or `resend` it and risk a second one."
        ),
    )
    refresh_seconds: int = Field(
        10, ge=5, le=3600, description="Least time between two edits of a head message."
    )


class LogSettings(Section):
    """What is logged, and how."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Least severe events to log."
    )
    format: Literal["auto", "console", "json"] = Field(
        "auto", description="`auto` is coloured lines on a terminal and JSON elsewhere."
    )


class HealthSettings(Section):
    """How others see that the bot is alive."""

    file: Path | None = Field(
        None,
        description="File that a running bot renews; by default one in the temporary folder.",
    )


class Settings(BaseSettings):
    """All sections."""

    model_config = SettingsConfigDict(
        env_nested_delimiter="_",
        env_nested_max_split=1,
        env_file=".env",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read secrets last, by the same names as the environment's.

        The library's own source of secrets would split ``slack_bot_token`` at every underscore.
        """
        folder = getattr(file_secret_settings, "secrets_dir", None)
        secrets = _read_secrets(Path(folder)) if folder else {}
        return (
            init_settings,
            env_settings,
            dotenv_settings,
            InitSettingsSource(settings_cls, secrets),
        )

    slack: SlackSettings = Field(default_factory=SlackSettings)
    discord: DiscordSettings = Field(default_factory=DiscordSettings)
    store: StoreSettings = Field(default_factory=StoreSettings)
    sources: SourcesSettings = Field(default_factory=SourcesSettings)
    search: SearchSettings = Field(default_factory=SearchSettings)
    hf: HuggingFaceSettings = Field(default_factory=HuggingFaceSettings)
    llm: LlmSettings = Field(default_factory=LlmSettings)
    digest: DigestSettings = Field(default_factory=DigestSettings)
    log: LogSettings = Field(default_factory=LogSettings)
    health: HealthSettings = Field(default_factory=HealthSettings)


def _read_secrets(folder: Path) -> dict[str, dict[str, str]]:
    """Return the contents of files named like environment variables, by section and field."""
    values: dict[str, dict[str, str]] = {}
    for file in sorted(folder.iterdir()):
        section, _, field = file.name.lower().partition("_")
        outer = Settings.model_fields.get(section)
        model = outer.annotation if outer else None
        known = (
            isinstance(model, type) and issubclass(model, Section) and field in model.model_fields
        )
        if known and file.is_file():
            values.setdefault(section, {})[field] = file.read_text(encoding="utf-8").strip()
    return values


def load_settings(secrets: Path = SECRETS_FOLDER) -> Settings:
    """Read the settings from the environment, ``.env`` and the secrets folder.

    Raises:
        ConfigError: naming each wrong setting by its environment name, never by its value.
    """
    try:
        return Settings(_secrets_dir=secrets if secrets.is_dir() else None)
    except ValidationError as error:
        problems = []
        for each in error.errors(include_input=False, include_url=False):
            name = "_".join(map(str, each["loc"][:2])).upper()
            problems.append(f"{name}: {each['msg'].removeprefix('Value error, ')}")
        raise ConfigError(
            "settings that cannot be used:\n  " + "\n  ".join(problems)
        ) from None  # the cause would print the values
    except UnicodeDecodeError as error:
        raise ConfigError(
            f".env or a secret is not UTF-8 text from byte {error.start} on: save it as UTF-8"
        ) from None
    except OSError as error:
        raise ConfigError(f"{error.filename} cannot be read: {error.strerror}") from error
    except SettingsError as error:
        raise ConfigError(f"settings cannot be read: {error}") from None
