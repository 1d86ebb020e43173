"""Numbers in partners' spellings: full-width digits, units in the cell, thousands separators and decimal commas."""

from __future__ import annotations

import re
import unicodedata
from decimal import Decimal

from services.producers.formats.sheets.grid import Flaw, Scalar

_NUMBER = re.compile(
    r"(?P<digits>[0-9]{1,3}(?:[ \u00a0'][0-9]{3})+(?:[.,][0-9]+)?|[0-9]+(?:[.,][0-9]+)*)\s*"
    r"(?P<unit>kgs?|公斤|千克|кг|t|tn|吨|т|тн|cbm|m3|м3|件|箱|个|只|柜|车|辆|包|套|托|pcs|pkgs?|ctns?|plts?|cases?|pieces|packages"
    r"|cartons|шт|мест[оа]?|уп|кор|ваг(?:он(?:а|ов)?)?|конт(?:ейнер(?:а|ов)?)?|ктк)?\.?",
    re.IGNORECASE,
)
"""A number with its unit, as a whole cell; what else stands beside it ("约", "(+3)") may make it another number."""
_SEPARATORS = re.compile(r"[/;+\n、；]")
_KG = re.compile(r"(kgs?|公斤|千克|кг)", re.IGNORECASE)
_TONNE = re.compile(r"(?<![a-zа-я])(t|吨|т|тн)(?![a-zа-я])", re.IGNORECASE)


def plain(value: Scalar | None) -> str:
    """The text of a cell: full width folded, blanks at the ends dropped, whole numbers without a decimal part."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, str):
        return unicodedata.normalize("NFKC", value).replace("\u200b", "").replace("\ufeff", "").strip()
    return value.value if isinstance(value, Flaw) else str(value)


def number(text: str, *, unit: str = "") -> Decimal | None:
    """The number that ``text`` is, with its unit at most, else None; a lone comma before three digits is a thousands mark.

    Of tonnes it is a decimal comma, because no cell holds thousands of tonnes.
    """
    found = _NUMBER.fullmatch(text.strip())
    if found is None:
        return None
    digits = re.sub(r"[ \u00a0']", "", found["digits"])
    if "," in digits and "." in digits:
        mark = max(digits.rfind(","), digits.rfind("."))
        digits = digits[:mark].replace(",", "").replace(".", "") + "." + digits[mark + 1 :]
    elif "," in digits:
        whole, _, last = digits.rpartition(",")
        thousands = len(last) == 3 and unit != "t"
        digits = digits.replace(",", "") if thousands else whole.replace(",", "") + "." + last
    return Decimal(digits) if digits.count(".") <= 1 else None


def numbers(value: Scalar | None, *, unit: str = "") -> list[Decimal]:
    """Every number of a cell that holds several, parted by / ; + or line breaks; empty where a part is none."""
    if isinstance(value, float) and not isinstance(value, bool):
        return [Decimal(repr(value))]
    parts = [number(part, unit=unit) for part in _SEPARATORS.split(plain(value)) if part.strip()]
    return [part for part in parts if part is not None] if all(p is not None for p in parts) else []


def whole(value: Scalar | None) -> int | None:
    """The one whole number of a cell, such as 168 of ``１６８件``; None where it is none."""
    found = numbers(value)
    if unit_of(value) or len(found) != 1 or found[0] != found[0].to_integral_value() or found[0] < 0:
        return None
    return int(found[0])


def unit_of(value: Scalar | None) -> str:
    """kg or t where the cell itself names it, else ""."""
    text = plain(value)
    return "kg" if _KG.search(text) else "t" if _TONNE.search(text) else ""


def kilograms(value: Scalar | None, header_unit: str) -> int | None:
    """The mass of a cell in whole kilograms, by the unit in the cell, else in the header, else by size.

    A box with its goods weighs more than 40 kg and less than 40 t, so a bare number up to 40 is in tonnes.
    """
    unit = unit_of(value) or header_unit
    found = numbers(value, unit=unit)
    other = _NUMBER.fullmatch(plain(value))
    if len(found) != 1 or (other is not None and other["unit"] and not unit_of(value)):
        return None  # several numbers, or a count of something
    if not unit:
        unit = "t" if found[0] <= 40 else "kg"
    return int((found[0] * (1000 if unit == "t" else 1)).to_integral_value())
