"""Declarations of the WCO data model (DEC, version 3.6), as customs of the United Kingdom and the Netherlands take them."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Final

from schemas.reasons import Reason, Refusal
from services.producers.formats.markup import Node
from services.trade.domain import values
from services.trade.domain.crosswalk import codes
from services.trade.domain.paper import Kind, Line, Paper, Party, Reference, ReferenceKind, Role
from services.trade.domain.values import Field, Money, Place, Quantity, Unreadable, number, plain
from services.trade.formats.reading import Reading
from services.trade.formats.writing import Part, always, branch, document, leaf

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
    invoices = codes("document", as_of)[ReferenceKind.INVOICE].un
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
            if plain(node.value("TypeCode")) in invoices and (number := reading.text(node, "ID")) is not None
        ),
        terms=reading.text(shipment, "TradeTerms/ConditionCode"),
        terms_place=reading.text(shipment, "TradeTerms/LocationName"),
        currency=None if total is None else Field(total.value.currency, total.value.currency, total.place),
        total=total,
        mode=reading.listed(root, "BorderTransportMeans/ModeCode", "mode", "un"),
        dispatch=reading.country(shipment, "ExportCountry/ID"),
        destination=reading.country(shipment, "Destination/CountryCode"),
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


def write(paper: Paper, as_of: date, encoding: str = "UTF-8") -> bytes:
    """The declaration of ``paper``, as an original (function 9): what it states, nothing made up. Raises Unwritable."""
    mode = codes("mode", as_of).get(paper.mode.value) if paper.mode else None
    root = always(
        "Declaration",
        leaf("FunctionCode", "9"),
        leaf("FunctionalReferenceID", paper.number),
        leaf("GoodsItemQuantity", len(paper.lines)),
        _priced("InvoiceAmount", paper.total),
        _weighed("TotalGrossMassMeasure", paper.gross),
        leaf("TotalPackageQuantity", paper.packages[0].number if paper.packages else None),
        branch("BorderTransportMeans", leaf("ModeCode", mode.code("un") if mode else "")),
        _named("Exporter", paper.party(Role.CONSIGNOR)),
        branch(
            "GoodsShipment",
            _named("Buyer", paper.party(Role.BUYER)),
            _named("Consignee", paper.party(Role.CONSIGNEE)),
            branch("Consignment", leaf("ContainerCode", "1" if paper.boxes else ""), *_equipment(paper)),
            branch("Destination", leaf("CountryCode", paper.destination)),
            branch("ExportCountry", leaf("ID", paper.dispatch)),
            *(_item(line, paper, as_of) for line in paper.lines),
            _named("Seller", paper.party(Role.SELLER)),
            branch("TradeTerms", leaf("ConditionCode", paper.terms), leaf("LocationName", paper.terms_place)),
        ),
    )
    return document(root, {"": "urn:wco:datamodel:WCO:DEC-DMS:2"}, encoding)


def _priced(name: str, money: Field[Money] | None) -> Part | None:
    return leaf(name, number(money.value.amount), currencyID=money.value.currency) if money else None


def _weighed(name: str, mass: Field[Decimal] | None) -> Part | None:
    return leaf(name, number(mass.value), unitCode="KGM") if mass else None


def _named(name: str, party: Party | None) -> Part | None:
    return branch(name, leaf("Name", party.name), leaf("ID", party.id)) if party else None


def _equipment(paper: Paper) -> tuple[Part | None, ...]:
    """The boxes with one seal each where they are as many, else with all seals at the first."""
    each = len(paper.seals) == len(paper.boxes)
    boxes = paper.boxes or ((None,) if paper.seals else ())
    return tuple(
        branch(
            "TransportEquipment",
            leaf("SequenceNumeric", at),
            leaf("ID", box),
            *(
                branch("Seal", leaf("SequenceNumeric", n), leaf("ID", seal))
                for n, seal in enumerate(
                    paper.seals[at - 1 : at] if each else paper.seals if at == 1 else (), 1
                )
            ),
        )
        for at, box in enumerate(boxes, 1)
    )


def _item(line: Line, paper: Paper, as_of: date) -> Part:
    invoice = codes("document", as_of)[ReferenceKind.INVOICE].code("un")
    quantity = line.quantity.value if line.quantity else None
    return always(
        "GovernmentAgencyGoodsItem",
        leaf("SequenceNumeric", line.number),
        *(
            branch(
                "AdditionalDocument",
                leaf("CategoryCode", "N"),
                leaf("ID", each.number),
                leaf("TypeCode", invoice),
            )
            for each in (paper.references if line is paper.lines[0] else ())
            if each.kind is ReferenceKind.INVOICE
        ),
        branch(
            "Commodity",
            leaf("Description", line.description),
            branch(
                "Classification",
                leaf("ID", line.code.value.digits if line.code else None),
                leaf("IdentificationTypeCode", "TSP" if line.code else None),
            ),
            branch(
                "GoodsMeasure",
                _weighed("GrossMassMeasure", line.gross),
                _weighed("NetNetWeightMeasure", line.net),
                leaf("TariffQuantity", number(quantity.number), unitCode=quantity.unit_written)
                if quantity
                else None,
            ),
            branch("InvoiceLine", _priced("ItemChargeAmount", line.amount)),
        ),
        branch("Origin", leaf("CountryCode", line.origin), leaf("TypeCode", "1" if line.origin else None)),
        branch("Packaging", leaf("SequenceNumeric", 1), leaf("QuantityQuantity", line.packages))
        if line.packages is not None
        else None,
    )
