"""CIM consignment notes (box 62): the number is five digits and a Luhn digit, unique by country, station and carrier."""

from __future__ import annotations

from dataclasses import dataclass

from schemas.identifiers import note_key
from schemas.identifiers.check_digit import CheckDigit, agrees, luhn
from schemas.identifiers.form import DIGIT, fixed

NUMBER = fixed("cim_note", "5 digits and the check digit, such as 70268-8", (DIGIT, 5), (DIGIT, 1))


@dataclass(frozen=True, slots=True)
class CimNumber:
    """A consignment number without what makes it unique."""

    text: str
    check: CheckDigit


@dataclass(frozen=True, slots=True)
class CimNote:
    """A CIM note; ``country`` is ISO2, ``number`` six digits."""

    text: str
    country: str
    station: str
    number: str
    year: str
    check: CheckDigit


def parse_number(text: str) -> CimNumber:
    """The consignment number in ``text``; raises MalformedIdentifier."""
    stem, given = NUMBER.parts(text)
    return CimNumber(stem + given, agrees(luhn(stem), given))


def parse(text: str) -> CimNote:
    """The note in ``CIM/country/station/number/year``; raises MalformedIdentifier."""
    key = note_key.split(text)
    if key.form != "CIM":
        raise NUMBER.malformed(text, f"form {key.form}", "its beginning", "give a note that begins with CIM/")
    number = parse_number(key.number)
    normal = note_key.NoteKey(key.form, key.country, key.station, number.text, key.year)
    return CimNote(normal.text, key.country, key.station, number.text, key.year, number.check)
