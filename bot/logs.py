"""What the log looks like: events with fields, coloured for people, JSON for machines.

The last step before a line is written takes out whatever looks like a secret.
"""

from __future__ import annotations

import logging
import re
import sys
from typing import Literal, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

SECRET = re.compile(
    r"xox[a-z]-[\w-]+|xapp-[\w-]+|\bhf_\w{8,}|(?<=Bearer )\S+|(?<=Bot )[\w.-]{20,}"
    r"|\b[\w-]{23,28}\.[\w-]{6}\.[\w-]{27,}|hooks\.slack\.com/\S+|discord(?:app)?\.com/api/(?:v\d+/)?(?:webhooks|interactions)/\S+"
    r"|(?<=[?&]ticket=)[^&\s'\"]+"
    r"|(?<=://)[^/@\s:]*:[^/\s]+(?=@)"
)
HIDDEN = "[hidden]"


def redact(text: str) -> str:
    """Return a text without tokens, webhook addresses and passwords in addresses."""
    return SECRET.sub(HIDDEN, text)


def _redacted(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Redact every value as it will be written; numbers hold no secret."""
    return {
        key: value if isinstance(value, int | float | None) else redact(str(value))
        for key, value in event.items()
    }


def configure(
    level: str = "info",
    form: Literal["auto", "console", "json"] = "auto",
    stream: TextIO = sys.stderr,
) -> None:
    """Send this product's events, and the libraries' warnings, to a stream."""
    people = form == "console" or (form == "auto" and stream.isatty())
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    if people:
        drawn: list[Processor] = [
            structlog.processors.format_exc_info,
            _redacted,
            structlog.dev.ConsoleRenderer(colors=stream.isatty()),
        ]
    else:
        drawn = [
            structlog.processors.format_exc_info,
            _redacted,
            structlog.processors.JSONRenderer(default=str),
        ]
    severity = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[*shared, *drawn],
        wrapper_class=structlog.make_filtering_bound_logger(severity),
        logger_factory=structlog.PrintLoggerFactory(stream),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *drawn],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(severity, logging.WARNING))
