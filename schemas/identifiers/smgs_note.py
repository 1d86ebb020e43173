"""SMGS and common CIM/SMGS notes: the number (box 29) has no published length or check digit.

It is unique only together with country, station of departure and year.
"""

from __future__ import annotations

from dataclasses import dataclass

from schemas.identifiers import note_key
from schemas.identifiers.check_digit import CheckDigit


@dataclass(frozen=True, slots=True)
class SmgsNote:
    """A note; ``common`` is true for the CIM/SMGS note, which is not made out anew at the border."""

    text: str
    common: bool
    country: str
    station: str
    number: str
    year: str
    check: CheckDigit = CheckDigit.NONE


def parse(text: str) -> SmgsNote:
    """The note in ``SMGS|CIMSMGS/country/station/number/year``; raises MalformedIdentifier."""
    key = note_key.split(text)
    if key.form == "CIM":
        remedy = "give a note that begins with SMGS/ or CIMSMGS/"
        raise note_key.FORM.malformed(text, "form CIM", "its beginning", remedy)
    return SmgsNote(key.text, key.form == "CIMSMGS", key.country, key.station, key.number, key.year)
