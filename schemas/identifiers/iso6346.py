"""Container numbers by ISO 6346: owner code, category, serial number, check digit (``CSQU3054383``)."""

from __future__ import annotations

from dataclasses import dataclass

from schemas.identifiers.check_digit import CheckDigit, agrees, remainder_of_powers
from schemas.identifiers.form import DIGIT, LETTER, fixed

FORM = fixed(
    "iso6346",
    "an owner code of 3 letters, U, J or Z, 6 digits and the check digit, such as CSQU3054383",
    (LETTER, 3),
    ("[UJZ]", 1),
    (DIGIT, 6),
    (DIGIT, 1),
)


@dataclass(frozen=True, slots=True)
class Container:
    """A container number; ``category`` U is a freight container, J loose equipment, Z a chassis."""

    text: str
    owner: str
    category: str
    serial: str
    check: CheckDigit


def check_digit(first_ten: str) -> str:
    """The check digit of the first ten characters; the remainder 10 is written 0, so the two cannot be told apart."""
    return str(remainder_of_powers(first_ten) % 10)


def parse(text: str) -> Container:
    """The container number in ``text``; raises MalformedIdentifier."""
    owner, category, serial, given = FORM.parts(text)
    first_ten = owner + category + serial
    return Container(first_ten + given, owner, category, serial, agrees(check_digit(first_ten), given))
