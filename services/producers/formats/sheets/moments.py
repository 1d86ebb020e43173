"""Times in partners' spellings: date cells, bare day numbers and a dozen forms of text, resolved to an offset.

No list states its zone: the partner declares it once. A zone or offset beside the time ("(北京)", "мск", "UTC") overrides the
declared one. Text is read as a whole: anything else beside a time ("约", "?", "未确认") refuses it. The original text is stored
with the instant.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from schemas import railnet
from schemas.reasons import Reason, Refusal
from schemas.rfc3339 import parse_micros
from services.producers.formats.sheets.grid import Flaw, Scalar

_EPOCH_1900: Final = datetime(1899, 12, 30)
_EPOCH_1904: Final = datetime(1904, 1, 1)
_UTC: Final = railnet.zone("UTC")
_SERIALS = (20_000, 75_000)  # days from 1954 to 2105: what a bare number may mean as a date
_DAY = re.compile(
    r"(?<!\d)(?:(?P<y>(?:19|20)\d\d)\s*[-/.年]\s*(?P<m>\d{1,2})\s*[-/.月]\s*(?P<d>\d{1,2})\s*[日号]?"
    r"|(?P<d2>\d{1,2})\.(?P<m2>\d{1,2})\.(?P<y2>(?:19|20)?\d\d)\s*г?\.?"
    r"|(?P<a>\d{1,2})/(?P<b>\d{1,2})/(?P<y3>(?:19|20)\d\d)"
    r"|(?P<y4>(?:19|20)\d\d)(?P<m4>\d\d)(?P<d4>\d\d)(?=(?:\d{4}|\d{6})?(?!\d))"
    r"|(?P<d6>\d{1,2})\.(?P<m6>\d{1,2})(?=\s+\d{1,2}:\d\d)"
    r"|(?P<m5>\d{1,2})\s*月\s*(?P<d5>\d{1,2})\s*[日号]?)(?!\d{1,2}\.\d)"
)
_HOUR = re.compile(
    r"[\sT,]*(?:[(（]?(?:周|星期)[一二三四五六日天][)）]?)?\s*(?P<half>上午|下午|凌晨|晚上?)?\s*"
    r"(?:(?P<h>\d{1,2})\s*(?::|时|点)\s*(?:(?P<i>\d{1,2})\s*(?:分|(?=:)|(?!\d))(?:(?::|(?<=分))\s*(?P<s>\d{1,2})\s*秒?)?(?:\.\d+)?)?"
    r"|(?P<h2>\d\d)(?P<i2>\d\d)(?P<s2>\d\d)?(?!\d))"
    r"\s*(?P<pm>[AaPp][Mm](?![a-z]))?(?P<offset>Z|\s?[+-]\d\d(?::?\d\d)?(?![\d:]))?"
)
_WEEKDAY: Final = r"(?:周|星期)[一二三四五六日天]"
_ZONES: Final = (
    ("Asia/Shanghai", r"北京(?:时间)?|пекин|(?:по )?пекинск\w{2,4}(?: врем\w{1,3})?|beijing(?: time)?|cst"),
    (
        "Europe/Moscow",
        r"莫斯科(?:时间)?|москва|(?:по )?московск\w{2,4}(?: врем\w{1,3})?|(?:по )?мск|moscow(?: time)?|msk",
    ),
    (
        "Asia/Almaty",
        r"(?:阿斯塔纳|阿拉木图)(?:时间)?|(?:по )?(?:астан|алмат)\w{0,3}|(?:астанинск|алматинск)\w{2,4}(?: врем\w{1,3})?"
        r"|(?:astana|almaty)(?: time)?",
    ),
    ("Europe/Minsk", r"明斯克(?:时间)?|(?:по )?минск\w{0,4}(?: врем\w{1,3})?|minsk(?: time)?"),
    ("Europe/Warsaw", r"华沙(?:时间)?|(?:по )?варшав\w{0,5}(?: врем\w{1,3})?|(?:warsaw|warszawa)(?: time)?"),
    ("UTC", r"(?:utc|gmt)(?P<ahead>\s*[+-]\s?\d{1,2}(?::?[0-5]\d)?)?"),
    ("Europe/Berlin", r"(?P<central>cet|mez|cest|mesz)"),
)
_NAMED: Final = tuple(
    (name, re.compile(rf"(?<![^\W\d_])(?:{pattern})(?![a-zа-я0-9:])")) for name, pattern in _ZONES
)
_CENTRAL: Final = {"cet": 60, "mez": 60, "cest": 120, "mesz": 120}
_BESIDE = re.compile(rf"(?:[\s()\[\]/=,;|.]|{_WEEKDAY})*")
_SPACE = re.compile(r"\s+")

Stated = ZoneInfo | str
"""A zone that stands beside a time, or the offset that does."""


@dataclass(frozen=True, slots=True)
class Moment:
    """An instant and how it was written; where only a day was written, ``timed`` is False and it is that day's start."""

    instant: str  # RFC 3339 with the offset of its zone
    day: str  # YYYY-MM-DD in that zone
    written: str
    timed: bool
    local: datetime
    stated: Stated | None = (
        None  # the zone or offset that was written with it, None where the declared one holds
    )


