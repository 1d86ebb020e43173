"""The section ``[files]`` of a partner's profile: parsing, validation and writing.

::

    [files]
    zone = "Asia/Shanghai"                  # the clock of times without an offset; never guessed
    company = "CRCT"                        # the partner's own code in train numbers

    [files.zones]
    border_handover = "Europe/Moscow"       # by format
    "border_handover.交接时间" = "Asia/Almaty"  # and by column

    [files.choices.border_handover]
    "口岸" = "place.border"                  # what a header or code means that may mean two things
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from services.producers.formats.model import Settings

_KNOWN = ("zone", "company", "zones", "choices")
_COMPANY = re.compile(r"[0-9A-Za-z][0-9A-Za-z-]{0,31}")
_SPOKEN = {
    "beijing": "Asia/Shanghai",
    "china": "Asia/Shanghai",
    "cst": "Asia/Shanghai",
    "utc+8": "Asia/Shanghai",
    "+08:00": "Asia/Shanghai",
    "msk": "Europe/Moscow",
    "moscow": "Europe/Moscow",
    "astana": "Asia/Almaty",
    "almaty": "Asia/Almaty",
    "+05:00": "Asia/Almaty",
    "warsaw": "Europe/Warsaw",
    "minsk": "Europe/Minsk",
    "cet": "Europe/Warsaw",
}
"""What people write for a zone; suggested, never taken, because most of them mean several."""


class BadDeclaration(ValueError):
    """The section is invalid: the text names the key, the problem and the remedy."""


def read(table: object, party: str) -> Settings:
    """The settings that ``table``, a parsed ``[files]`` section, declares for ``party``; raises BadDeclaration."""
    if not isinstance(table, Mapping):
        raise BadDeclaration('[files] is no section; write [files] on a line, and zone = "..." below it')
    for key in table:
        if key not in _KNOWN:
            near = get_close_matches(str(key), _KNOWN, n=1)
            hint = f"did you mean {near[0]}?" if near else f"the keys are {', '.join(_KNOWN)}"
            raise BadDeclaration(f"[files] has no key {key!r}; {hint}")
    if "zone" not in table:
        raise BadDeclaration('[files] names no zone; add zone = "Asia/Almaty", for example')
    company = table.get("company", "")
    if not isinstance(company, str) or (company and not _COMPANY.fullmatch(company)):
        raise BadDeclaration(
            f"files.company is {company!r}; write the code of your company in letters and digits"
        )
    return Settings(
        party,
        _zone(table["zone"], "files.zone"),
        company,
        dict(_zones(_section(table, "zones"), "")),
        dict(_choices(_section(table, "choices"))),
    )


def write(settings: Settings) -> str:
    """``settings`` as the text of a ``[files]`` section; :func:`read` reads it back equal."""
    lines = ["[files]", f"zone = {_quoted(settings.zone.key)}"]
    if settings.company:
        lines.append(f"company = {_quoted(settings.company)}")
    if settings.zones:
        lines += ["", "[files.zones]"]
        lines += [f"{_quoted(name)} = {_quoted(zone.key)}" for name, zone in settings.zones.items()]
    for name, choices in settings.choices.items():
        lines += ["", f"[files.choices.{_quoted(name)}]"]
        lines += [f"{_quoted(label)} = {_quoted(meaning)}" for label, meaning in choices.items()]
    return "\n".join(lines) + "\n"


def formats_named(settings: Settings) -> Iterator[tuple[str, str]]:
    """(key of the section, format) for every format that ``settings`` name, for who knows which there are."""
    for name in settings.zones:
        yield f"files.zones.{name}", name.partition(".")[0]
    for name in settings.choices:
        yield f"files.choices.{name}", name


def _section(table: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = table.get(name, {})
    if not isinstance(found, Mapping):
        raise BadDeclaration(f"files.{name} is no section; write [files.{name}] on a line of its own")
    return found


def _zones(table: Mapping[str, Any], above: str) -> Iterator[tuple[str, ZoneInfo]]:
    """``format.column = zone`` without quotes is a table in TOML; it means the same."""
    for name, value in table.items():
        if isinstance(value, Mapping) and not above:
            yield from _zones(value, f"{name}.")
        else:
            yield above + name, _zone(value, f"files.zones.{above}{name}")


def _choices(table: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, str]]]:
    for name, choices in table.items():
        if not isinstance(choices, Mapping):
            raise BadDeclaration(
                f"files.choices.{name} is no section; choices go by format: [files.choices.FORMAT]"
            )
        for label, meaning in choices.items():
            if not isinstance(meaning, str) or not meaning:
                raise BadDeclaration(
                    f"files.choices.{name}: {label!r} means {meaning!r}; write the meaning as text in quotes"
                )
        yield name, dict(choices)


def _zone(value: object, key: str) -> ZoneInfo:
    if isinstance(value, str):
        try:
            return ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            pass
    near = _SPOKEN.get(str(value).strip().lower())
    if near is None:
        cities = {zone.rpartition("/")[2].lower(): zone for zone in sorted(available_timezones())}
        close = get_close_matches(str(value).rpartition("/")[2].lower(), cities, n=1)
        near = cities[close[0]] if close else None
    hint = (
        f"did you mean {near}?"
        if near
        else "write a name such as Asia/Shanghai, Asia/Almaty or Europe/Moscow"
    )
    raise BadDeclaration(f"{key} is {value!r}, which is no time zone; {hint}")


def _quoted(text: str) -> str:
    """A basic string of TOML 1.0: quotation marks, backslashes and control characters escaped."""
    escaped = "".join(
        f"\\{char}" if char in '"\\' else f"\\u{ord(char):04x}" if ord(char) < 32 or char == "\x7f" else char
        for char in text
    )
    return f'"{escaped}"'
