"""Structured logs: one line per record, text for people or JSON for machines, on standard error.

Fields are passed by `extra=`; `action` identifies what happened, so that lines can be counted; a line about an event has
`event_source`, `event_id` and, where known, `trace_id`. Anything that looks like a secret is masked. The Kafka client repeats itself
ten times a second while a broker is away; its repetitions are suppressed.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Literal

log = logging.getLogger(__name__)

_STANDARD = frozenset(vars(logging.LogRecord("", 0, "", 0, "", (), None))) | {
    "message",
    "asctime",
    "taskName",
}
_SECRET = re.compile(
    # The password of a URL; a value after a name such as password or token; a token after its scheme.
    r"(://[^/\s:@]*:)[^@\s]+(?=@)"
    r"|((?:password|passwd|secret|token|api[-_]?key|assertion)['\"]?\s*[=:]\s*['\"]?)[^\s'\",;&]+"
    r"|(\b(?:bearer|dpop|basic)[ :]\s*)[A-Za-z0-9+/=_.~-]{16,}"
    # A signed token (JWT: access token, client assertion, DPoP proof), and a private key.
    r"|\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)",
    re.IGNORECASE | re.DOTALL,
)


def masked(text: str) -> str:
    """`text` with what looks like a secret replaced by ***: passwords, tokens, proofs, private keys."""
    return _SECRET.sub(lambda found: f"{found[1] or found[2] or found[3] or ''}***", text)


class RepeatFilter(logging.Filter):
    """Passes the same message of a logger once in `every` seconds, and nothing below WARNING."""

    def __init__(self, every: float = 30.0) -> None:
        super().__init__()
        self._every = every
        self._seen: dict[tuple[str, int, str], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record passes."""
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


_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029]")


class TextFormatter(logging.Formatter):
    """`2026-01-31T12:00:00.000Z INFO  name: message key=value`; of what was passed in, no character begins another line."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        extra = "".join(f" {name}={value}" for name, value in _fields(record).items())
        said = _CONTROL.sub(lambda found: ascii(found[0])[1:-1], f"{record.getMessage()}{extra}")
        line = f"{_time(record)} {record.levelname:<7} {record.name}: {said}"
        if record.exc_info:
            line += "\n" + self.formatException(record.exc_info)
        return masked(line)


class JsonFormatter(logging.Formatter):
    """One JSON object per line: time, level, logger, message, the fields, and the exception as text."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
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
    """Set up logging for this process, replacing existing handlers. Third-party loggers start at WARNING."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if format == "json" else TextFormatter())
    handler.addFilter(_ThirdParties())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)


def log_start(process: str, settings: Iterable[str]) -> None:
    """Log that ``process`` began and, at DEBUG, its ``settings`` (lines without secrets)."""
    log.info("%s began", process, extra={"action": "began"})
    for line in settings:
        log.debug("setting %s", line)


class _ThirdParties(logging.Filter):
    """A filter of the handler, since a logger's filter does not apply to its children."""

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
    return {name: _masked(value) for name, value in vars(record).items() if name not in _STANDARD}


def _masked(value: object) -> object:
    """A field without secrets; other types are shown as text."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, list | tuple):
        return [_masked(each) for each in value]
    if isinstance(value, dict):
        return {str(name): _masked(each) for name, each in value.items()}
    return masked(str(value))


def _time(record: logging.LogRecord) -> str:
    return (
        datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    )