def read(
    value: Scalar,
    zone: ZoneInfo,
    *,
    near: date | None = None,
    epoch_1904: bool = False,
    stated: Stated | None = None,
) -> Moment:
    """The moment in ``value``; ``near`` gives the year of a date without one. Raises Refusal INVALID_TIME.

    ``stated`` is the zone or offset that the header names: it beats the declared ``zone``, and one in the cell beats both.
    """
    if stated is None:
        return _read(value, zone, near, epoch_1904)
    found = _read(value, _UTC if isinstance(stated, str) else stated, near, epoch_1904)
    if found.stated is not None:
        return found
    return _moment(found.local, zone, found.written, found.timed, stated)


def _read(value: Scalar, zone: ZoneInfo, near: date | None, epoch_1904: bool) -> Moment:
    if isinstance(value, Flaw):
        raise _refuse(
            f"The cell holds {value.value}.", "Open the file in the program that made it and save it again."
        )
    if isinstance(value, str):
        return _of_text(value, zone, near)
    if isinstance(value, datetime):
        return _moment(value, zone, value.isoformat(" ", "minutes"), True)
    if isinstance(value, date):
        return _moment(datetime(value.year, value.month, value.day), zone, value.isoformat(), False)
    if isinstance(value, float) and not isinstance(value, bool):
        return _of_number(value, zone, epoch_1904)
    raise _refuse(f"{_shown(value)} is no date.", "Write it like 2026-03-01 08:30.")


def with_clock(moment: Moment, value: Scalar, zone: ZoneInfo, stated: Stated | None = None) -> Moment:
    """``moment``, which is a day, at the time of day in ``value`` of the next column. Raises Refusal.

    A zone in the cell counts first, then ``stated`` of its header, then the one that came with the day.
    """
    clock, shift = None, 0
    stated = stated or moment.stated
    if isinstance(value, datetime):
        clock = value.time()
    elif isinstance(value, time):
        clock = value
    elif isinstance(value, float) and 0 <= value < 1:
        clock = (_EPOCH_1900 + timedelta(seconds=round(value * 86_400))).time()
    elif isinstance(value, str):
        plain = _plain(value)
        found = _HOUR.match(plain)
        if found is not None:
            clock, shift = _clock(found)
            local = datetime.combine(moment.local.date(), clock)
            stated = _stated(plain[found.end() :], found, local, plain) or stated
    if clock is None:
        raise _refuse(f"{_shown(value)} is no time of day.", "Write it like 08:30.")
    local = datetime.combine(moment.local.date(), clock) + timedelta(days=shift)
    return _moment(local, zone, f"{moment.written} {clock.isoformat('minutes')}", True, stated)


def zone_in(text: str) -> Stated | None:
    """The zone or offset that ``text`` as a whole names, None where it is none; central European time has two."""
    lower = _plain(text).casefold()
    for name, pattern in _NAMED:
        found = pattern.fullmatch(lower)
        if found is not None and not found.groupdict().get("central"):
            return _ahead(found) or railnet.zone(name)
    return None


def _of_number(value: float, zone: ZoneInfo, epoch_1904: bool) -> Moment:
    if value.is_integer() and 19_700_101 <= value <= 21_001_231:
        return _of_text(str(int(value)), zone, None)
    if not _SERIALS[0] <= value <= _SERIALS[1]:
        raise _refuse(
            f"The number {_shown(value)} is no date.", "Format the cell as a date, or write 2026-03-01 08:30."
        )
    epoch = _EPOCH_1904 if epoch_1904 else _EPOCH_1900
    local = epoch + timedelta(days=int(value), seconds=round(value % 1 * 86_400))
    return _moment(local, zone, _shown(value), not value.is_integer())


