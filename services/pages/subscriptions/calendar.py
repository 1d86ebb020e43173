"""A feed as a calendar (RFC 5545): what was reached, and when the arrival is expected. Pure.

It holds what was last told, so its sequence is the number of the newest notice: it grows with every change. Lines are folded at 75 octets
without cutting a character.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from services.pages.localization import Localization
from services.pages.subscriptions.changes import HOUR, Change, Kind
from services.pages.subscriptions.store import Subscription
from services.pages.subscriptions.wording import headline, sentence

MEDIA_TYPE = "text/calendar; charset=utf-8; method=PUBLISH"
_OCTETS = 75
_ESCAPES = str.maketrans({"\\": "\\\\", ";": "\\;", ",": "\\,", "\n": "\\n", "\r": None})


def calendar(found: Subscription, l10n: Localization, *, at: int, page: str) -> bytes:
    """The calendar of what was told, last at ``at``; ``page`` is the address of the consignment's page, "" for none."""
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Lianyun//Subscriptions 1//EN", "CALSCALE:GREGORIAN"]
    lines += [
        "METHOD:PUBLISH",
        f"X-WR-CALNAME:{_text(found.reference)}",
        "REFRESH-INTERVAL;VALUE=DURATION:PT1H",
    ]
    for uid, begins, ends, summary, description in _events(found, l10n):
        lines += [
            "BEGIN:VEVENT",
            f"UID:{uid}.{found.id}@lianyun",
            f"DTSTAMP:{_utc(at)}",
            f"LAST-MODIFIED:{_utc(at)}",
        ]
        lines += [f"SEQUENCE:{found.last_no}", f"DTSTART:{_utc(begins)}"]
        lines += [] if ends is None else [f"DTEND:{_utc(ends)}"]
        lines += [f"SUMMARY:{_text(summary)}", f"DESCRIPTION:{_text(description)}", "TRANSP:TRANSPARENT"]
        lines += [f"URL:{page}"] if page else []
        lines.append("END:VEVENT")
    lines.append("END:VCALENDAR")
    return "".join(fold(line) for line in lines).encode()


def _events(found: Subscription, l10n: Localization) -> Iterator[tuple[str, int, int | None, str, str]]:
    """(what of the identifier is its own, begin, end, title, description)"""
    if found.wanted.milestones:
        for key, (code, place, at) in sorted(found.told.steps.items()):
            if at is not None:
                change = Change(Kind.REACHED, code, place, at)
                title = f"{found.reference}: {headline(change, l10n)}"
                yield key.replace(" ", "-").replace(":", "-"), at, None, title, sentence(change, l10n)
    expected = found.told.forecast
    if expected is not None and "destination" not in found.told.steps:
        change = Change(Kind.FORECAST, at=expected.low, until=expected.high)
        expects = l10n.gettext("Arrival expected")
        title = f"{found.reference}: {expects}"
        ends = expected.high if expected.high is not None else expected.low + HOUR
        yield "arrival", expected.low, max(ends, expected.low + HOUR), title, sentence(change, l10n)


def fold(line: str) -> str:
    """A content line with its end, in lines of at most 75 octets (RFC 5545, 3.1)."""
    parts, part, octets = [], "", 0
    for each in line:
        size = len(each.encode())
        if octets + size > _OCTETS:
            parts.append(part)
            part, octets = " ", 1
        part, octets = part + each, octets + size
    return "\r\n".join([*parts, part]) + "\r\n"


def _text(value: str) -> str:
    return "".join(each for each in value if each == "\n" or each.isprintable()).translate(_ESCAPES)


def _utc(micros: int) -> str:
    return f"{datetime.fromtimestamp(micros // 1_000_000, UTC):%Y%m%dT%H%M%SZ}"
