"""Check digits of parsed identifiers, and the arithmetic that several schemes share."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Protocol


class CheckDigit(StrEnum):
    """Whether the check digit agrees; NONE where the scheme has none, or the text leaves it out."""

    OK = "OK"
    WRONG = "WRONG"
    NONE = "NONE"


class Identifier(Protocol):
    """What every parsed identifier offers besides its own parts."""

    @property
    def text(self) -> str:
        """The normalised spelling."""

    @property
    def check(self) -> CheckDigit:
        """The result of the check digit."""


def agrees(expected: object, given: object) -> CheckDigit:
    """OK where both are equal, else WRONG."""
    return CheckDigit.OK if expected == given else CheckDigit.WRONG


def luhn(digits: str) -> str:
    """The Luhn check digit of ``digits``: from the right times 2, 1, 2, ..., digit sum, up to the next ten.

    UIC and EVN wagons, 1520 wagons, UIC stations and CIM consignment numbers use it.
    """
    total = 0
    for place, digit in enumerate(reversed(digits)):
        doubled = int(digit) * 2 if place % 2 == 0 else int(digit)
        total += doubled // 10 + doubled % 10
    return str(-total % 10)


def _values() -> Mapping[str, int]:
    values = {str(digit): digit for digit in range(10)}
    value = 10
    for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ":
        value += value % 11 == 0
        values[letter] = value
        value += 1
    return MappingProxyType(values)


LETTER_VALUES = _values()
"""ISO 6346: A is 10, B is 12, ... Z is 38; multiples of 11 are left out."""


def remainder_of_powers(text: str) -> int:
    """ISO 6346 arithmetic, 0 to 10: values times 1, 2, 4, ... from the left, modulo 11. MRNs use it too."""
    return sum(LETTER_VALUES[character] << place for place, character in enumerate(text)) % 11
