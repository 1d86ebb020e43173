"""Times of messages (XML Schema dateTime and date, RFC 3339) as instants with an offset, and how each was derived.

A time without an offset is meant in the clock that the publisher declared for the format, never in the place's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from schemas.reasons import Reason, Refusal
from schemas.rfc3339 import parse_micros
from services.producers.formats.model import Settings

_INSTANT = re.compile(
    r"(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})[T ](?P<hour>[0-9]{2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2}))?"
    r"(?:[.,](?P<fraction>[0-9]+))?(?P<offset>[Zz]|[+-][0-9]{1,2}(?::?[0-9]{2})?)?"
)
_DAY = re.compile(r"(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})(?P<offset>[Zz]|[+-][0-9]{2}:[0-9]{2})?")
_LONGEST = 40  # characters that an event keeps of a time as written


@dataclass(frozen=True, slots=True)
class Instant:
    """An instant: RFC 3339 ``text`` with offset, UTC ``micros``, ``written`` as in the file, and what to remark."""

    text: str
    micros: int
    written: str
    remarks: tuple[str, ...] = ()


def zone_of(settings: Settings, format_name: str, column: str = "") -> ZoneInfo:
    """The declared clock of times without an offset: of the column, else of the format, else of the publisher."""
    zones = settings.zones
    return zones.get(f"{format_name}.{column}") or zones.get(format_name) or settings.zone


def read(text: str, zone: ZoneInfo, pointer: str) -> Instant:
    """The instant in ``text``; raises Refusal INVALID_TIME at ``pointer`` where it is none."""
    found = _INSTANT.fullmatch(text)
    if found is None:
        raise Refusal(
            Reason.INVALID_TIME,
            f"{text[:_LONGEST]!r} is no date and time.",
            pointer,
            "Write it like 2026-03-12T06:30:00+01:00.",
        )
    remarks = []
    parts: Mapping[str, str | None] = found.groupdict()
    fraction = parts["fraction"] or ""
    if len(fraction) > 6:
        remarks.append(f"{text!r} is finer than a microsecond: cut off.")
        fraction = fraction[:6]
    day, hour = found["day"], found["hour"]
    if hour == "24" and found["minute"] == "00" and not (parts["second"] or "0").strip("0"):
        day, hour = (_day(day, pointer) + timedelta(days=1)).isoformat(), "00"
    clock = f"{hour}:{found['minute']}:{parts['second'] or '00'}" + (f".{fraction}" if fraction else "")
    given = parts["offset"]
    if given is None:
        return _zoned(day, clock, zone, text, pointer, remarks)
    offset = _offset(given)
    if offset != given.upper():
        remarks.append(f"The offset of {text!r} is read as {offset}.")
    whole = f"{day}T{clock}{offset}"
    return Instant(whole, parse_micros(whole, pointer), text[:_LONGEST], tuple(remarks))


def _offset(given: str) -> str:
    if given in "Zz":
        return "Z"
    digits = given[1:].replace(":", "")
    hours, minutes = (digits[:-2], digits[-2:]) if len(digits) > 2 else (digits, "00")
    return f"{given[0]}{hours:0>2}:{minutes}"


def _zoned(day: str, clock: str, zone: ZoneInfo, text: str, pointer: str, remarks: list[str]) -> Instant:
    parse_micros(f"{day}T{clock}Z", pointer)  # the day and the time of day exist, or it says which does not
    local = datetime.fromisoformat(f"{day}T{clock}").replace(tzinfo=zone)
    first, second = local.utcoffset(), local.replace(fold=1).utcoffset()
    if first != second:
        remarks.append(
            f"{text!r} exists twice or not at all on the clock of {zone.key}: the offset before the change is taken."
        )
    whole = local.isoformat()
    return Instant(whole, parse_micros(whole, pointer), text[:_LONGEST], tuple(remarks))


def read_day(text: str, zone: ZoneInfo, pointer: str, near: Instant | None = None) -> Instant:
    """The instant of an event of which only the day is given; raises Refusal INVALID_TIME.

    If ``near``, when the message was made, lies on that day, it is ``near``: systems write the message as they decide.
    Else it is noon, which is never further off than half a day. A full date and time is read as what it is.
    """
    found = _DAY.fullmatch(text)
    if found is None:
        return read(text, zone, pointer)
    day = _day(found["day"], pointer)
    if near is not None and day_of(near, zone) == day:
        return Instant(near.text, near.micros, text)
    noon = read(f"{day.isoformat()}T12:00:00{found['offset'] or ''}", zone, pointer)
    return Instant(noon.text, noon.micros, text, ("Only the day is given: noon is taken.",))


def day_end(text: str, zone: ZoneInfo, pointer: str) -> Instant:
    """The last second of a day, for a limit or for what was over by then; a full date and time is itself."""
    found = _DAY.fullmatch(text)
    if found is None:
        return read(text, zone, pointer)
    end = read(f"{found['day']}T23:59:59{found['offset'] or ''}", zone, pointer)
    return Instant(end.text, end.micros, text)


def day_of(instant: Instant, zone: ZoneInfo) -> date:
    """The day of ``instant`` on the clock of ``zone``."""
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=instant.micros)).astimezone(zone).date()


def shifted(instant: Instant, zone: ZoneInfo, seconds: int) -> Instant:
    """``instant`` so many seconds later or, if negative, earlier, on the clock of ``zone``."""
    micros = instant.micros + seconds * 1_000_000
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros)
    return Instant(moment.astimezone(zone).isoformat(), micros, instant.written)


def _day(text: str, pointer: str) -> date:
    parse_micros(f"{text}T00:00:00Z", pointer)
    return date.fromisoformat(text)
