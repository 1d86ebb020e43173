"""Movement reference numbers of European customs (``06DE586600006143E1``): NCTS, AES, ICS2 and import."""

from __future__ import annotations

from dataclasses import dataclass

from schemas.identifiers.check_digit import CheckDigit, agrees, remainder_of_powers
from schemas.identifiers.form import ALNUM, DIGIT, LETTER, fixed

FORM = fixed(
    "mrn",
    "18 characters: year 2 digits, country 2 letters, 13 letters or digits, check digit",
    (DIGIT, 2),
    (LETTER, 2),
    (ALNUM, 12),
    (ALNUM, 1),
    (DIGIT, 1),
)


@dataclass(frozen=True, slots=True)
class Mrn:
    """An MRN; ``procedure`` is its 17th character (NCTS phase 5: J no safety data, K exit, L entry, M both)."""

    text: str
    year: str
    country: str
    national: str
    procedure: str
    check: CheckDigit


def check_digit(first_17: str) -> str:
    """The check digit of the first 17 characters, by the arithmetic of ISO 6346."""
    return str(remainder_of_powers(first_17) % 10)


def parse(text: str) -> Mrn:
    """The MRN in ``text``; raises MalformedIdentifier."""
    year, country, national, procedure, given = FORM.parts(text)
    stem = year + country + national + procedure
    return Mrn(stem + given, year, country, national, procedure, agrees(check_digit(stem), given))
