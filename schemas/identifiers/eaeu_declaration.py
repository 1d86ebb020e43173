"""EAEU goods and transit declarations: ``post/ddmmyy/serial`` (``10702070/010125/5000123``); no check digit.

Russian posts have 8 digits, those of Kazakhstan and Belarus 5. The rule is known from samples, not from the act.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

from schemas.identifiers.check_digit import CheckDigit
from schemas.identifiers.form import Form

FORM = Form(
    "eaeu_declaration",
    re.compile(r"([0-9]{5}(?:[0-9]{3})?)/([0-9]{6})/([0-9A-Z][0-9]{6})", re.ASCII),
    "the post (5 or 8 digits), the day as ddmmyy and a serial number of 7, parted by slashes",
    separators=" ",
)


@dataclass(frozen=True, slots=True)
class EaeuDeclaration:
    """A declaration; ``day`` is its date of registration."""

    text: str
    post: str
    day: date
    serial: str
    check: CheckDigit = CheckDigit.NONE


def parse(text: str) -> EaeuDeclaration:
    """The declaration number in ``text``; raises MalformedIdentifier, also for a day that does not exist."""
    post, ddmmyy, serial = FORM.parts(text)
    try:
        day = date(2000 + int(ddmmyy[4:]), int(ddmmyy[2:4]), int(ddmmyy[:2]))
    except ValueError:
        raise FORM.malformed(text, f"day {ddmmyy}", "the second part", "give the day as ddmmyy") from None
    return EaeuDeclaration(f"{post}/{ddmmyy}/{serial}", post, day, serial)