@lru_cache(maxsize=20_000)
def _of_text(text: str, zone: ZoneInfo, near: date | None) -> Moment:
    plain = _plain(text)
    found = list(_moments(plain, zone, near, _SPACE.sub(" ", text).strip()[:40].strip()))
    if not found:
        raise _refuse(f"{_shown(text)} is no date that is understood.", "Write it like 2026-03-01 08:30.")
    if len({parse_micros(moment.instant) for moment in found}) > 1:
        raise _refuse(
            f"{_shown(text)} names several times that are not the same instant.",
            "Give one time, or the same one in each zone.",
        )
    return found[0]


def _moments(plain: str, zone: ZoneInfo, near: date | None, written: str) -> Iterator[Moment]:
    position = 0
    while found := _DAY.search(plain, position):
        _require_nothing(plain[position : found.start()], plain)
        day = _day(found, near)
        clock, shift, position = time(0), 0, found.end()
        timed = _HOUR.match(plain, position)
        if timed:
            clock, shift = _clock(timed)
            position = timed.end()
        until = _DAY.search(plain, position)
        end = until.start() if until else len(plain)
        local = datetime.combine(day, clock) + timedelta(days=shift)
        stated = _stated(plain[position:end], timed, local, plain)
        yield _moment(local, zone, written, timed is not None, stated)
        position = end


def _stated(beside: str, timed: re.Match[str] | None, local: datetime, plain: str) -> Stated | None:
    """The zone or offset that stands with a time, None where none does; raises Refusal for whatever else stands there."""
    lower = beside.casefold()
    named: set[Stated] = set()
    for name, pattern in _NAMED:
        for found in pattern.finditer(lower):
            named.add(_zone(name, found, local, plain))
        lower = pattern.sub(" ", lower)
    _require_nothing(lower, plain)
    written = timed["offset"] if timed is not None else None
    if written is not None:
        named.add(
            _written_offset(written.strip(), "T" in timed.group().upper()[:3] if timed else False, plain)
        )
    if len({_offset_at(each, local) for each in named}) > 1:
        raise _refuse(f"{_shown(plain)} names zones that differ.", "Name one zone.")
    return next(iter(named), None)


def _zone(name: str, found: re.Match[str], local: datetime, plain: str) -> Stated:
    ahead = _ahead(found)
    if ahead:
        return ahead
    zone = railnet.zone(name)
    central = _CENTRAL.get(found.groupdict().get("central") or "")
    if central is not None and local.replace(tzinfo=zone).utcoffset() != timedelta(minutes=central):
        raise _refuse(
            f"{_shown(plain)} names {found.group().upper()}, and the clocks of that day are on the other time.",
            "Write the offset, such as 2026-07-01T08:30:00+02:00.",
        )
    return zone


def _ahead(found: re.Match[str]) -> str:
    """The offset of UTC+5 or GMT+05:30, "" where none is written."""
    digits = re.sub(r"[\s:]", "", found.groupdict().get("ahead") or "")
    if not digits:
        return ""
    hours, minutes = (digits[1:-2], digits[-2:]) if len(digits) > 3 else (digits[1:], "00")
    return f"{digits[0]}{hours:0>2}:{minutes}"


def _written_offset(offset: str, iso: bool, plain: str) -> str:
    """An offset as it is written; a negative one counts only in the form of ISO 8601, else "08:30-10:00" is a span."""
    if offset == "Z":
        return offset
    if offset.startswith("-") and not iso:
        raise _refuse(f"{_shown(plain)} may be a span of time.", "Give one time, such as 2026-03-01 08:30.")
    digits = offset[1:].replace(":", "")
    return f"{offset[0]}{digits[:2]}:{digits[2:] or '00'}"


def _offset_at(stated: Stated, local: datetime) -> str:
    if isinstance(stated, str):
        return "+00:00" if stated == "Z" else stated
    return _offset(local.replace(tzinfo=stated).utcoffset() or timedelta())


def _require_nothing(beside: str, plain: str) -> None:
    """Raise Refusal where text stands beside a time that is no part of it."""
    rest = beside[_BESIDE.match(beside).end() :]  # type: ignore[union-attr]  # it matches the empty text
    if not rest:
        return
    if re.search(r"\d", rest):
        raise _refuse(
            f"{_shown(plain)} is more than one date.", "Give one date and time, such as 2026-03-01 08:30."
        )
    raise _refuse(
        f"In {_shown(plain)}, {_shown(rest.strip())} beside the date is not understood.",
        "Give the date and time alone, such as 2026-03-01 08:30, and say the rest in the remarks.",
    )


