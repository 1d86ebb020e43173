"""The need-to-know matrix: which role sees which group of fields, in which relation, and how. Default: nothing.

The table is ``matrix.csv``, one cell a row. Whoever has several roles or relations sees the most that any of them gives.
Statistics for the public are no row: nobody but a proven party reaches the API.
"""

from __future__ import annotations

import csv
from collections.abc import Collection, Mapping
from enum import StrEnum
from functools import cache
from pathlib import Path

from schemas.events.base import Role


class Field(StrEnum):
    """Groups of fields that are seen or not seen together."""

    MOVEMENT = "movement"
    IDS = "ids"  # containers, wagons, seals
    GOODS = "goods"  # description, HS
    INVOICE = "invoice"  # value, price, parties of the sale
    PRICE = "price"  # of a version of a trade's data: prices, amounts, charges, currency, and digests that would betray them
    CONTACT = "contact"  # natural persons; v1 of the events has no such field
    DECLARATION_STATUS = "declaration_status"
    DECLARATION_NUMBER = "declaration_number"
    FINDING = "finding"  # verdicts of the checks on a trade; never the values that they compare
    INSPECTION = "inspection"
    CREDIT = "credit"
    FINANCING = "financing"


class Relation(StrEnum):
    """What a party is to the object that it asks about."""

    ENGAGED = "engaged"  # named by its founding or a link of somebody engaged, in that role
    TERRITORY = "territory"  # it passes, or is declared, where the party's word is an authority's
    AGENT = "agent"  # it lodged the declaration or handed in the invoice for the shipper
    PLEDGED = "pledged"  # it holds a pledge on it
    CONSENTED = "consented"  # the shipper consented, for a purpose, and the consent is in force
    APPLIED = "applied"  # the shipper applied to it
    ASKED = "asked"  # it is asked to release the cargo
    LEGAL = "legal"  # it reads on a legal basis, which is recorded
    OWN = "own"  # it is its own


class Shown(StrEnum):
    """How a group of fields is shown, from nothing to everything; between them the ways in which it is masked."""

    NONE = "none"
    HASH = "hash"  # a digest to compare one's own copy with
    INITIALS = "initials"
    YES_NO = "yes_no"  # whether there is anything
    ANSWER = "answer"  # release allowed or not
    STATUS = "status"  # the milestone and when, without number, place and event
    HOLD = "hold"  # what holds and what releases, no results
    CATEGORY = "category"  # of a finding
    HS2 = "hs2"
    HS4 = "hs4"
    FULL = "full"


_ORDER = {shown: rank for rank, shown in enumerate(Shown)}
TABLE = Path(__file__).with_name("matrix.csv")


def may(roles: Collection[Role], relations: Collection[Relation], field: Field) -> Shown:
    """How a party of these ``roles``, in these ``relations``, sees ``field``; NONE where no cell says more. Pure."""
    table = cells()
    found = (
        table.get((field, role, relation), Shown.NONE) for role in set(roles) for relation in set(relations)
    )
    return max(found, key=_ORDER.__getitem__, default=Shown.NONE)


def granted(roles: Collection[Role], relations: Collection[Relation]) -> Mapping[Field, Shown]:
    """``may`` for every field."""
    return {field: may(roles, relations, field) for field in Field}


@cache
def cells() -> Mapping[tuple[Field, Role, Relation], Shown]:
    """The table; ValueError for a cell that stands twice or says nothing."""
    found: dict[tuple[Field, Role, Relation], Shown] = {}
    with TABLE.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            cell = (Field(row["field"]), Role(row["role"]), Relation(row["relation"]))
            shown = Shown(row["shown"])
            if cell in found or shown is Shown.NONE:
                raise ValueError(f"matrix.csv: {row} stands twice or says nothing")
            found[cell] = shown
    return found
