"""Declarations of the WCO data model (DEC, version 3.6), as customs of the United Kingdom and the Netherlands take them."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Final

from schemas.reasons import Reason, Refusal
from services.producers.formats.markup import Node
from services.trade.domain import values
from services.trade.domain.paper import Kind, Line, Paper, Party, Reference, ReferenceKind, Role
from services.trade.domain.values import Field, Money, Place, Quantity, Unreadable, plain
from services.trade.formats.reading import Reading

ROOTS: Final = ("Declaration",)
_CANCELLED: Final = "INV"


def read(root: Node, file: str, as_of: date) -> Paper:
    """The declaration in ``root``; raises Refusal for a cancellation. An amendment states only what it changes, and is remarked."""
    if plain(root.value("TypeCode")).upper() == _CANCELLED:
        raise Refusal(
            Reason.INVALID_SCHEMA, "The message cancels a declaration; it states no goods.", f"{root.path}/TypeCode",
            "Give the declaration that counts.",
        )  # fmt: skip
    reading = Reading(file, as_of)
    if plain(root.value("FunctionCode")) == "13":
        reading.remark(
            f"{root.path}/FunctionCode",
            "An amendment: what it does not change it does not state.",
            "Give the declaration as amended.",
        )
    shipment = root.find("GoodsShipment")
    items = shipment.all("GovernmentAgencyGoodsItem") if shipment else ()
    equipment = shipment.find("Consignment") if shipment else None
    boxes = [reading.box(node, "ID") for node in (equipment.all("TransportEquipment") if equipment else ())]
    seals = [
        reading.text(seal, "ID")
        for node in (equipment.all("TransportEquipment") if equipment else ())
        for seal in node.all("Seal")
    ]
    total = _money(reading, root, "InvoiceAmount")
    paper = Paper(
        Kind.WCO_DECLARATION,
        Place(file, root.path),
        number=reading.text(root, "ID") or reading.text(root, "FunctionalReferenceID"),
        parties=(
            *_party(reading, root.find("Exporter"), Role.CONSIGNOR),
            *_party(reading, shipment.find("Consignee") if shipment else None, Role.CONSIGNEE),
            *_party(reading, shipment.find("Buyer") if shipment else None, Role.BUYER),
            *_party(reading, shipment.find("Seller") if shipment else None, Role.SELLER),
        ),
        references=tuple(
            Reference(ReferenceKind.INVOICE, number)
            for item in items
            for node in item.all("AdditionalDocument")
            if plain(node.value("TypeCode")) in ("935", "380")
            and (number := reading.text(node, "ID")) is not None
        ),
        terms=reading.text(shipment, "TradeTerms/ConditionCode"),
        terms_place=reading.text(shipment, "TradeTerms/LocationName"),
        currency=None if total is None else Field(total.value.currency, total.value.currency, total.place),
        total=total,
        gross=reading.mass(root, "TotalGrossMassMeasure"),
        packages=reading.packages(root, "TotalPackageQuantity"),
        boxes=tuple(each for each in boxes if each),
        seals=tuple(each for each in seals if each),
        lines=tuple(_line(reading, item) for item in items),
    )
    return replace(paper, remarks=tuple(reading.remarks))


def _money(reading: Reading, node: Node | None, path: str) -> Field[Money] | None:
    found = node.find(path) if node is not None else None
    if found is None or not found.text:
        return None
    try:
        money = reading.currency_of(found.attributes.get("currencyID", ""), f"{found.path}/@currencyID")
    except Unreadable as problem:
        reading.remark(f"{found.path}/@currencyID", f"{problem.problem}.", problem.remedy, refused=True)
        return None
    return reading.amount(found, "", money)


def _party(reading: Reading, node: Node | None, role: Role) -> tuple[Party, ...]:
    if node is None:
        return ()
    found = reading.party(role, reading.text(node, "ID"), reading.text(node, "Name"))
    return () if found is None else (found,)


def _measure(reading: Reading, node: Node | None, path: str) -> Field[Quantity] | None:
    """A measure whose unit is an attribute, a code of Recommendation 20; kilograms where none is given."""
    found = node.find(path) if node is not None else None
    if found is None or not found.text:
        return None
    text = found.attributes.get("unitCode", "KGM" if path.endswith(("MassMeasure", "WeightMeasure")) else "")
    unit = values.unit(text, "REC20")
    if unit is None:
        reading.remark(
            found.path,
            f"The unit {text[:20]!r} is not in the table.",
            "Quantities in it are compared by number with none.",
        )
    return reading.of(found, "", lambda each: Quantity(values.decimal(each), unit, text))


def _kilograms(quantity: Field[Quantity] | None) -> Field[Decimal] | None:
    if quantity is None or quantity.value.unit is None or quantity.value.unit.base != "KGM":
        return None
    return Field(quantity.value.in_base, quantity.written, quantity.place)


def _line(reading: Reading, item: Node) -> Line:
    commodity = item.find("Commodity")
    codes = commodity.all("Classification") if commodity else ()
    tariff = next(
        (node for node in codes if plain(node.value("IdentificationTypeCode")) in ("TSP", "SRZ", "")), None
    )
    number = reading.text(item, "SequenceNumeric")
    origins = item.all("Origin")
    measure = commodity.find("GoodsMeasure") if commodity else None
    packages = [node for node in item.all("Packaging") if node.value("QuantityQuantity")]
    return Line(
        number.value if number else "?",
        Place(reading.file, item.path),
        description=reading.text(commodity, "Description"),
        code=reading.code(tariff, "ID", "EU") if tariff is not None else None,
        origin=reading.country(origins[0], "CountryCode") if len(origins) == 1 else None,
        quantity=_measure(reading, measure, "TariffQuantity"),
        amount=_money(reading, commodity, "InvoiceLine/ItemChargeAmount"),
        gross=_kilograms(_measure(reading, measure, "GrossMassMeasure")),
        net=_kilograms(_measure(reading, measure, "NetNetWeightMeasure")),
        packages=reading.count(packages[0], "QuantityQuantity") if len(packages) == 1 else None,
    )
