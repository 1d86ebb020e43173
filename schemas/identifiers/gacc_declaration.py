"""Chinese customs declarations (GACC): 18 digits with office, year and direction; no check digit."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from schemas.identifiers.check_digit import CheckDigit
from schemas.identifiers.form import DIGIT, Form

FORM = Form(
    "gacc_declaration",
    re.compile(r"([0-9]{4})((?:19|20)[0-9]{2})([01])([0-9]{9})", re.ASCII),
    "18 digits: office 4, year 4, 0 for export or 1 for import, serial 9; leave an item number off",
    (*(DIGIT,) * 4, "[12]", "[09]", DIGIT, DIGIT, "[01]", *(DIGIT,) * 9),
)


@dataclass(frozen=True, slots=True)
class GaccDeclaration:
    """A declaration; ``office`` is the accepting customs."""

    text: str
    office: str
    year: str
    direction: Literal["IMPORT", "EXPORT"]
    serial: str
    check: CheckDigit = CheckDigit.NONE


def parse(text: str) -> GaccDeclaration:
    """The declaration number in ``text``; raises MalformedIdentifier."""
    office, year, flag, serial = FORM.parts(text)
    direction: Literal["IMPORT", "EXPORT"] = "IMPORT" if flag == "1" else "EXPORT"
    return GaccDeclaration(office + year + flag + serial, office, year, direction, serial)
