"""Station codes of the 1520 network (ESR): five digits and a check digit; a border point has a code of its own."""

from __future__ import annotations

import re
from dataclasses import dataclass

from schemas.identifiers.check_digit import CheckDigit, agrees
from schemas.identifiers.form import Form

FORM = Form(
    "station1520",
    re.compile(r"([0-9]{2})([0-9]{3})([0-9]?)", re.ASCII),
    "6 digits, such as 708403, or 5 without the check digit",
)


@dataclass(frozen=True, slots=True)
class Station1520:
    """A code; ``network`` is its area (first two digits), ``check`` NONE where only five digits were given."""

    text: str
    network: str
    ordinal: str
    check: CheckDigit


def check_digit(first_five: str) -> str:
    """Digits times 1 to 5 modulo 11; where that is 10, times 3 to 7; where it is 10 again, 0."""
    for first_weight in (1, 3):
        remainder = sum(int(d) * w for w, d in enumerate(first_five, start=first_weight)) % 11
        if remainder < 10:
            return str(remainder)
    return "0"


def parse(text: str) -> Station1520:
    """The code in ``text``, as complete as given; raises MalformedIdentifier."""
    network, ordinal, given = FORM.parts(text)
    check = agrees(check_digit(network + ordinal), given) if given else CheckDigit.NONE
    return Station1520(network + ordinal + given, network, ordinal, check)


def complete(first_five: str) -> str:
    """The six digits of a code whose first five are known; raises MalformedIdentifier."""
    code = parse(first_five)
    return code.text if len(code.text) == 6 else code.text + check_digit(code.text)