def _day(found: re.Match[str], near: date | None) -> date:
    parts = found.groupdict()
    if parts["a"]:
        return _slashed(int(parts["a"]), int(parts["b"]), int(parts["y3"]))
    if parts["m5"]:
        return _yearless(int(parts["m5"]), int(parts["d5"]), near)
    if parts["m6"]:
        return _yearless(int(parts["m6"]), int(parts["d6"]), near)
    year = next(parts[name] for name in ("y", "y2", "y4") if parts[name])
    month = next(parts[name] for name in ("m", "m2", "m4") if parts[name])
    day = next(parts[name] for name in ("d", "d2", "d4") if parts[name])
    return _date(int(year) + (2000 if len(year) == 2 else 0), int(month), int(day))


def _slashed(first: int, second: int, year: int) -> date:
    if first != second and first <= 12 and second <= 12:
        raise _refuse(
            f"{first:02}/{second:02}/{year} may be two days: day first or month first.",
            "Write it like 2026-03-01.",
        )
    return (
        _date(year, min(first, second), max(first, second)) if first != second else _date(year, first, second)
    )


def _yearless(month: int, day: int, near: date | None) -> date:
    if near is None:
        raise _refuse(
            f"The day {day:02}.{month:02} has no year, and nothing else in the list gives one.",
            'Write the year, put the date of the list (制表日期) above the table, or declare the choice "year".',
        )
    around = [_date(near.year + shift, month, day) for shift in (-1, 0, 1)]
    return min(around, key=lambda each: abs(each - near))


def _date(year: int, month: int, day: int) -> date:
    try:
        return date(year, month, day)
    except ValueError:
        raise _refuse(f"There is no day {year}-{month:02}-{day:02}.", "Correct the date.") from None


def _clock(found: re.Match[str]) -> tuple[time, int]:
    """The time of day, and 1 for 24:00, which is the next day's beginning."""
    hour = int(found["h"] or found["h2"])
    minute = int(found["i"] or found["i2"] or 0)
    second = int(found["s"] or found["s2"] or 0)
    half, pm = found["half"] or "", (found["pm"] or "").lower()
    late = half in ("下午", "晚", "晚上") or pm == "pm"
    early = half in ("上午", "凌晨") or pm == "am"
    doubtful = (
        hour == 12
        if half == "上午"
        else not 5 <= hour % 24 < 12 and hour < 17
        if half.startswith("晚")
        else False
    )
    if doubtful or (early and (late or hour > 12)) or (late and hour == 24):
        raise _refuse(f"{_shown(found.group().strip())} may be two times.", "Hours are 00 to 23.")
    if late and hour < 12:
        hour += 12
    if early and hour == 12:
        hour = 0
    if (hour, minute, second) == (24, 0, 0):
        return time(0), 1
    try:
        return time(hour, minute, second), 0
    except ValueError:
        raise _refuse(f"There is no time {hour}:{minute:02}.", "Hours are 00 to 23.") from None


def _moment(
    local: datetime, zone: ZoneInfo, written: str, timed: bool, stated: Stated | None = None
) -> Moment:
    if not 1970 < local.year <= 2100:
        raise _refuse(f"The year {local.year} is outside 1971 to 2100.", "Correct the date.")
    if isinstance(stated, str):
        offset = stated
    else:
        zone = stated or zone
        first = local.replace(tzinfo=zone, fold=0).utcoffset()
        second = local.replace(tzinfo=zone, fold=1).utcoffset()
        if first != second and timed:
            raise _refuse(
                f"{local.isoformat(' ', 'minutes')} exists twice or not at all in {zone.key}: the clocks change.",
                "Write the offset, such as 2026-10-25T02:30:00+02:00.",
            )
        offset = _offset(first or timedelta())
    instant = local.isoformat(timespec="seconds") + offset
    return Moment(instant, local.date().isoformat(), written, timed, local, stated)


def _offset(delta: timedelta) -> str:
    minutes = round(delta.total_seconds() / 60)
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text).strip()


def _shown(value: object) -> str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = str(value).replace("\n", " ")
    return repr(text[:40]) if isinstance(value, str) else text[:40]


def _refuse(detail: str, remedy: str) -> Refusal:
    return Refusal(Reason.INVALID_TIME, detail, "", remedy)
