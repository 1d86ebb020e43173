"""Legal entity identifiers, ISO 17442 (``5493000IBP32UQZ0KL24``)."""

from __future__ import annotations

from dataclasses import dataclass

from schemas.identifiers.check_digit import CheckDigit, agrees
from schemas.identifiers.form import ALNUM, DIGIT, fixed

FORM = fixed("lei", "18 letters or digits and 2 check digits", (ALNUM, 4), (ALNUM, 14), (DIGIT, 2))


@dataclass(frozen=True, slots=True)
class Lei:
    """An LEI; ``issuer`` is the prefix of the local operating unit."""

    text: str
    issuer: str
    entity: str
    check: CheckDigit


def check_digits(first_18: str) -> str:
    """The two check digits by ISO 7064 MOD 97-10, letters counting 10 to 35."""
    return f"{98 - _number(first_18 + '00') % 97:02}"


def parse(text: str) -> Lei:
    """The LEI in ``text``; raises MalformedIdentifier."""
    issuer, entity, given = FORM.parts(text)
    whole = issuer + entity + given
    return Lei(whole, issuer, entity, agrees(_number(whole) % 97, 1))


def _number(text: str) -> int:
    return int("".join(str(int(character, 36)) for character in text))
