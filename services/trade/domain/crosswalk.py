"""The crosswalk of declarations: elements with their boxes on each side, and codes of one list in another, as they hold on a day."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cache
from types import MappingProxyType
from typing import Final

from services.trade.domain.values import rows_in_force

LANGUAGES: Final = ("en", "zh", "ru")
NAMED_IN: Final = (*LANGUAGES, "de", "pl", "kk")
"""Languages of what pages show: the names of elements and the texts of statuses."""


class Side(StrEnum):
    """Whose declaration: export from China, import into the EAEU, transit through it."""

    CN = "CN"
    EAEU = "EAEU"
    TRANSIT = "TRANSIT"

    @property
    def codes(self) -> str:
        """The column of the side in the lists of codes."""
        return "cn" if self is Side.CN else "eaeu"


class Relation(StrEnum):
    """How the two sides of an element are related."""

    SAME = "SAME"
    CONVERT = "CONVERT"
    DIFFERENT_BY_LAW = "DIFFERENT_BY_LAW"
    ONLY_CN = "ONLY_CN"
    NOT_IN_CN = "NOT_IN_CN"


class Giver(StrEnum):
    """Who can state what a dataset lacks."""

    SHIPPER = "SHIPPER"
    BUYER = "BUYER"
    CARRIER = "CARRIER"
    BROKER = "BROKER"
    CUSTOMS = "CUSTOMS"


@dataclass(frozen=True, slots=True)
class TableRow:
    """Which row of which table a value was made by, since when it holds, and what says so."""

    table: str
    row: str
    source: str
    valid_from: date

    def __str__(self) -> str:
        return f"{self.table} {self.row} ({self.valid_from}; {self.source})"


@dataclass(frozen=True, slots=True)
class Box:
    """Where an element stands on one side: the number or title of the box, the elements of the message, who gives what is missing."""

    title: str
    tags: tuple[str, ...]
    giver: Giver | None


@dataclass(frozen=True, slots=True)
class Element:
    """A row of the crosswalk. ``boxes`` has only the sides whose declaration has the element."""

    number: int
    names: Mapping[str, str]
    boxes: Mapping[Side, Box]
    relation: Relation
    rule: str
    row: TableRow


@dataclass(frozen=True, slots=True)
class CodeRow:
    """The codes of one key of a list: ``cn``, ``eaeu`` and ``un``, each the one to write first; empty where there is none."""

    key: str
    cn: tuple[str, ...]
    eaeu: tuple[str, ...]
    un: tuple[str, ...]
    row: TableRow

    def code(self, column: str) -> str:
        """The code to write in ``column``, "" where there is none."""
        codes: tuple[str, ...] = getattr(self, column)
        return codes[0] if codes else ""


@cache
def elements(as_of: date) -> Mapping[int, Element]:
    """The elements by number, as they hold on ``as_of``."""
    return MappingProxyType(
        {
            int(row["element"]): Element(
                int(row["element"]),
                MappingProxyType({language: row[language] for language in NAMED_IN}),
                MappingProxyType(
                    {
                        side: Box(
                            row[f"{side.lower()}_box"],
                            tuple(row[f"{side.lower()}_tag"].split()),
                            Giver(row[f"{side.lower()}_giver"]) if row[f"{side.lower()}_giver"] else None,
                        )
                        for side in Side
                        if row[f"{side.lower()}_box"]
                    }
                ),
                Relation(row["relation"]),
                row["rule"],
                TableRow("crosswalk", row["element"], row["source"], date.fromisoformat(row["valid_from"])),
            )
            for row in rows_in_force("crosswalk", ("element",), as_of)
        }
    )


@cache
def codes(name: str, as_of: date) -> Mapping[str, CodeRow]:
    """The list called ``name`` by key, as it holds on ``as_of``; empty where there is none."""
    return MappingProxyType(
        {
            row["key"]: CodeRow(
                row["key"],
                _several(row["cn"]),
                _several(row["eaeu"]),
                _several(row["un"]),
                TableRow(name, row["key"], row["source"], date.fromisoformat(row["valid_from"])),
            )
            for row in rows_in_force("codes", ("list", "key"), as_of)
            if row["list"] == name
        }
    )


def _several(text: str) -> tuple[str, ...]:
    return tuple(text.split("|")) if text else ()


@cache
def meanings(name: str, column: str, as_of: date) -> Mapping[str, str]:
    """The keys of list ``name`` by their codes in ``column``; of several, the first row."""
    found: dict[str, str] = {}
    for each in codes(name, as_of).values():
        for code in getattr(each, column):
            found.setdefault(code, each.key)
    return MappingProxyType(found)
