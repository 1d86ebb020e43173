"""RFC 3339 instants as integer UTC microseconds: one strict reader for envelopes and payloads."""

import re
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

from schemas.reasons import Reason, Refusal

_DAY = 86_400_000_000
_MINUTE = 60_000_000
_SECOND = 1_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_YEAR, _LAST_YEAR = 1970, 2100
_END = (date(_LAST_YEAR + 1, 1, 1) - date(1970, 1, 1)).days * _DAY

_SHAPE = re.compile(
    r"(?P<year>[0-9]{4})-(?P<month>[0-9]{2})-(?P<day>[0-9]{2})T(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2})"
    r":(?P<second>[0-9]{2})(?P<fraction>\.[0-9]+)?(?P<offset>Z|[+-][0-9]{2}:[0-9]{2})?"
)

# Every part of an instant has few values, so a part is judged once and then looked up. The tables hold
# only accepted parts, which bounds them: 47,847 days, and the minutes, seconds and offsets made below.
_days: dict[str, int] = {}
_minutes = {f"T{h:02}:{m:02}:": (h * 60 + m) * _MINUTE for h in range(24) for m in range(60)}
_seconds = {f"{s:02}": s * _SECOND for s in range(60)}
_offsets = {"Z": 0} | {
    f"{sign}{h:02}:{m:02}": factor * (h * 60 + m) * _MINUTE
    for sign, factor in (("+", 1), ("-", -1))
    for h in range(24)
    for m in range(60)
}
_scale = (0, 100_000, 10_000, 1_000, 100, 10, 1)


def parse_micros(text: str, pointer: str = "") -> int:
    """Return the instant `text` as microseconds since 1970-01-01T00:00:00Z; raise Refusal INVALID_TIME at `pointer`.

    Accepted is `YYYY-MM-DDTHH:MM:SS[.1 to 6 digits](Z|+HH:MM|-HH:MM)` in capitals, seconds 00 to 59,
    offsets within 23:59, years 1970 to 2100 both as written and in UTC. A leap second, a missing offset
    and a finer fraction are refused, because every way to round them is a guess. Source: RFC 3339, 5.6.
    """
    try:
        day = _days.get(text[:10])
        if day is None:
            day = _read_day(text[:10])
        if text[19] == ".":
            cut = -1 if text[-1] == "Z" else -6
            digits = text[20:cut]
            if not (digits.isascii() and digits.isdigit()):
                raise ValueError
            fraction = int(digits) * _scale[len(digits)]
            offset = _offsets[text[cut:]]
        else:
            fraction = 0
            offset = _offsets[text[19:]]
        micros = day + _minutes[text[10:17]] + _seconds[text[17:19]] + fraction - offset
    except (KeyError, IndexError, ValueError):
        raise _explain(text, pointer) from None
    if not 0 <= micros < _END:
        raise _explain(text, pointer)
    return micros


@lru_cache(maxsize=1 << 14)
def format_micros(micros: int) -> str:
    """Return the UTC text of an instant in microseconds since 1970, with six fraction digits only when needed."""
    moment = _EPOCH + timedelta(microseconds=micros)
    digits = "microseconds" if moment.microsecond else "seconds"
    return moment.replace(tzinfo=None).isoformat(timespec=digits) + "Z"


def _read_day(text: str) -> int:
    """Return the microseconds of midnight UTC of `YYYY-MM-DD`, and remember them; ValueError when it is no day."""
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        raise ValueError
    day = date.fromisoformat(text)
    if not _FIRST_YEAR <= day.year <= _LAST_YEAR:
        raise ValueError
    return _days.setdefault(text, (day - date(1970, 1, 1)).days * _DAY)


def _explain(text: str, pointer: str) -> Refusal:
    """Say what is wrong with an instant that was not accepted (the slow half of `parse_micros`)."""

    def refuse(detail: str, remedy: str = "") -> Refusal:
        return Refusal(Reason.INVALID_TIME, detail, pointer, remedy)

    shown = repr(text[:40])
    found = _SHAPE.fullmatch(text)
    if found is None:
        return refuse(f"{shown} is not an RFC 3339 instant.", "Write it like 2026-11-03T10:11:12+05:00.")
    if found["offset"] is None:
        return refuse(
            f"{shown} has no offset from UTC.", "Resolve local times at the publisher: end with Z or +05:00."
        )
    if not _FIRST_YEAR <= int(found["year"]) <= _LAST_YEAR:
        return refuse(f"The year of {shown} is outside {_FIRST_YEAR} to {_LAST_YEAR}.")
    if found["fraction"] is not None and len(found["fraction"]) > 7:
        return refuse(f"{shown} is finer than microseconds.", "Write at most six fraction digits.")
    if found["second"] == "60":
        return refuse(f"{shown} is a leap second.", "Write the second before it, or the second after it.")
    if found["offset"] not in _offsets:
        return refuse(f"The offset of {shown} is outside -23:59 to +23:59.")
    if found["second"] not in _seconds or f"T{found['hour']}:{found['minute']}:" not in _minutes:
        return refuse(
            f"{shown} has no such time of day.", "Hours are 00 to 23, minutes and seconds 00 to 59."
        )
    try:
        date(int(found["year"]), int(found["month"]), int(found["day"]))
    except ValueError:
        return refuse(f"{shown} has no such day in the calendar.")
    return refuse(f"{shown} falls outside the years {_FIRST_YEAR} to {_LAST_YEAR} in UTC.")
