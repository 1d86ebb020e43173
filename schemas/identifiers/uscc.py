"""Unified social credit codes of Chinese legal persons, GB 32100 (``91110000802100433B``)."""

from __future__ import annotations

from dataclasses import dataclass

from schemas.identifiers.check_digit import CheckDigit, agrees
from schemas.identifiers.form import DIGIT, fixed

ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
"""Digits and letters without I, O, S, V and Z; the place in it is the value."""
_USED = f"[{ALPHABET}]"
_WEIGHTS = tuple(pow(3, place, 31) for place in range(17))

FORM = fixed(
    "uscc",
    "18 digits and letters, without I, O, S, V and Z",
    (_USED, 1),
    (_USED, 1),
    (DIGIT, 6),
    (_USED, 9),
    (_USED, 1),
)


@dataclass(frozen=True, slots=True)
class Uscc:
    """A code: registering ``authority``, ``category`` of entity, ``region`` (GB/T 2260), ``organisation``."""

    text: str
    authority: str
    category: str
    region: str
    organisation: str
    check: CheckDigit


def check_character(first_17: str) -> str:
    """The check character: 31 less the sum of values times 3^i modulo 31."""
    total = sum(ALPHABET.index(c) * weight for c, weight in zip(first_17, _WEIGHTS, strict=True))
    return ALPHABET[-total % 31]


def parse(text: str) -> Uscc:
    """The code in ``text``; raises MalformedIdentifier."""
    authority, category, region, organisation, given = FORM.parts(text)
    stem = authority + category + region + organisation
    check = agrees(check_character(stem), given)
    return Uscc(stem + given, authority, category, region, organisation, check)
