"""UN/LOCODEs (``PLMAA``): the form only; what a code means, and which ones mislead, is in schemas.railnet."""

from __future__ import annotations

from dataclasses import dataclass

from schemas.identifiers.check_digit import CheckDigit
from schemas.identifiers.form import LETTER, fixed

FORM = fixed(
    "unlocode",
    "a country of 2 letters and a place of 3 letters or digits 2 to 9, such as PLMAA",
    (LETTER, 2),
    ("[A-Z2-9]", 3),
)


@dataclass(frozen=True, slots=True)
class Unlocode:
    """A code; the scheme has no check digit."""

    text: str
    country: str
    location: str
    check: CheckDigit = CheckDigit.NONE


def parse(text: str) -> Unlocode:
    """The code in ``text``; raises MalformedIdentifier."""
    country, location = FORM.parts(text)
    return Unlocode(country + location, country, location)
