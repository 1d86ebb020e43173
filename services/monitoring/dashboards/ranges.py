"""Spans of time as Grafana's time picker writes them, and the interval between two points of a curve."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

SECOND, MINUTE, HOUR, DAY = 1_000, 60_000, 3_600_000, 86_400_000
SCRAPE = 15 * SECOND
"""Between two scrapes, as Grafana takes it where a data source does not say."""
UNITS = {"ms": 1, "s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY, "w": 7 * DAY, "M": 30 * DAY, "y": 365 * DAY}
_RELATIVE = re.compile(r"now(?:-(\d+)([smhdwMy]))?(?:/([mhd]))?")
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|[smhdwMy])")
# Steps at which a curve is drawn: the nearest, and for long spans the one below, as Grafana rounds.
_STEPS = (
    *(1, 10, 20, 50, 100, 200, 500),
    *(SECOND * n for n in (1, 2, 5, 10, 15, 20, 30)),
    *(MINUTE * n for n in (1, 2, 5, 10, 15, 20, 30)),
    *(HOUR * n for n in (1, 2, 3, 6, 12)),
)
_LONG = ((DAY, 12 * HOUR), (7 * DAY, DAY), (21 * DAY, 7 * DAY), (42 * DAY, 30 * DAY))


@dataclass(frozen=True, slots=True)
class Range:
    """From ``start`` to ``end``, in milliseconds since 1970."""

    start: int
    end: int

    @property
    def length(self) -> int:
        """Milliseconds between both."""
        return self.end - self.start

    @classmethod
    def of(cls, start: str, end: str, now: datetime) -> Range:
        """Read ``now-6h``, ``now/d``, a date or an RFC 3339 moment. Raises ValueError, also where nothing lies between."""
        found = cls(_moment(start, now, up=False), _moment(end, now, up=True))
        if found.length <= 0:
            raise ValueError(f"nothing lies between {start!r} and {end!r}")
        return found


def _moment(text: str, now: datetime, *, up: bool) -> int:
    relative = _RELATIVE.fullmatch(text.strip())
    if relative is None:
        try:
            moment = datetime.fromisoformat(text.strip())
        except ValueError:
            raise ValueError(f"{text!r} is neither like now-6h nor a date nor an RFC 3339 moment") from None
        return _milliseconds(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    count, unit, rounded = relative.groups()
    at = _milliseconds(now) - (int(count) * UNITS[unit] if count else 0)
    if rounded is None:
        return at
    step = UNITS[rounded]
    return at // step * step + (step - 1 if up else 0)


def _milliseconds(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def milliseconds(duration: str) -> int:
    """A duration as Grafana and Prometheus write it (``15s``, ``1h30m``, ``>10s``). Raises ValueError."""
    text = duration.strip().lstrip(">")
    if not text or _DURATION.sub("", text):
        raise ValueError(f"{duration!r} is no duration: write it like 15s or 1h")
    return round(sum(float(count) * UNITS[unit] for count, unit in _DURATION.findall(text)))


def written(length: int) -> str:
    """Milliseconds in the greatest unit that leaves no rest: 15s, 2m, 1h, 1d."""
    for unit in ("d", "h", "m", "s"):
        if length >= UNITS[unit] and length % UNITS[unit] == 0:
            return f"{length // UNITS[unit]}{unit}"
    return f"{length}ms"


def interval(span: Range, points: int, least: int) -> int:
    """Milliseconds between two points where about ``points`` fit into ``span``, never below ``least``."""
    return max(_rounded(span.length / max(points, 1)), least)


def _rounded(exact: float) -> int:
    for step, following in pairwise(_STEPS):
        if exact < (step + following) / 2:
            return step
    return next((step for below, step in _LONG if exact < below), 365 * DAY)
