"""Commodity codes of the Harmonized System: six digits the world over, then what a customs territory adds.

China writes 10 digits (13 with the inspection suffix), the EAEU 10, the EU 8 (tariff 10).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from schemas.identifiers.check_digit import CheckDigit
from schemas.identifiers.form import Form

FORM = Form(
    "hs",
    re.compile(
        r"(0[1-9]|[1-9][0-9])(?:([0-9]{2})(?:([0-9]{2})((?:[0-9]{2}|[0-9]{4}|[0-9]{7})?))?)?", re.ASCII
    ),
    "2, 4, 6, 8, 10 or 13 digits that begin with a chapter, 01 to 99",
)


@dataclass(frozen=True, slots=True)
class HsCode:
    """A code, or the beginning of one; what is not given is empty. The scheme has no check digit."""

    text: str
    chapter: str  # 2 digits
    heading: str  # 4 digits
    subheading: str  # 6 digits, the part that all customs must agree on
    national: str  # what follows them
    check: CheckDigit = CheckDigit.NONE


def parse(text: str) -> HsCode:
    """The code in ``text``; raises MalformedIdentifier."""
    chapter, second, third, national = FORM.parts(text)
    heading = chapter + second if second else ""
    subheading = heading + third if third else ""
    return HsCode(chapter + second + third + national, chapter, heading, subheading, national)
