"""Mappings of fields as trade papers: a message by the writers, or a spreadsheet as shippers send it."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any, Final

import openpyxl

from services.trade.domain.paper import (
    Charge,
    ChargeKind,
    Kind,
    Line,
    Packages,
    Paper,
    Party,
    Reference,
    ReferenceKind,
    Role,
)
from services.trade.domain.values import Code, Field, Money, Place, Quantity, hs_edition, number, unit

CONTRACTED = date(2026, 1, 10)
DAY = date(2026, 3, 20)
"""The day whose codes the papers are written with."""
_UNITS = {"C62": ("007", "796", "шт"), "PR": ("025", "715", "пар")}


def _field(value: Any) -> Any:
    """A value of a paper that is about to be written; it has no place yet."""
    return None if value is None or value == "" else Field(value, str(value), Place("", ""))


def _money(amount: Decimal | None, currency: str) -> Any:
    return None if amount is None else _field(Money(amount, currency))


def _code(digits: str, scheme: str) -> Any:
    return _field(Code(scheme, digits, hs_edition(DAY)))


def _quantity(line: dict[str, Any], scheme: str) -> Any:
    written = _UNITS[line["unit"]][("CN", "OKEI", "WORD").index(scheme)]
    return _field(Quantity(line["quantity"], unit(written, scheme), written))


def _line(line: dict[str, Any], language: str, **stated: Any) -> Line:
    return Line(
        str(line["number"]),
        Place("", ""),
        description=_field(f"{line[language]} {line['article']}"),
        **stated,
    )


def _party(role: Role, name: str, id: str = "") -> Party:
    return Party(role, _field(id), _field(name))


def _reference(kind: ReferenceKind, number: str, day: date | None = None) -> Reference:
    return Reference(kind, _field(number), _field(day))


def _paper(kind: Kind, paper: dict[str, Any], **stated: Any) -> Paper:
    return Paper(
        kind, Place("", ""), day=_field(paper["day"]), boxes=tuple(map(_field, paper["boxes"])), **stated
    )


def _invoice(paper: dict[str, Any]) -> Paper:
    return _paper(
        Kind.INVOICE,
        paper,
        number=_field(paper["invoice"]),
        parties=(
            _party(Role.BUYER, paper.get("reseller") or paper["buyer"], "" if paper.get("reseller") else paper["inn"]),
            _party(Role.SELLER, paper.get("resold_by") or paper["seller"]),
            _party(Role.CONSIGNEE, paper["buyer"], paper["inn"]),
            _party(Role.CONSIGNOR, paper["seller"]),
        ),
        currency=_field(paper["currency"]),
        total=_money(paper["total"], paper["currency"]),
        lines=tuple(
            _line(
                each, "ru", code=_code(each["hs6"], "EAEU"), origin=_field(each["origin"]), quantity=_quantity(each, "WORD"),
                price=_field(each["price"]), amount=_money(each["amount"], paper["currency"]),
            )
            for each in paper["lines"]
        ),
    )  # fmt: skip


def _packing(paper: dict[str, Any]) -> Paper:
    return _paper(
        Kind.PACKING_LIST,
        paper,
        number=_field("PL-" + paper["invoice"]),
        parties=(
            _party(Role.CONSIGNOR, paper["seller"]),
            _party(Role.CONSIGNEE, paper["buyer"], paper["inn"]),
        ),
        references=(
            _reference(ReferenceKind.CONTRACT, paper["contract"], CONTRACTED),
            _reference(ReferenceKind.INVOICE, paper["invoice"], paper["day"]),
        ),
        terms=_field(paper["terms"]),
        terms_place=_field(paper["place"]),
        gross=_field(paper["gross"]),
        net=_field(paper["net"]),
        packages=(Packages(_field(paper["packages"]), "CARTON"),),
        lines=tuple(
            _line(
                each,
                "ru",
                quantity=_quantity(each, "OKEI"),
                gross=_field(each["gross"]),
                net=_field(each["net"]),
            )
            for each in paper["lines"]
        ),
    )


def _note(paper: dict[str, Any]) -> Paper:
    return _paper(
        Kind.RAIL_NOTE,
        paper,
        number=_field(paper["number"]),
        parties=(
            _party(Role.CONSIGNOR, paper["seller"]),
            _party(
                Role.CONSIGNEE,
                paper.get("forwarder") or paper["buyer"],
                paper.get("forwarder_inn") or paper["inn"],
            ),
        ),
        gross=_field(paper["gross"]),
        packages=(Packages(_field(paper["packages"])),),
        stations=tuple(map(_field, paper.get("stations", ()))),
        box_loads=tuple(map(_field, paper.get("loads", ()))),
        weighing=_field(paper.get("weighing", "по документам отправителя")),
        seals=tuple(map(_field, paper["seals"])),
        lines=tuple(_line(each, "ru", code=_code(each["hs6"], "EAEU")) for each in paper["lines"]),
    )


def _chinese(paper: dict[str, Any]) -> Paper:
    freight = paper["freight"]
    return _paper(
        Kind.CN_DECLARATION,
        paper,
        number=_field(paper["number"]),
        export_day=_field(paper["export_day"]),
        parties=(
            _party(Role.CONSIGNOR, paper["seller"], paper["uscc"]),
            _party(Role.CONSIGNEE, paper["buyer_latin"]),
        ),
        references=(_reference(ReferenceKind.CONTRACT, paper["contract"]),),
        terms=_field(paper["terms"]),
        charges=(Charge(ChargeKind.FREIGHT, _money(freight, paper.get("freight_currency", paper["currency"]))),) if freight else (),
        gross=_field(paper["gross"]),
        net=_field(paper["net"]),
        packages=(Packages(_field(paper["packages"]), "PALLET" if paper["level"] == "92" else "CARTON"),),
        trade_country=_field(paper.get("trade_country", "RU")),
        destination=_field(paper.get("destination")),
        procedure=_field("0110"),
        mode=_field(paper.get("mode")),
        lines=tuple(
            _line(
                each, "zh", code=_code(each["cn"], "CN"), origin=_field(each["origin"]), quantity=_quantity(each, "CN"),
                further=(_field(Quantity(each["net"], unit("035", "CN"), "035")),), amount=_money(each["amount"], paper["currency"]),
            )
            for each in paper["lines"]
        ),
    )  # fmt: skip


def _customs(paper: dict[str, Any], kind: Kind) -> Paper:
    """The goods or transit declaration of a mapping of fields."""
    priced, currency = paper["total"] is not None, paper["currency"]
    return _paper(
        kind,
        paper,
        id=paper.get("id", ""),
        parties=(
            _party(Role.CONSIGNOR, paper["seller"]),
            _party(Role.CONSIGNEE, paper["buyer"], paper["inn"]),
            *([_party(Role.DECLARANT, paper["broker"], paper["broker_inn"])] if "broker" in paper else []),
        ),
        references=(
            _reference(ReferenceKind.CONTRACT, paper["contract"], CONTRACTED),
            _reference(ReferenceKind.TRANSPORT, paper["note"], paper["day"]),
            *([_reference(ReferenceKind.ORIGIN, paper["certificate"], paper["certified"])] if "certificate" in paper else []),
        ),
        terms=_field(paper["terms"]),
        terms_place=_field(paper["place"]),
        currency=_field(currency) if priced else None,
        total=_money(paper["total"], currency),
        rate=_field(paper["rate"]),
        packages=(Packages(_field(paper["packages"])),),
        seals=tuple(map(_field, paper["seals"])),
        trade_country=_field(paper.get("trade_country", "CN")) if priced else None,
        mode=_field(paper.get("mode", "RAIL")),
        lodged_in=_field(paper.get("lodged_in")),
        dispatch=_field(paper.get("dispatch")),
        destination=_field(paper.get("destination")),
        lines=tuple(
            _line(
                each, "ru", code=_code(each["eaeu"] if priced else each["hs6"], "EAEU"), further=(_quantity(each, "OKEI"),),
                gross=_field(each["gross"]), net=_field(each["net"]) if priced else None, origin=_field(each["origin"]) if priced else None,
                amount=_money(each["amount"], currency) if priced else None, customs_value=_field(each["customs_value"]) if priced else None,
            )
            for each in paper["lines"]
        ),
    )  # fmt: skip


_PAPERS: Final[dict[Kind, Callable[[dict[str, Any]], Paper]]] = {
    Kind.INVOICE: _invoice,
    Kind.PACKING_LIST: _packing,
    Kind.RAIL_NOTE: _note,
    Kind.CN_DECLARATION: _chinese,
    Kind.EAEU_DECLARATION: lambda paper: _customs(paper, Kind.EAEU_DECLARATION),
    Kind.EAEU_TRANSIT: lambda paper: _customs(paper, Kind.EAEU_TRANSIT),
}


def stated(kind: Kind, paper: dict[str, Any]) -> Paper:
    """The paper of a mapping of fields; its values have no place yet."""
    return _PAPERS[kind](paper)


def sheet(kind: Kind, paper: dict[str, Any], form: str) -> bytes:
    """The invoice or packing list of a mapping as a spreadsheet of ``form``: xlsx, or text in that encoding."""
    rows = _invoice_rows(paper) if kind is Kind.INVOICE else _packing_rows(paper)
    if form == "xlsx":
        book = openpyxl.Workbook()
        table = book.active
        for row in rows:
            table.append([float(each) if isinstance(each, Decimal) else each for each in row])  # type: ignore[union-attr]
        raw = io.BytesIO()
        book.save(raw)
        return raw.getvalue()
    text = io.StringIO()
    csv.writer(text).writerows(
        [number(each) if isinstance(each, Decimal) else each for each in row] for row in rows
    )
    return text.getvalue().encode(form)


def _invoice_rows(paper: dict[str, Any]) -> list[list[Any]]:
    lines = paper["lines"]
    return [
        ["Invoice No:", paper["invoice"]],
        ["Date:", paper["day"].isoformat()],
        ["Seller:", paper.get("resold_by") or paper["seller"]],
        ["Buyer:", paper.get("reseller") or paper["buyer"]],
        ["Contract No:", paper["contract"]],
        ["Terms of delivery:", f"{paper['terms']} {paper['place']}"],
        ["No.", "Description of Goods", "HS Code", "Origin", "Quantity", "Unit", "Unit price", f"Amount ({paper['currency']})"],
        *(
            [each["number"], f"{each['ru']} {each['article']}", each["hs6"], each["origin"], each["quantity"],
             _UNITS[each["unit"]][2], each["price"], each["amount"]]
            for each in lines
        ),
        ["Total", "", "", "", "", "", "", paper["total"]],
    ]  # fmt: skip


def _packing_rows(paper: dict[str, Any]) -> list[list[Any]]:
    return [
        ["Packing list No:", "PL-" + paper["invoice"]],
        ["Date:", paper["day"].isoformat()],
        ["Contract No:", paper["contract"]],
        ["No.", "Description of Goods", "Quantity", "Unit", "CTNS", "G.W. (KGS)", "N.W. (KGS)"],
        *(
            [each["number"], f"{each['ru']} {each['article']}", each["quantity"], _UNITS[each["unit"]][2], each["packages"],
             each["gross"], each["net"]]
            for each in paper["lines"]
        ),
        ["Total", "", "", "", paper["packages"], paper["gross"], paper["net"]],
    ]  # fmt: skip
