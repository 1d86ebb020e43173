"""One spelling for a number on a paper, whoever typed it, on whatever keyboard: what fingerprints are made of.

Compatibility forms are folded (NFKD: full-width, ligatures, accents), letters are upper case, look-alikes of other
scripts and of digits become one character (``confusables.csv``, in the spirit of UTS 39 and reduced to what stands in
identifiers of this trade), decimal digits of any script are ASCII, everything but letters and digits is dropped, and
zeros that lead a run of digits are dropped. A normaliser is never changed once fingerprints were made by it: a better one
is a new number, and both are checked until the last entry of the older is released.
"""

from __future__ import annotations

import csv
import re
import unicodedata
from collections.abc import Callable, Mapping
from functools import cache, lru_cache
from pathlib import Path
from types import MappingProxyType

CONFUSABLES = Path(__file__).with_name("confusables.csv")
Normaliser = Callable[[str], str]

_LEADING = re.compile(r"(?<![0-9])0+(?=[0-9])")
_APART = {code: " " for code in range(128) if not chr(code).isalnum()}
"""What ``_character`` makes of ASCII, where it changes anything."""


@cache
def confusables() -> Mapping[int, str]:
    """The table: code point of an upper-case character to what it is taken for."""
    with CONFUSABLES.open(encoding="utf-8", newline="") as file:
        return MappingProxyType(
            {int(row["character"][2:], 16): row["looks_like"] for row in csv.DictReader(file)}
        )


@lru_cache(maxsize=50_000)
def normalise_1(text: str) -> str:
    """The spelling of version 1; "" for text without a letter or digit."""
    plain = unicodedata.normalize("NFKD", text).upper()
    # Look-alikes are told by the eye, so they go before digits are found: O20 is read 020.
    told = plain.translate(confusables())
    kept = told.translate(_APART) if told.isascii() else "".join(map(_character, told))
    runs = _LEADING.sub("", kept)
    return "".join(runs.split())


def _character(character: str) -> str:
    digit = unicodedata.decimal(character, None)
    if digit is not None:
        return str(digit)
    if character.isalnum():
        return character
    # What stands between two runs of digits keeps them apart until their zeros are gone; a mark on a letter does not.
    return "" if unicodedata.combining(character) or unicodedata.category(character) == "Cf" else " "


NORMALISERS: Mapping[int, Normaliser] = MappingProxyType({1: normalise_1})
"""Every normaliser that fingerprints were ever made by."""
NEWEST = max(NORMALISERS)


def deletions(text: str, most: int = 40) -> frozenset[str]:
    """``text`` and all that it becomes by leaving out one character of its first ``most``.

    Two texts that differ by one character replaced, left out or put in have one of these in common.
    """
    return frozenset({text, *(text[:at] + text[at + 1 :] for at in range(min(len(text), most)))})
