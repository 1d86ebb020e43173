"""Papers, lines and fields of tests, each value at a place of its own."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import pytest
from lxml import etree

from services.trade.domain.paper import (
    Charge,
    ChargeKind,
    Kind,
    Line,
    Paper,
    Party,
    Reference,
    ReferenceKind,
    Role,
)
from services.trade.domain.values import Code, Field, Money, Place, Quantity, unit

DATA = Path(__file__).parents[3] / "shared" / "data"
if not DATA.exists():
    DATA = Path(__file__).parents[4] / "shared" / "data"
T = TypeVar("T")
_COUNT = iter(range(10**6))


def f(value: T, written: str = "") -> Field[T]:
    """A field at a place of its own."""
    return Field(value, written or str(value), Place(f"paper {next(_COUNT)}", "/"))


def d(text: str) -> Field[Decimal]:
    return f(Decimal(text), text)


def usd(text: str, currency: str = "USD") -> Field[Money]:
    return f(Money(Decimal(text), currency), text)


def qty(text: str, word: str = "pcs") -> Field[Quantity]:
    return f(Quantity(Decimal(text), unit(word, "WORD"), word), text)


def code(digits: str, edition: int = 2022) -> Field[Code]:
    return f(Code("HS", digits, edition), digits)


def line(number: int = 1, **fields: Any) -> Line:
    return Line(str(number), Place("paper", f"/line/{next(_COUNT)}"), **fields)


def paper(kind: Kind, *lines: Line, **fields: Any) -> Paper:
    return Paper(kind, Place(kind, f"/{next(_COUNT)}"), lines=lines, **fields)


def invoice(*lines: Line, **fields: Any) -> Paper:
    return paper(Kind.INVOICE, *lines, **fields)


def packing(*lines: Line, **fields: Any) -> Paper:
    return paper(Kind.PACKING_LIST, *lines, **fields)


def cn(*lines: Line, **fields: Any) -> Paper:
    return paper(Kind.CN_DECLARATION, *lines, **fields)


def dt(*lines: Line, **fields: Any) -> Paper:
    return paper(Kind.EAEU_DECLARATION, *lines, **fields)


def td(*lines: Line, **fields: Any) -> Paper:
    return paper(Kind.EAEU_TRANSIT, *lines, **fields)


def note(*lines: Line, **fields: Any) -> Paper:
    return paper(Kind.RAIL_NOTE, *lines, **fields)


def kdt(*lines: Line, of: str = "", **fields: Any) -> Paper:
    return paper(
        Kind.EAEU_CORRECTION, *lines, references=(Reference(ReferenceKind.DECLARATION, f(of)),), **fields
    )


def named(role: Role, name: str, id: str = "") -> Party:
    return Party(role, f(id) if id else None, f(name))


def priced(amount: str, quantity: str = "10", price: str = "", currency: str = "USD", **more: Any) -> Line:
    return line(
        quantity=qty(quantity), price=d(price) if price else None, amount=usd(amount, currency), **more
    )


def freight(amount: str, currency: str = "USD") -> tuple[Charge, ...]:
    return (Charge(ChargeKind.FREIGHT, usd(amount, currency)),)


def stated(value: Any) -> Any:
    """A paper without places, texts as written and remarks: what it states."""
    if isinstance(value, Field):
        return stated(value.value)
    if isinstance(value, Paper):
        value = replace(value, remarks=(), sha256="")
    if is_dataclass(value) and not isinstance(value, type):
        return {
            each.name: stated(getattr(value, each.name)) for each in fields(value) if each.name != "place"
        }
    return tuple(stated(each) for each in value) if isinstance(value, tuple) else value


@cache
def schema(kind: Kind) -> etree.XMLSchema:
    name = {
        Kind.INVOICE: "eaeu-album/CommercialInvoice", Kind.PACKING_LIST: "eaeu-album/PackingList", Kind.RAIL_NOTE: "eaeu-album/RailwayBill",
        Kind.EAEU_DECLARATION: "eaeu-album/ESADout_CU", Kind.EAEU_TRANSIT: "eaeu-album/ESADout_CU", Kind.EAEU_CORRECTION: "eaeu-album/KDTout_CU",
        Kind.WCO_DECLARATION: "wco-dec/schemas/WCO_DEC_2_DMS",
    }[kind]  # fmt: skip
    path = DATA / f"{name}.xsd"
    if not path.exists():
        pytest.skip(f"the schema {name}.xsd, which is not part of the project, is not here")
    return etree.XMLSchema(etree.parse(path))


def tree(written: bytes) -> etree._Element:
    return etree.fromstring(written)
