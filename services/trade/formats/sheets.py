"""Invoices and packing lists as spreadsheets or text: columns by their headers, values above and below by their labels.

Opening, encodings, limits, headers and totals are those of the partners' spreadsheets. A number with one comma or point before
three digits may be two numbers: it is read only where another number of the file shows which mark parts decimals.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

from schemas.reasons import Reason, Refusal
from services.producers.formats.model import Position
from services.producers.formats.sheets import labels, moments, section, tables
from services.producers.formats.sheets.grid import Flaw, Scalar, Sheet
from services.producers.formats.sheets.reader import open_book
from services.producers.formats.sheets.section import Entry, Section
from services.trade.domain import values
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
from services.trade.domain.values import Field, Money, Place, Quantity, Unreadable, plain
from services.trade.formats.reading import Reading, box, count, mass

_COMMON: Final = frozenset(
    {
        "sequenceNumber", "goods.description", "goods.descriptionForeign", "goods.hsCode", "trade.article", "trade.quantity",
        "trade.unit", "goods.grossMass", "goods.netMass", "container.id", "contractNumber", "trade.invoiceNumber", "trade.date",
        "party.seller", "party.buyer", "party.consignor", "party.consignee", "trade.terms",
    }
)  # fmt: skip
_INVOICE: Final = _COMMON | {"trade.unitPrice", "trade.amount", "trade.currency", "trade.origin"}
_PACKING: Final = _COMMON | {"goods.packages", "goods.packageType", "trade.packingListNumber"}
_CHARGES: Final = (
    (re.compile(r"freight|运费|фрахт|доставка|транспортные расходы", re.IGNORECASE), ChargeKind.FREIGHT),
    (re.compile(r"insurance|保险费?|保费|страхов", re.IGNORECASE), ChargeKind.INSURANCE),
    (re.compile(r"discount|折扣|скидка", re.IGNORECASE), ChargeKind.DISCOUNT),
)
_TERMS: Final = re.compile(r"\b(EXW|FCA|FAS|FOB|CFR|CPT|CIF|CIP|DAP|DPU|DDP)\b[\s,]*(.*)", re.IGNORECASE)
_LETTERS: Final = re.compile(r"\b[A-Z]{3}\b|[¥￥$€₽]")
_NUMBER: Final = re.compile(r"[+-]?[0-9][0-9.,'\s\u00a0]*")
_MASS: Final = {"kg": Decimal(1), "t": Decimal(1000), "": Decimal(1)}


def likeness(content: bytes) -> int:
    """How sure it is that ``content`` is an invoice or packing list: 0 or 1; raises Refusal where it cannot be opened."""
    return int(any(_kind(each) is not None for each in _sections(content)))


def read(content: bytes, file: str, as_of: date) -> tuple[Paper, ...]:
    """The invoices and packing lists in ``content``, one a table; raises Refusal where it has none."""
    found = [(kind, each) for each in _sections(content) if (kind := _kind(each)) is not None]
    if not found:
        raise Refusal(
            Reason.UNREADABLE_FILE,
            "No table of the file has the columns of an invoice or a packing list.",
            "",
            "Name the columns: goods, quantity, unit price and amount; or goods, packages, gross and net weight.",
        )
    return tuple(_paper(kind, each, file, as_of) for kind, each in found)


def _sections(content: bytes) -> Iterator[Section]:
    for sheet in open_book(content).sheets:
        for each in tables.find(sheet):
            known = {meaning for column in each.columns for meaning in column.found.meanings}
            wanted = _INVOICE if "trade.amount" in known else _PACKING
            yield section.understand(each, wanted, _choices(each, wanted))


def _choices(table: tables.Table, wanted: frozenset[str]) -> Mapping[str, str]:
    """``Quantity`` counts goods where another column counts packages."""
    both = {"trade.quantity", "goods.packages"}
    alone = any(column.found.meanings & both == {"goods.packages"} for column in table.columns)
    if not both <= wanted or not alone:
        return {}
    return {column.label: "trade.quantity" for column in table.columns if both <= column.found.meanings}


def _kind(found: Section) -> Kind | None:
    if not found.table.rows or not (
        found.has("goods.description") or found.has("trade.article") or found.has("goods.descriptionForeign")
    ):
        return None
    if found.has("trade.amount") and (found.has("trade.quantity") or found.has("trade.unitPrice")):
        return Kind.INVOICE
    if found.has("goods.grossMass") and (found.has("goods.packages") or found.has("goods.netMass")):
        return Kind.PACKING_LIST
    return None


@dataclass(slots=True)
class _Cells:
    """The cells of one table as values; ``mark`` is its decimal mark, "" where no number of it shows one."""

    reading: Reading
    sheet: Sheet
    mark: str

    def number(
        self, value: Scalar | None, where: Position, factor: Decimal = Decimal(1)
    ) -> Field[Decimal] | None:
        """The number of a cell, times ``factor``."""
        text = _shown(value)
        return self.reading.value(text, str(where), lambda each: self._decimal(value, each) * factor)

    def _decimal(self, value: Scalar | None, text: str) -> Decimal:
        if isinstance(value, Flaw):
            raise Unreadable(
                f"The cell holds {value.value}", "open the file in the program that made it and save it again"
            )
        return values.decimal(text if isinstance(value, float) else unmarked(text, self.mark), None)


def _shown(value: Scalar | None) -> str:
    if value is None:
        return ""
    if isinstance(value, Flaw):
        return value.value
    if isinstance(value, float):
        return format(
            Decimal(format(value, ".15g")), "f"
        )  # a workbook keeps 15 digits; the others come from binary
    return plain(str(value))


def unmarked(text: str, mark: str) -> str:
    """``text`` with a decimal point and no thousands marks; raises Unreadable where that is not certain."""
    shown = plain(text).replace(" ", "").replace("'", "")
    marks = {each for each in ".," if each in shown}
    if len(marks) == 2:
        decimal_mark = max(marks, key=shown.rfind)
    elif not marks:
        return shown
    else:
        only = next(iter(marks))
        decimal_mark = _evident(shown) or mark
        if not decimal_mark:
            raise Unreadable(
                f"{text[:40]!r} may be {shown.replace(only, '')} or {shown.replace(only, '.')}",
                "write two decimals, or give the cell as a number",
            )
    other = "," if decimal_mark == "." else "."
    return shown.replace(other, "").replace(decimal_mark, ".")


def _evident(shown: str) -> str:
    """The decimal mark that one number shows by itself, "" where it may be either."""
    marks = [each for each in ".," if each in shown]
    if len(marks) == 2:
        return max(marks, key=shown.rfind)
    if not marks:
        return ""
    only = marks[0]
    other = "," if only == "." else "."
    groups = shown.lstrip("+-").split(only)
    if len(groups) > 2:
        return other
    return only if len(groups[1]) != 3 or groups[0] in ("", "0") or len(groups[0]) > 3 else ""


def decimal_mark(texts: Iterable[str]) -> str:
    """The mark that parts decimals in all of ``texts``; "" where none shows it or they contradict one another."""
    found = {
        _evident(plain(text).replace(" ", "").replace("'", ""))
        for text in texts
        if _NUMBER.fullmatch(plain(text))
    }
    found.discard("")
    return next(iter(found)) if len(found) == 1 else ""


_NUMERIC: Final = ("trade.quantity", "trade.unitPrice", "trade.amount", "goods.grossMass", "goods.netMass")


def _paper(kind: Kind, found: Section, file: str, as_of: date) -> Paper:
    reading = Reading(file, as_of)
    texts = [
        cell
        for entry in found.entries()
        for meaning in _NUMERIC
        for cell in entry.values(meaning)
        if isinstance(cell, str)
    ]
    cells = _Cells(reading, found.table.sheet, decimal_mark(texts))
    stated = _day(reading, found)
    if stated is not None:
        reading.day = stated.value
    money = _currency(reading, found)
    for remark in found.remarks:
        understood = money is not None and money.place.at == str(remark.where)
        if not (understood and money and f"'({money.written})'" in remark.text):
            reading.remark(str(remark.where), remark.text, remark.remedy)
    lines: list[Line] = []
    charges: list[Charge] = []
    for entry in found.entries():
        charge = _charge(cells, entry, money) if kind is Kind.INVOICE else None
        if charge is not None:
            charges.append(charge)
        else:
            lines.append(_line(cells, entry, str(len(lines) + 1), money))
    terms, place = _terms(reading, found)
    boxes = [
        each
        for entry in found.entries()
        if (each := reading.value(_text(entry, "container.id"), str(entry.where("container.id")), box))
        is not None
    ]
    given_box = _given(reading, found, "container.id")
    paper = Paper(
        kind,
        Place(file, str(Position(found.table.sheet.name, found.table.header_row))),
        number=_given(
            reading, found, "trade.packingListNumber" if kind is Kind.PACKING_LIST else "trade.invoiceNumber"
        )
        or _given(reading, found, "trade.invoiceNumber"),
        day=stated,
        parties=tuple(_parties(reading, found)),
        references=tuple(_references(reading, found, kind)),
        terms=terms,
        terms_place=place,
        currency=money,
        charges=tuple(charges),
        boxes=tuple({each.value: each for each in boxes}.values())
        or (() if given_box is None else (given_box,)),
        lines=tuple(lines),
    )
    paper = _with_totals(paper, cells, found, money)
    return replace(paper, remarks=tuple(reading.remarks))


def _text(entry: Entry, meaning: str) -> str:
    return "; ".join(_shown(value) for value in entry.values(meaning))


def _line(cells: _Cells, entry: Entry, number: str, money: Field[str] | None) -> Line:
    reading = cells.reading

    def text(meaning: str) -> Field[str] | None:
        return reading.value(_text(entry, meaning), str(entry.where(meaning)), plain)

    def decimal(meaning: str, factor: Decimal = Decimal(1)) -> Field[Decimal] | None:
        return cells.number(entry.value(meaning), entry.where(meaning), factor)

    described = text("goods.description") or text("goods.descriptionForeign")
    article = text("trade.article")
    if described is not None and article is not None:
        described = described._replace(value=f"{described.value} {article.value}")
    amount = decimal("trade.amount")
    if amount is not None and amount.value < 0:
        reading.remark(
            amount.place.at, f"The amount {amount.written} is negative.", "Give a discount as a discount."
        )
    quantity = decimal("trade.quantity")
    if quantity is not None and quantity.value <= 0:
        reading.remark(
            quantity.place.at, f"The quantity {quantity.written} is not above zero.", "Correct the quantity."
        )
    unit = _text(entry, "trade.unit")
    known = values.unit(unit, "WORD") if unit else None
    if quantity is not None and unit and known is None:
        reading.remark(str(entry.where("trade.unit")), f"The unit {unit[:30]!r} is not in the table.")
    packages = reading.value(_text(entry, "goods.packages"), str(entry.where("goods.packages")), count)
    own = text("sequenceNumber")
    currency = money.value if money else ""
    return Line(
        own.value if own else number,
        Place(reading.file, str(entry.here)),
        description=described or article,
        code=reading.value(
            _text(entry, "goods.hsCode"),
            str(entry.where("goods.hsCode")),
            lambda each: values.code(each, "HS", reading.day),
        ),
        origin=reading.value(
            _text(entry, "trade.origin"), str(entry.where("trade.origin")), values.country_code
        ),
        quantity=None
        if quantity is None
        else Field(Quantity(quantity.value, known, unit), quantity.written, quantity.place),
        price=decimal("trade.unitPrice"),
        amount=None if amount is None else Field(Money(amount.value, currency), amount.written, amount.place),
        gross=_mass(cells, entry, "goods.grossMass"),
        net=_mass(cells, entry, "goods.netMass"),
        packages=packages,
    )


def _mass(cells: _Cells, entry: Entry, meaning: str) -> Field[Decimal] | None:
    """Kilograms by the unit of the header; without one, kilograms."""
    factor = _MASS[entry.section.units.get(meaning, "")]
    found = cells.number(entry.value(meaning), entry.where(meaning), factor)
    if found is None:
        return None
    return cells.reading.value(format(found.value, "f"), found.place.at, mass) and found


def _charge(cells: _Cells, entry: Entry, money: Field[str] | None) -> Charge | None:
    """A row that is no goods: freight, insurance, a discount."""
    words = _text(entry, "goods.description") or _text(entry, "goods.descriptionForeign")
    if entry.value("trade.quantity") is not None and entry.value("trade.unitPrice") is not None:
        return None
    kind = next((kind for pattern, kind in _CHARGES if pattern.search(words)), None)
    amount = cells.number(entry.value("trade.amount"), entry.where("trade.amount")) if kind else None
    if kind is None or amount is None:
        return None
    return Charge(
        kind, Field(Money(amount.value, money.value if money else ""), amount.written, amount.place)
    )


def _given(reading: Reading, found: Section, meaning: str) -> Field[str] | None:
    given = found.gives(meaning)
    return None if given is None else reading.value(_shown(given.value), str(given.where), plain)


def _day(reading: Reading, found: Section) -> Field[date] | None:
    given = found.gives("trade.date")
    if given is None:
        return None
    try:
        moment = moments.read(given.value, ZoneInfo("UTC"))
    except Refusal as refusal:
        reading.remark(str(given.where), refusal.detail, refusal.remedy, refused=True)
        return None
    return Field(date.fromisoformat(moment.day), moment.written, Place(reading.file, str(given.where)))


def _currency(reading: Reading, found: Section) -> Field[str] | None:
    """The currency: given above the table, in a column, or in the header of the amounts."""
    given = found.gives("trade.currency")
    candidates = [] if given is None else [(_shown(given.value), str(given.where))]
    first = next(iter(found.table.rows), None)
    for column in found.columns.get("trade.currency", ()):
        cell = first.cell(column.index) if first else None
        if first is not None and cell is not None:
            candidates.append((_shown(cell), str(found.table.sheet.where(first.number, column.index))))
    for meaning in ("trade.amount", "trade.unitPrice"):
        for column in found.columns.get(meaning, ()):
            where = str(found.table.sheet.where(column.row, column.index))
            candidates += [(text, where) for text in _LETTERS.findall(plain(column.label).upper())]
    for text, at in candidates:
        if len(text) > 3 and labels.fold(text) == "":
            continue
        read = reading.value(text, at, lambda each, at=at: reading.currency_of(each, at))  # type: ignore[misc]
        if read is not None:
            return read
    return None


def _terms(reading: Reading, found: Section) -> tuple[Field[str] | None, Field[str] | None]:
    given = found.gives("trade.terms")
    if given is None:
        return None, None
    text, at = _shown(given.value), Place(reading.file, str(given.where))
    parts = _TERMS.search(text)
    if parts is None:
        reading.remark(
            at.at, f"{text[:40]!r} names no term of Incoterms 2020.", "Write it like FCA Xi'an.", refused=True
        )
        return None, None
    place = parts[2].split("Incoterms")[0].strip(" ,.;")
    return Field(parts[1].upper(), text, at), Field(place, text, at) if place else None


def _parties(reading: Reading, found: Section) -> Iterator[Party]:
    for meaning, role in (
        ("party.seller", Role.SELLER),
        ("party.buyer", Role.BUYER),
        ("party.consignor", Role.CONSIGNOR),
        ("party.consignee", Role.CONSIGNEE),
    ):
        name = _given(reading, found, meaning)
        party = reading.party(role, None, name)
        if party is not None:
            yield party


def _references(reading: Reading, found: Section, kind: Kind) -> Iterator[Reference]:
    contract = _given(reading, found, "contractNumber")
    if contract is not None:
        yield Reference(ReferenceKind.CONTRACT, contract)
    invoice = _given(reading, found, "trade.invoiceNumber") if kind is Kind.PACKING_LIST else None
    if invoice is not None:
        yield Reference(ReferenceKind.INVOICE, invoice)


def _with_totals(paper: Paper, cells: _Cells, found: Section, money: Field[str] | None) -> Paper:
    """``paper`` with what its last row of totals says of amount, masses and packages."""
    totals = [aside.row for aside in found.table.asides if aside.kind == "total"]
    if not totals:
        return paper
    row = totals[-1]

    def cell(meaning: str, factor: Decimal = Decimal(1)) -> Field[Decimal] | None:
        for column in found.columns.get(meaning, ()):
            value = row.cell(column.index)
            if value is not None:
                return cells.number(value, found.table.sheet.where(row.number, column.index), factor)
        return None

    amount = cell("trade.amount")
    packages = cell("goods.packages")
    return replace(
        paper,
        total=None
        if amount is None
        else Field(Money(amount.value, money.value if money else ""), amount.written, amount.place),
        gross=cell("goods.grossMass", _MASS[found.units.get("goods.grossMass", "")]),
        net=cell("goods.netMass", _MASS[found.units.get("goods.netMass", "")]),
        packages=()
        if packages is None or packages.value != packages.value.to_integral_value()
        else (Packages(Field(int(packages.value), packages.written, packages.place)),),
    )
