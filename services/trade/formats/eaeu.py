"""Electronic documents of the EAEU album: invoice, packing list, rail note, goods and transit declaration, correction.

Elements are found by local name, so that a message without namespace, and versions that only add, are read alike. What is read
is the structure of album 5.22 and 5.23, in force until 31 March 2026; later documents are remarked (Decision 90 of
7 October 2025), and from 1 October 2026 a declaration of goods in containers has to give number, size and type in box 31.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date, timedelta
from typing import Final

from services.producers.formats.markup import Node
from services.trade.domain.crosswalk import codes, meanings
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
from services.trade.domain.values import Field, Place, Unreadable, currency, plain
from services.trade.formats.reading import Reading, eaeu_number

ROOTS: Final = ("CommercialInvoice", "PackingList", "RailwayBill", "ESADout_CU", "KDTout_CU")
_VERSION: Final = re.compile(rb"urn:customs\.ru:Information:[A-Za-z_:]+:([0-9]+\.[0-9]+)\.[0-9]+")
_KNOWN: Final = frozenset({b"5.22", b"5.23"})


def read(raw: bytes, root: Node, file: str, as_of: date) -> Paper:
    """The paper in ``root``, the outermost element of a document; ``as_of`` stands in where the document has no day."""
    stated = _stated_day(root)
    reading = Reading(file, stated or as_of)
    paper = _READERS[root.name](reading, root)
    version = _VERSION.search(raw[:4_096])
    structure = codes("structure", stated).get("ESADout_CU") if stated is not None else None
    if structure and not structure.code("eaeu") and (version is None or version[1] in _KNOWN):
        reading.remark(
            root.path,
            f"The document is of {stated}, in a structure that was in force until {structure.row.valid_from - timedelta(1)}.",
            "Export it in the structure of its day; what that one adds is not read.",
        )
    elif version is not None and version[1] not in _KNOWN:
        reading.remark(
            root.path,
            f"Version {version[1].decode()} of the album is not known here; elements were read by their names.",
            "Compare what was read with the document.",
        )
    return replace(paper, id=plain(root.value("DocumentID")), remarks=tuple(reading.remarks))


def _stated_day(root: Node) -> date | None:
    for path in ("EECEDocHeaderAddInfo/EDocDateTime", "KDTFilledInfo/ExecutionDate", "Registration/PrDocumentDate",
                 "RegistrationDocument/PrDocumentDate", "DeliveryTerms/Registration/PrDocumentDate"):  # fmt: skip
        found = Reading("", date.min).date(root, path)
        if found is not None:
            return found.value
    return None


def _description(reading: Reading, node: Node) -> Field[str] | None:
    """The description in its up to four parts, with marks, models and articles of its groups."""
    parts = list(node.all("GoodsDescription"))
    for group in node.all("GoodsGroupDescription"):
        parts += group.all("GoodsDescription")
        for each in group.all("GoodsGroupInformation"):
            parts += [part for name in ("GoodsMark", "GoodsModel", "GoodsMarking") for part in each.all(name)]
    parts += node.all("GoodMarking")
    texts = [plain(part.text) for part in parts if part.text]
    if not texts:
        return None
    return Field(" ".join(texts), " ".join(texts), Place(reading.file, parts[0].path))


def _party(reading: Reading, node: Node | None, role: Role) -> tuple[Party, ...]:
    if node is None:
        return ()
    person = any(node.all(name) for name in ("IdentityCard", "PersonId"))
    id, register = None, ""
    for each in (
        "RFOrganizationFeatures/INN",
        "RKOrganizationFeatures/BIN",
        "RBOrganizationFeatures/UNP",
        "UITN/UITNCode",
    ):
        if id is None:
            id, register = reading.text(node, each), each.rsplit("/", 1)[-1]
    ogrn = reading.text(node, "RFOrganizationFeatures/OGRN")
    person = person or (ogrn is not None and len(ogrn.value) == 15)
    found = reading.party(role, id, reading.text(node, "OrganizationName"), person, register=register)
    return () if found is None else (found,)


def _reference(reading: Reading, node: Node | None, kind: ReferenceKind) -> tuple[Reference, ...]:
    number = reading.text(node, "PrDocumentNumber")
    return () if number is None else (Reference(kind, number, reading.date(node, "PrDocumentDate")),)


def _invoice(reading: Reading, root: Node) -> Paper:
    stated = reading.currency(root, "CurrencyCode")
    money = stated.value if stated else ""
    if stated is None:
        reading.remark(root.path, "The invoice names no currency.", "Give CurrencyCode.")
    lines = tuple(
        Line(
            str(at),
            Place(reading.file, node.path),
            description=_description(reading, node),
            code=reading.code(node, "GoodsCode", "EAEU"),
            origin=reading.country(node, "OriginA3CountryCode") or reading.country(node, "OriginCountryCode"),
            quantity=reading.quantity(
                node.find("GoodsQuantity"), None, "WORD", node.find("MeasureUnitQualifierName")
            ),
            price=reading.number(node, "GoodsPrice"),
            amount=reading.amount(node, "GoodsCost", money),
        )
        for at, node in enumerate(root.all("InvoiceGoods"), 1)
    )
    tax = reading.amount(root, "TaxSum", money)
    return Paper(
        Kind.INVOICE,
        Place(reading.file, root.path),
        number=reading.text(root, "Registration/PrDocumentNumber"),
        day=reading.date(root, "Registration/PrDocumentDate"),
        parties=(
            *_party(reading, root.find("Seller"), Role.SELLER),
            *_party(reading, root.find("Buyer"), Role.BUYER),
            *_party(reading, root.find("Consignor"), Role.CONSIGNOR),
            *_party(reading, root.find("Consignee"), Role.CONSIGNEE),
        ),
        currency=stated,
        total=reading.amount(root, "TotalCost", money),
        charges=(Charge(ChargeKind.TAX, tax),) if tax is not None and tax.value.amount else (),
        lines=lines,
    )


def _packing_list(reading: Reading, root: Node) -> Paper:
    terms = root.find("DeliveryTerms")
    lines = tuple(
        Line(
            str(at),
            Place(reading.file, node.path),
            description=_description(reading, node),
            quantity=reading.quantity(
                node.find("GoodsQuantity"),
                node.find("MeasureUnitQualifierCode"),
                "OKEI",
                node.find("MeasureUnitQualifierName"),
            ),
            gross=reading.mass(node, "GrossWeightQuantity"),
            net=reading.mass(node, "NetWeightQuantity"),
        )
        for at, node in enumerate(root.all("Goods"), 1)
    )
    packages: list[Packages] = []
    for node in root.all("TotalPlacesQuantity"):
        packages += reading.packages(node, "PlacesQuantity", _level(reading, node.value("PackingCode")))
    places = terms.all("DeliveryPlace") if terms is not None else ()
    return Paper(
        Kind.PACKING_LIST,
        Place(reading.file, root.path),
        number=reading.text(terms, "Registration/PrDocumentNumber"),
        day=reading.date(terms, "Registration/PrDocumentDate"),
        parties=(
            *_party(reading, root.find("Consignor"), Role.CONSIGNOR),
            *_party(reading, root.find("Consignee"), Role.CONSIGNEE),
        ),
        references=(
            *_reference(reading, terms.find("Contract") if terms else None, ReferenceKind.CONTRACT),
            *_reference(reading, terms.find("Invoice") if terms else None, ReferenceKind.INVOICE),
        ),
        terms=reading.text(terms, "DeliveryTermsStringCode"),
        terms_place=reading.text(places[0]) if len(places) == 1 else None,
        gross=reading.mass(root, "GrossWeightQuantity"),
        net=reading.mass(root, "NetWeightQuantity"),
        packages=tuple(packages),
        lines=lines,
    )


def _level(reading: Reading, code: str) -> str:
    return meanings("package", "eaeu", reading.day).get(plain(code).upper(), "")


def _one_level(reading: Reading, texts: Iterable[str]) -> str:
    """The kind of packages that all ``texts`` name; "" where they name several or none."""
    levels = {_level(reading, text) for text in texts}
    return levels.pop() if len(levels) == 1 else ""


def _rail_note(reading: Reading, root: Node) -> Paper:
    lines = tuple(
        Line(
            str(at),
            Place(reading.file, node.path),
            description=_description(reading, node),
            code=reading.code(node, "GoodsNomenclatureCode", "EAEU")
            or reading.code(node, "HarmonizedRangeGoods", "NHM"),
            gross=reading.mass(node, "GrossWeightQuantity"),
            packages=reading.count(node, "PlacesQuantity"),
        )
        for at, node in enumerate(root.all("RWBGoods"), 1)
    )
    boxes = [reading.box(node, "ContainerID") for node in root.all("Container")]
    loads = [reading.mass(node, "GoodsWeight") for node in root.all("Container")]
    seals = [reading.text(node, "SealID") for node in root.all("Seal")]
    stations = (
        reading.text(root, "DepartureStation/StationName"),
        reading.text(root, "DestinationStation/RailwayAndStationName"),
    )
    carriers = root.all("Carrier")
    level = _one_level(reading, (node.value("Packing") for node in root.all("RWBGoods")))
    return Paper(
        Kind.RAIL_NOTE,
        Place(reading.file, root.path),
        number=reading.text(root, "Number"),
        day=reading.date(root, "ContractCarrierDate/Date")
        or reading.date(root, "RegistrationDocument/PrDocumentDate"),
        parties=(
            *_party(reading, root.find("Consignor"), Role.CONSIGNOR),
            *_party(reading, root.find("Consignee"), Role.CONSIGNEE),
        ),
        references=_reference(reading, root.find("Contract"), ReferenceKind.CONTRACT),
        gross=reading.mass(root, "GrossWeightQuantity"),
        packages=reading.packages(root, "PlacesQuantity", level),
        boxes=tuple(each for each in boxes if each),
        box_loads=tuple(each for each in loads if each),
        weighing=reading.text(root, "WeightDefinitionModeDescription"),
        stations=tuple(each for each in stations if each),
        carrier=reading.text(carriers[0], "CarrierName") if carriers else None,
        seals=tuple(each for each in seals if each),
        lines=lines,
    )


_DECLARATION: Final = {
    "shipment": "ESADout_CUGoodsShipment", "goods": "ESADout_CUGoods", "terms": "ESADout_CUMainContractTerms",
    "consignor": "ESADout_CUConsignor", "consignee": "ESADout_CUConsignee",
    "buyer": "ESADout_CUFinancialAdjustingResponsiblePerson", "document": "ESADout_CUPresentedDocument",
    "declarant": "ESADout_CUDeclarant", "consignment": "ESADout_CUConsigment", "border": "ESADout_CUBorderTransport",
}  # fmt: skip
_CORRECTION: Final = {
    "shipment": "KDToutGoodsShipment", "goods": "KDToutGoods", "terms": "KDToutMainContractTerms",
    "consignor": "KTDoutConsignor", "consignee": "KTDoutConsignee", "buyer": "KTDoutFinancialAdjustingResponsiblePerson",
    "document": "KDToutPresentedDocument", "declarant": "KTDoutDeclarant", "consignment": "KTDoutConsigment",
    "border": "KDToutBorderTransport",
}  # fmt: skip


def _declaration(reading: Reading, root: Node) -> Paper:
    transit = plain(root.value("CustomsProcedure")).upper() == "ТТ"
    paper = _customs(reading, root, _DECLARATION, Kind.EAEU_TRANSIT if transit else Kind.EAEU_DECLARATION)
    seals = [reading.text(node) for name in ("SealId", "SealNumber") for node in root.all(name)]
    return replace(paper, seals=tuple(each for each in seals if each))


def _correction(reading: Reading, root: Node) -> Paper:
    paper = _customs(reading, root, _CORRECTION, Kind.EAEU_CORRECTION)
    registered = root.find("GtdRegistryNumber")
    references = list(paper.references)
    if registered is not None:
        try:
            number = eaeu_number(registered)
            where = Place(reading.file, registered.path)
            references.append(Reference(ReferenceKind.DECLARATION, Field(number, number, where)))
        except Unreadable as problem:
            reading.remark(registered.path, f"{problem.problem}.", problem.advice, refused=True)
    named = reading.text(root, "RefDocumentID")
    if named is not None:
        references.append(Reference(ReferenceKind.DECLARATION, named))
    original = references[-1].number.value if references else ""
    counted = reading.text(root, "KDTNumber")
    number_of = (
        None
        if counted is None
        else Field(f"{original}/{counted.value.zfill(2)}", counted.written, counted.place)
    )
    by_customs = bool(root.value("LNPFilledPerson"))
    return replace(
        paper,
        number=number_of,
        references=tuple(references),
        by_customs=by_customs,
        change=_change(reading, root),
    )


def _customs(reading: Reading, root: Node, names: Mapping[str, str], kind: Kind) -> Paper:
    shipment = (
        root.find(names["shipment"]) if kind is Kind.EAEU_CORRECTION else root.require(names["shipment"])
    )
    terms = shipment.find(names["terms"]) if shipment else None
    goods = shipment.all(names["goods"]) if shipment else ()
    stated = reading.currency(terms, "ContractCurrencyCode")
    money = stated.value if stated else ""
    lines = tuple(_customs_line(reading, node, money) for node in goods)
    boxes: dict[str, Field[str] | None] = {}
    typed = codes("structure", reading.day).get("size and type of containers in box 31")
    level = _one_level(
        reading,
        (
            each.value("PalleteCode")
            for node in goods
            for packaging in node.all("ESADGoodsPackaging")
            for each in packaging.all("PackagePalleteInformation")
        ),
    )
    for node in goods:
        for group in node.all("ESADContainer"):
            for each in group.all("ContainerNumber"):
                written = each.value("ContainerIdentificaror")
                if written not in boxes:  # every item may name every container
                    boxes[written] = reading.box(each, "ContainerIdentificaror")
            if typed is not None and not group.value("ContainerKind"):
                reading.remark(
                    group.path, f"Box 31 gives no size and type of the container, which it has to from {typed.row.valid_from}.",
                    "Give ContainerKind beside the number.",
                )  # fmt: skip
    references: dict[tuple[str, ...], Reference] = {}
    listed = meanings("document", "eaeu", reading.day)
    for node in goods:
        for each in node.all(names["document"]):
            mode = each.value("PresentedDocumentModeCode")
            found_kind = "ORIGIN" if mode.startswith("06") else listed.get(plain(mode))
            stated_of = (found_kind or "", each.value("PrDocumentNumber"), each.value("PrDocumentDate"))
            if found_kind and stated_of not in references:
                for named in _reference(reading, each, ReferenceKind(found_kind)):
                    references[stated_of] = named
    consignment = shipment.find(names["consignment"]) if shipment else None
    return Paper(
        kind,
        Place(reading.file, root.path),
        day=reading.date(root, "EECEDocHeaderAddInfo/EDocDateTime")
        or reading.date(root, "KDTFilledInfo/ExecutionDate"),
        parties=(
            *_party(reading, shipment.find(names["consignor"]) if shipment else None, Role.CONSIGNOR),
            *_party(reading, shipment.find(names["consignee"]) if shipment else None, Role.CONSIGNEE),
            *_party(reading, shipment.find(names["buyer"]) if shipment else None, Role.BUYER),
            *_party(reading, shipment.find(names["declarant"]) if shipment else None, Role.DECLARANT),
        ),
        references=tuple(references.values()),
        terms=reading.text(terms, "CUESADDeliveryTerms/DeliveryTermsStringCode"),
        terms_place=reading.text(terms, "CUESADDeliveryTerms/DeliveryPlace"),
        currency=stated,
        total=reading.amount(terms, "TotalInvoiceAmount", money),
        rate=reading.number(terms, "ContractCurrencyRate"),
        packages=reading.packages(shipment, "TotalPackageNumber", level),
        boxes=tuple({each.value: each for each in boxes.values() if each}.values()),
        trade_country=reading.country(terms, "TradeCountryCode"),
        procedure=reading.text(root, "CustomsModeCode"),
        mode=reading.listed(consignment, f"{names['border']}/TransportModeCode", "mode", "eaeu"),
        dispatch=reading.country(consignment, "DispatchCountryCode"),
        destination=reading.country(consignment, "DestinationCountryCode"),
        lodged_in=reading.country(root, "RecipientCountryCode"),
        lines=lines,
    )


def _customs_line(reading: Reading, node: Node, money: str) -> Line:
    own = plain(node.value("InvoicedCurrencyCode"))
    if own:
        try:
            money = currency(own)[0]
        except Unreadable as problem:
            reading.remark(
                f"{node.path}/InvoicedCurrencyCode", f"{problem.problem}.", problem.advice, refused=True
            )
    number = reading.text(node, "GoodsNumeric") or reading.text(node, "KDTGoodsNumeric")
    further = [
        reading.quantity(
            each.find("GoodsQuantity"),
            each.find("MeasureUnitQualifierCode"),
            "OKEI",
            each.find("MeasureUnitQualifierName"),
        )
        for each in node.all("SupplementaryGoodsQuantity1")
    ]
    supplementary = node.find("SupplementaryGoodsQuantity")
    quantity = (
        reading.quantity(
            supplementary.find("GoodsQuantity"),
            supplementary.find("MeasureUnitQualifierCode"),
            "OKEI",
            supplementary.find("MeasureUnitQualifierName"),
        )
        if supplementary is not None
        else None
    )
    return Line(
        number.value if number else "?",
        Place(reading.file, node.path),
        description=_description(reading, node),
        code=reading.code(node, "GoodsTNVEDCode", "EAEU"),
        origin=reading.country(node, "OriginCountryCode"),
        quantity=quantity or next((each for each in further if each), None),
        further=tuple(each for each in further if each),
        amount=reading.amount(node, "InvoicedCost", money),
        customs_value=reading.number(node, "CustomsCost"),
        gross=reading.mass(node, "GrossWeightQuantity"),
        net=reading.mass(node, "NetWeightQuantity"),
        net_without_packing=reading.mass(node, "NetWeightQuantity2"),
        packages=reading.count(node, "ESADGoodsPackaging/PakageQuantity"),
        change=_change(reading, node),
    )


def _change(reading: Reading, node: Node) -> Field[str] | None:
    """The characters of box 45a."""
    change = node.find("ChangeCode")
    if change is None:
        return None
    marks = "".join(plain(each.text) for each in change.children)
    return Field(marks, marks, Place(reading.file, change.path))


_READERS: Final = {
    "CommercialInvoice": _invoice,
    "PackingList": _packing_list,
    "RailwayBill": _rail_note,
    "ESADout_CU": _declaration,
    "KDTout_CU": _correction,
}
