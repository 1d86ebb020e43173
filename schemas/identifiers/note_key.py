"""The key of a consignment note on the wire: ``SMGS|CIM|CIMSMGS/country/station/number/year``."""

from __future__ import annotations

import re
from dataclasses import dataclass

from schemas.identifiers.form import Form

_PARTS = {
    "form": r"SMGS|CIM|CIMSMGS",
    "country": r"[A-Z]{2}",
    "station": r"[0-9A-Z][0-9A-Z_-]{0,31}",
    "number": r"[0-9A-Z][0-9A-Z-]{0,31}",
    "year": r"(?:19|20)[0-9]{2}",
}
FORM = Form(
    "note",
    re.compile("/".join(f"({part})" for part in _PARTS.values()), re.ASCII),
    "SMGS, CIM or CIMSMGS, country (2 letters), station, number and year (4 digits), parted by slashes",
    separators=" ",
)


@dataclass(frozen=True, slots=True)
class NoteKey:
    """A note named by where, under which number and in which year it was made out."""

    form: str
    country: str
    station: str
    number: str
    year: str

    @property
    def text(self) -> str:
        """The key as on the wire."""
        return "/".join((self.form, self.country, self.station, self.number, self.year))


def split(text: str) -> NoteKey:
    """The key in ``text``, upper case, blanks dropped; raises MalformedIdentifier."""
    parts = FORM.plain(text).split("/")
    if len(parts) != len(_PARTS):
        raise FORM.malformed(text, f"{len(parts)} parts instead of {len(_PARTS)}", "its slashes")
    for part, (name, pattern) in zip(parts, _PARTS.items(), strict=True):
        if re.fullmatch(pattern, part, re.ASCII) is None:
            raise FORM.malformed(text, f"{name} {part[:20]!r}", f"the {name}")
    return NoteKey(*parts)
