"""Structured logs: one line per record, text for people or JSON for machines, on standard error.

Fields come by `extra=`; an `action` names what happened, so that lines can be counted. Passwords in addresses are
masked wherever they appear. The Kafka client repeats itself ten times a second while a broker is away; here it says
each thing once in a while.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from datetime import UTC, datetime
from typing import Literal

_STANDARD = frozenset(vars(logging.LogRecord("", 0, "", 0, "", (), None))) | {
    "message",
    "asctime",
    "taskName",
}
_PASSWORD = re.compile(
    r"(://[^/\s:@]*:)[^@\s]+(?=@)|((?:password|passwd|secret)['\"]?\s*[=:]\s*['\"]?)[^\s'\",;]+", re.I
)


def masked(text: str) -> str:
    """Return `text` with passwords of URLs and of `password=...` replaced by ***."""
    return _PASSWORD.sub(lambda found: f"{found[1] or found[2]}***", text)


class RepeatFilter(logging.Filter):
    """Lets the same message of the same logger pass once in `every` seconds. Levels below WARNING are dropped."""

    def __init__(self, every: float = 30.0) -> None:
        super().__init__()
        self._every = every
        self._seen: dict[tuple[str, int, str], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether the record passes."""
        if record.levelno < logging.WARNING:
            return False
        key = (record.name, record.levelno, str(record.msg))
        last = self._seen.get(key)
        if last is not None and record.created - last < self._every:
            return False
        if len(self._seen) > 1_000:
            self._seen.clear()
        self._seen[key] = record.created
        return True


class TextFormatter(logging.Formatter):
    """`2026-01-31T12:00:00.000Z INFO  name: message key=value`."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        extra = "".join(f" {name}={value}" for name, value in _fields(record).items())
        line = f"{_time(record)} {record.levelname:<7} {record.name}: {record.getMessage()}{extra}"
        if record.exc_info:
            line += "\n" + self.formatException(record.exc_info)
        return masked(line)


class JsonFormatter(logging.Formatter):
    """One JSON object per line: time, level, logger, message, the fields, and the exception as text."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        entry = {
            "time": _time(record),
            "level": record.levelname,
            "logger": record.name,
            "message": masked(record.getMessage()),
            **_fields(record),
        }
        if record.exc_info:
            entry["exception"] = masked(self.formatException(record.exc_info))
        return json.dumps(entry, ensure_ascii=False, default=str)


def configure(format: Literal["text", "json"] = "text", level: str = "INFO") -> None:
    """Set up logging for this process, replacing what was there. Third-party chatter starts at WARNING."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if format == "json" else TextFormatter())
    handler.addFilter(_ThirdParties())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)


class _ThirdParties(logging.Filter):
    """On the handler, not on a logger: a logger's filter does not see what its children say."""

    def __init__(self) -> None:
        super().__init__()
        self._repeats = RepeatFilter()

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name.partition(".")[0] in (
            "aiokafka",
            "kafka",
            "faust",
            "mode",
            "asyncio",
            "opentelemetry",
        ):
            return self._repeats.filter(record)
        return True


def _fields(record: logging.LogRecord) -> dict[str, object]:
    return {
        name: masked(value) if isinstance(value, str) else value
        for name, value in vars(record).items()
        if name not in _STANDARD
    }


def _time(record: logging.LogRecord) -> str:
    return (
        datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    )
