"""DecMessage of China's single window (http://www.chinaport.gov.cn/dec), the message of the declaration form of 2018.

No schema of it is public; the elements are those that implementations agree on. Codes of units and currencies are China's own or
ISO's. A declaration has one gross mass, none for its lines.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Final

from schemas.reasons import Reason, Refusal
from services.producers.formats.markup import Node
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
from services.trade.domain.values import Field, Money, Place, Quantity, plain
from services.trade.formats.reading import Reading

ROOTS: Final = ("DecMessage",)
CONTRACT_AT_MOST: Final = 32
_LEVELS: Final = {
    "22": "CARTON",
    "23": "CASE",
    "32": "DRUM",
    "33": "DRUM",
    "06": "BAG",
    "92": "PALLET",
    "93": "PALLET",
}
_CHARGES: Final = (("Fee", ChargeKind.FREIGHT), ("Insur", ChargeKind.INSURANCE), ("Other", ChargeKind.OTHER))


def read(root: Node, file: str, as_of: date) -> Paper:
    """The declaration in a DecMessage; raises Refusal for one of imports, which is another state's export."""
    head = root.require("DecHead")
    reading = Reading(file, as_of)
    declared = reading.date(head, "DDate") or reading.date(head, "IEDate")
    if declared is not None:
        reading.day = declared.value
    if plain(head.value("IEFlag")).upper() == "I":
        raise Refusal(
            Reason.INVALID_SCHEMA,
            "The declaration is one of import.",
            f"{head.path}/IEFlag",
            "Give the export declaration.",
        )
    lines = tuple(_line(reading, node) for each in root.all("DecLists") for node in each.all("DecList"))
    currencies = tuple(
        found
        for each in root.all("DecLists")
        for node in each.all("DecList")
        if (found := reading.currency(node, "TradeCurr")) is not None
    )
    contract = reading.text(head, "ContrNo")
    if contract is not None and len(contract.value) >= CONTRACT_AT_MOST:
        reading.remark(
            contract.place.at,
            f"The contract number has {len(contract.value)} characters, the most there can be: it may be cut off.",
        )
    bill = reading.text(head, "BillNo")
    boxes = [
        reading.box(node, "ContainerId")
        for name in ("DecContainers", "DecContainer")
        for each in root.all(name)
        for node in (*each.all("Container"), *each.all("DecContainer"))
    ]
    paper = Paper(
        Kind.CN_DECLARATION,
        Place(file, root.path),
        number=reading.text(head, "EntryId") or reading.text(head, "SeqNo"),
        day=reading.date(head, "DDate"),
        export_day=reading.date(head, "IEDate"),
        parties=_parties(reading, head),
        references=(
            *([Reference(ReferenceKind.CONTRACT, contract)] if contract else []),
            *([Reference(ReferenceKind.TRANSPORT, bill)] if bill else []),
        ),
        terms=reading.text(head, "TransMode"),
        currencies=currencies,
        charges=tuple(charge for name, kind in _CHARGES for charge in _charge(reading, head, name, kind)),
        gross=reading.mass(head, "GrossWet") or reading.mass(head, "GrossWt"),
        net=reading.mass(head, "NetWt"),
        packages=reading.packages(head, "PackNo", _LEVELS.get(plain(head.value("WrapType")), "")),
        boxes=tuple(each for each in boxes if each),
        trade_country=reading.country(head, "TradeAreaCode", "CN"),
        lines=lines,
    )
    return replace(paper, remarks=tuple(reading.remarks))


def _parties(reading: Reading, head: Node) -> tuple[Party, ...]:
    consignor = reading.party(
        Role.CONSIGNOR, reading.text(head, "TradeCoScc"), reading.text(head, "TradeName")
    )
    consignee = reading.party(Role.CONSIGNEE, None, reading.text(head, "OverseasConsigneeEname"))
    return tuple(each for each in (consignor, consignee) if each)


def _charge(reading: Reading, head: Node, name: str, kind: ChargeKind) -> tuple[Charge, ...]:
    """A charge by its mark: 1 a percentage, 2 an amount for each tonne, 3 an amount."""
    mark = plain(head.value(f"{name}Mark"))
    rate = reading.number(head, f"{name}Rate")
    if rate is None or not mark:
        return ()
    if mark == "1":
        return (Charge(kind, share=Field(rate.value / Decimal(100), rate.written, rate.place)),)
    money = reading.currency(head, f"{name}Curr")
    if mark == "3" and money is not None:
        return (Charge(kind, Field(Money(rate.value, money.value), rate.written, rate.place)),)
    reading.remark(
        rate.place.at,
        f"The charge of mark {mark[:4]!r} has no total that can be compared.",
        "Give it as a total, mark 3.",
    )
    return ()


def _line(reading: Reading, node: Node) -> Line:
    money = reading.currency(node, "TradeCurr")
    first = reading.quantity(node.find("FirstQty"), node.find("FirstUnit"), "CN")
    second = reading.quantity(node.find("SecondQty"), node.find("SecondUnit"), "CN")
    number = reading.text(node, "GNo")
    name, model = reading.text(node, "GName"), reading.text(node, "GModel")
    description = name
    if name is not None and model is not None:
        description = Field(f"{name.value} {model.value}", f"{name.written} {model.written}", name.place)
    kilograms = next((each for each in (first, second) if each and _is_mass(each.value)), None)
    return Line(
        number.value if number else "?",
        Place(reading.file, node.path),
        description=description,
        code=reading.code(node, "CodeTS", "CN"),
        origin=reading.country(node, "OriginCountry", "CN"),
        quantity=reading.quantity(node.find("GQty"), node.find("GUnit"), "CN"),
        further=tuple(each for each in (first, second) if each),
        price=reading.number(node, "DeclPrice"),
        amount=reading.amount(node, "DeclTotal", money.value if money else ""),
        net=None if kilograms is None else Field(kilograms.value.in_base, kilograms.written, kilograms.place),
    )


def _is_mass(quantity: Quantity) -> bool:
    return quantity.unit is not None and quantity.unit.base == "KGM"
