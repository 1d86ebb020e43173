"""The published table of products: what each may encumber, its guards, its release block and its covenants."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from schemas.events.base import Role
from services.financing.domain.assignments import AssignmentState

_ENOUGH = (AssignmentState.CONFIRMED, AssignmentState.UNCONTESTED)
TABLE = Path(__file__).with_name("products.toml")
HOUR = 3_600 * 1_000_000


class Interest(StrEnum):
    """What a bank may hold."""

    RECEIVABLE = "RECEIVABLE"
    GOODS = "GOODS"
    DOCUMENT = "DOCUMENT"

    @property
    def group(self) -> str:
        """CLAIM for what is owed, CARGO for the goods: a document that gives a right to goods is the goods."""
        return "CLAIM" if self is Interest.RECEIVABLE else "CARGO"


class Value(StrEnum):
    """Which value is encumbered: a loan on freight does not compete with one on the goods carried."""

    TRADE = "TRADE"
    FREIGHT = "FREIGHT"


@dataclass(frozen=True, slots=True)
class Product:
    """One row of the table; see ``products.toml`` for what each column means. Times are microseconds."""

    name: str
    interests: frozenset[Interest]
    value: Value
    applicants: frozenset[Role]
    blocks_release: bool
    one_draw: bool
    reservation: int
    highest_advance: int
    value_publishers: int
    keys: frozenset[str]
    assignment: AssignmentState  # the least that what names the cargo must be before a pledge: UNCONTESTED or CONFIRMED
    pledge: tuple[str, ...]
    draw: tuple[str, ...]
    covenants: frozenset[str]
    control: frozenset[str]  # the kinds of paper that give control; empty: any whose holder may dispose


@dataclass(frozen=True, slots=True)
class Products:
    """The whole table in one version."""

    version: str
    rows: Mapping[str, Product]

    def __getitem__(self, name: str) -> Product:
        return self.rows[name]


def read_products(text: str) -> Products:
    """The table in ``text`` (TOML); ValueError or KeyError where it is not one."""
    table = tomllib.loads(text)
    version = table.pop("version")
    rows = {name: _product(name, row) for name, row in table.items()}
    return Products(version, MappingProxyType(rows))


@cache
def products() -> Products:
    """The table that this release decides by."""
    return read_products(TABLE.read_text(encoding="utf-8"))


def _product(name: str, row: dict[str, Any]) -> Product:
    return Product(
        name=name,
        interests=frozenset(map(Interest, row["interests"])),
        value=Value(row["value"]),
        applicants=frozenset(map(Role, row["applicants"])),
        blocks_release=row["blocks_release"],
        one_draw={"ONE": True, "MANY": False}[row["draws"]],
        reservation=row["reservation_hours"] * HOUR,
        highest_advance=row["highest_advance"],
        value_publishers=row["value_publishers"],
        keys=frozenset(row["keys"]),
        assignment={each.value: each for each in _ENOUGH}[row["assignment"]],
        pledge=tuple(row["pledge"]),
        draw=tuple(row["draw"]),
        covenants=frozenset(row["covenants"]),
        control=frozenset(row.get("control", ())),
    )
