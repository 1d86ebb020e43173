"""Characters that look alike across scripts, as one character each (``confusables.csv``, after UTS 39)."""

from __future__ import annotations

import csv
import unicodedata
from collections.abc import Mapping
from functools import cache, lru_cache
from pathlib import Path
from types import MappingProxyType

TABLE = Path(__file__).with_name("confusables.csv")


@cache
def confusables() -> Mapping[int, str]:
    """The table: code point of an upper-case character to what it is taken for."""
    with TABLE.open(encoding="utf-8", newline="") as file:
        return MappingProxyType(
            {int(row["character"][2:], 16): row["looks_like"] for row in csv.DictReader(file)}
        )


@lru_cache(maxsize=50_000)
def skeleton(text: str) -> str:
    """``text`` as it looks: upper case, compatibility forms folded (NFKD), look-alikes one character, letters and digits only.

    O and 0, I and 1 are one character each. Two texts of the same skeleton cannot be told apart by looking.
    """
    plain = unicodedata.normalize("NFKD", text).upper().translate(confusables())
    return "".join(map(_character, plain))


def _character(character: str) -> str:
    digit = unicodedata.decimal(character, None)
    if digit is not None:
        return str(digit)
    return character if character.isalnum() else ""
