"""Documents of the EAEU album written in structure 5.22 and 5.23: invoice, packing list, rail note, declarations and correction.

A writer states what the paper states, in the order of the schema, and the constants that the schema requires of every such document;
what the message has no element for is left out. What a paper lacks is not made up, so that an incomplete one is not valid.
An invoice is valid but for the names of the persons who sign it, which its schema requires and no paper here holds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from typing import Final

from schemas.identifiers import eaeu_declaration
from schemas.identifiers.form import MalformedIdentifier
from services.trade.domain.crosswalk import codes
from services.trade.domain.paper import ChargeKind, Kind, Line, Paper, Party, Reference, ReferenceKind, Role
from services.trade.domain.values import Field, Money, Quantity, country_alpha3, number
from services.trade.formats.writing import Part, Unwritable, always, branch, document, leaf, leaves, parts_of

_ALBUM: Final = "urn:customs.ru:Information:"
_COMMON: Final = {
    "cat": "urn:customs.ru:CommonAggregateTypes:5.22.0",
    "rus": "urn:customs.ru:RUSCommonAggregateTypes:5.22.0",
    "esad": "urn:customs.ru:CUESADCommonAggregateTypesCust:5.22.0",
    "fin": f"{_ALBUM}CommercialFinanceDocuments:CommercialFinanceCommonAgregateTypesCust:5.22.0",
    "tran": f"{_ALBUM}TransportDocuments:TransportCommonAgregateTypesCust:5.23.0",
}
_PART: Final = 250
"""Characters of one part of a description."""


_MODES: Final = {
    "CommercialInvoice": "1002003E", "PackingList": "1002009E", "RailwayBill": "1003401E", "ESADout_CU": "1006107E", "KDTout_CU": "1006111E",
}  # fmt: skip
"""The kind of document in the album, a constant of each schema."""


def _root(root: Part, own: str, *prefixes: str, encoding: str = "UTF-8") -> bytes:
    marked = root._replace(attributes=(("DocumentModeID", _MODES[root.name]),))
    return document(marked, {"": _ALBUM + own, **{each: _COMMON[each] for each in prefixes}}, encoding)


def write(paper: Paper, as_of: date, encoding: str = "UTF-8") -> bytes:
    """The document of ``paper`` with the codes in force on ``as_of``; raises Unwritable, KeyError for a kind that the album has not."""
    return _WRITERS[paper.kind](paper, as_of, encoding)


def _number(value: Field[Decimal] | Field[Money] | Decimal | None) -> str | None:
    if value is None:
        return None
    found = value.value if isinstance(value, Field) else value
    return number(found.amount if isinstance(found, Money) else found)


_REGISTERS: Final = {
    10: ("cat:RFOrganizationFeatures", "cat:INN"),
    12: ("cat:RKOrganizationFeatures", "cat:BIN"),
    9: ("cat:RBOrganizationFeatures", "cat:UNP"),
}
"""Where a party's number stands, by its digits: of legal persons of Russia, Kazakhstan and Belarus."""


def _party(name: str, party: Party | None, *, required: bool = False) -> Part | None:
    id = party.id.value if party and party.id else ""
    features, number_of = _REGISTERS.get(len(id) if id.isdigit() else 0, ("", ""))
    made = branch(
        name,
        leaf("cat:OrganizationName", party.name if party else None),
        branch(features, leaf(number_of, id)) if features else None,
    )
    return made or (always(name) if required else None)


def _customs_party(name: str, party: Party | None, *, required: bool = False) -> Part | None:
    """A party of a declaration, which may also have a number of another register."""
    plain = _party(name, party, required=required)
    id = party.id.value if party and party.id else ""
    if not id or (id.isdigit() and len(id) in _REGISTERS):
        return plain
    children = plain.content if plain and isinstance(plain.content, tuple) else ()
    return always(name, *children, branch("rus:UITN", leaf("rus:UITNCode", id)))


def _document(name: str, reference: Reference | None, mode: str = "") -> Part | None:
    if reference is None:
        return None
    return branch(
        name,
        leaf("cat:PrDocumentNumber", reference.number),
        leaf("cat:PrDocumentDate", reference.day),
        leaf("esad:PresentedDocumentModeCode", mode),
    )


def _referred(paper: Paper, kind: ReferenceKind) -> Reference | None:
    return next((each for each in paper.references if each.kind is kind), None)


def _own(paper: Paper) -> Part | None:
    return branch(
        "Registration", leaf("cat:PrDocumentNumber", paper.number), leaf("cat:PrDocumentDate", paper.day)
    )


def _invoice(paper: Paper, encoding: str) -> bytes:
    tax = sum((each.amount.value.amount for each in paper.charged(ChargeKind.TAX) if each.amount), Decimal(0))
    root = always(
        "CommercialInvoice",
        leaf("cat:DocumentID", paper.id),
        leaf("CurrencyCode", paper.currency),
        leaf("TotalCost", _number(paper.total)),
        leaf("TaxSum", number(tax)),
        *(
            _party(role.capitalize(), paper.party(role), required=True)
            for role in (Role.BUYER, Role.SELLER, Role.CONSIGNEE, Role.CONSIGNOR)
        ),
        *(
            branch(
                "InvoiceGoods",
                *leaves("fin:GoodsDescription", _described(line, 4)),
                leaf("fin:GoodsCode", line.code.value.digits if line.code else None),
                leaf("fin:GoodsQuantity", _number(line.quantity.value.number) if line.quantity else None),
                leaf("fin:MeasureUnitQualifierName", line.quantity.value.unit_written if line.quantity else None),
                leaf("fin:GoodsPrice", _number(line.price)),
                leaf("fin:GoodsCost", _number(line.amount)),
                leaf("fin:TotalCost", _number(line.amount)),
                leaf("fin:OriginA3CountryCode", country_alpha3(line.origin.value) if line.origin else None),
            )
            for line in paper.lines
        ),
        _own(paper),
    )  # fmt: skip
    return _root(root, "CommercialFinanceDocuments:CommercialInvoice:5.22.0", "cat", "fin", encoding=encoding)


def _described(line: Line, most: int | None = None) -> tuple[str, ...]:
    return parts_of(line.description.value, _PART, most) if line.description else ()


def _packing_list(paper: Paper, as_of: date, encoding: str) -> bytes:
    root = always(
        "PackingList",
        leaf("cat:DocumentID", paper.id),
        leaf("GrossWeightQuantity", _number(paper.gross)),
        leaf("NetWeightQuantity", _number(paper.net)),
        _party("Consignor", paper.party(Role.CONSIGNOR), required=True),
        _party("Consignee", paper.party(Role.CONSIGNEE), required=True),
        branch(
            "DeliveryTerms",
            leaf("DeliveryPlace", paper.terms_place),
            leaf("DeliveryTermsStringCode", paper.terms),
            _document("Contract", _referred(paper, ReferenceKind.CONTRACT)),
            _document("Invoice", _referred(paper, ReferenceKind.INVOICE)),
            _own(paper),
        ),
        *(
            branch(
                "Goods",
                *leaves("GoodsDescription", _described(line, 4)),
                leaf("GoodsQuantity", _number(line.quantity.value.number) if line.quantity else None),
                leaf("GrossWeightQuantity", _number(line.gross)),
                leaf("NetWeightQuantity", _number(line.net)),
                leaf("MeasureUnitQualifierCode", line.quantity.value.unit_written if line.quantity else None),
            )
            for line in paper.lines
        ),
        *(
            branch(
                "TotalPlacesQuantity",
                leaf("PlacesQuantity", each.number),
                leaf("PackingCode", _package(each.level, as_of)),
            )
            for each in paper.packages
        ),
    )
    return _root(root, "CommercialFinanceDocuments:PackingList:5.22.0", "cat", encoding=encoding)


def _package(level: str, as_of: date) -> str:
    found = codes("package", as_of).get(level)
    return found.code("eaeu") if found else ""


def _rail_note(paper: Paper, as_of: date, encoding: str) -> bytes:
    level = paper.packages[0].level if paper.packages else ""
    stations = [each.value for each in paper.stations] or [""]
    loads = paper.box_loads if len(paper.box_loads) == len(paper.boxes) else (None,) * len(paper.boxes)
    root = always(
        "RailwayBill",
        leaf("cat:DocumentID", paper.id),
        leaf("Number", paper.number),
        branch(
            "RegistrationDocument",
            leaf("cat:PrDocumentNumber", paper.number),
            leaf("cat:PrDocumentDate", paper.day),
        ),
        leaf("PlacesQuantity", paper.packages[0].number if paper.packages else None),
        leaf("GrossWeightQuantity", _number(paper.gross)),
        leaf("WeightDefinitionModeDescription", paper.weighing),
        _party("Consignor", paper.party(Role.CONSIGNOR), required=True),
        _party("Consignee", paper.party(Role.CONSIGNEE), required=True),
        branch("DepartureStation", leaf("StationName", stations[0])),
        branch("DestinationStation", leaf("RailwayAndStationName", stations[-1])),
        _document("Contract", _referred(paper, ReferenceKind.CONTRACT)),
        *(
            branch(
                "RWBGoods",
                *leaves("cat:GoodsDescription", _described(line)),
                leaf("tran:GoodsNomenclatureCode", line.code.value.digits if line.code and line.code.value.scheme != "NHM" else None),
                leaf("PlacesQuantity", line.packages),
                leaf("GrossWeightQuantity", _number(line.gross)),
                leaf("PlacesDescription", level),
                leaf("HarmonizedRangeGoods", line.code.value.digits if line.code and line.code.value.scheme == "NHM" else None),
                leaf("Packing", _package(level, as_of)),
            )
            for line in paper.lines
        ),
        *(
            branch("Container", leaf("ContainerID", box), leaf("GoodsWeight", _number(load)))
            for box, load in zip(paper.boxes, loads, strict=True)
        ),
        *(branch("Seal", leaf("SealID", seal), leaf("SealQuantity", 1)) for seal in paper.seals),
        branch(
            "Carrier",
            leaf("CarrierName", paper.carrier),
            branch("FromStation", leaf("StationName", stations[0])),
            branch("ToStation", leaf("StationName", stations[-1])),
        ),
        branch(
            "ContractCarrierDate",
            leaf("CarrierName", paper.carrier),
            leaf("Date", paper.day),
            branch("Station", leaf("StationName", stations[0])),
        ),
    )  # fmt: skip
    return _root(root, "TransportDocuments:Railway:RailwayBill:5.23.0", "cat", "tran", encoding=encoding)


def _header(paper: Paper, name: str, as_of: date) -> Part | None:
    if paper.day is None:
        return None
    return branch(
        "EECEDocHeaderAddInfo",
        leaf("rus:EDocCode", codes("message code", as_of)[name].code("eaeu")),
        leaf("rus:EDocDateTime", f"{paper.day.value.isoformat()}T00:00:00"),
    )


def _declaration(paper: Paper, as_of: date, encoding: str) -> bytes:
    transit = paper.kind is Kind.EAEU_TRANSIT
    root = always(
        "ESADout_CU",
        leaf("cat:DocumentID", paper.id),
        _header(paper, "ESADout_CU", as_of),
        leaf("CustomsProcedure", "ТТ" if transit else "ИМ"),
        leaf("CustomsModeCode", paper.procedure),
        leaf("TransitDirectionCode", "ИМ" if transit else ""),
        *leaves("SealId", paper.seals),
        leaf("RecipientCountryCode", paper.lodged_in),
        always(
            "ESADout_CUGoodsShipment",
            leaf("esad:TotalGoodsNumber", len(paper.lines)),
            leaf("esad:TotalPackageNumber", paper.packages[0].number if paper.packages else None),
            _customs_party("ESADout_CUConsignor", paper.party(Role.CONSIGNOR)),
            _customs_party("ESADout_CUConsignee", paper.party(Role.CONSIGNEE)),
            _customs_party("ESADout_CUFinancialAdjustingResponsiblePerson", paper.party(Role.BUYER)),
            _customs_party("ESADout_CUDeclarant", paper.party(Role.DECLARANT), required=True),
            _consignment(paper, "ESADout_CUConsigment", "ESADout_CUBorderTransport", as_of),
            _terms(paper, "ESADout_CUMainContractTerms"),
            *(
                always(
                    "ESADout_CUGoods",
                    *_goods(line, paper),
                    *_documents(paper, "ESADout_CUPresentedDocument", as_of),
                    _supplementary(line),
                    *_quantities(line),
                    _packaging(line, paper, as_of),
                    _containers(paper),
                    branch(
                        "ESADCustomsProcedure",
                        leaf("esad:MainCustomsModeCode", paper.procedure),
                        leaf("esad:PrecedingCustomsModeCode", "00"),
                        leaf("esad:GoodsTransferFeature", "000"),
                    )
                    if paper.procedure and not transit
                    else None,
                )
                for line in paper.lines
            ),
        ),
    )
    return _root(root, "CustomsDocuments:ESADout_CU:5.23.0", "cat", "rus", "esad", encoding=encoding)


def _consignment(paper: Paper, name: str, border: str, as_of: date) -> Part | None:
    mode = codes("mode", as_of).get(paper.mode.value) if paper.mode else None
    return branch(
        name,
        leaf("esad:ContainerIndicator", "1" if paper.boxes else ""),
        leaf("esad:DispatchCountryCode", paper.dispatch),
        leaf("esad:DestinationCountryCode", paper.destination),
        branch(border, leaf("cat:TransportModeCode", mode.code("eaeu") if mode else "")),
    )


def _terms(paper: Paper, name: str) -> Part | None:
    return branch(
        name,
        leaf("esad:ContractCurrencyCode", paper.currency),
        leaf("esad:ContractCurrencyRate", _number(paper.rate)),
        leaf("esad:TotalInvoiceAmount", _number(paper.total)),
        leaf("esad:TradeCountryCode", paper.trade_country),
        branch(
            "esad:CUESADDeliveryTerms",
            leaf("cat:DeliveryPlace", paper.terms_place),
            leaf("cat:DeliveryTermsStringCode", paper.terms),
        ),
    )


def _goods(line: Line, paper: Paper) -> tuple[Part | None, ...]:
    """What a declaration and a correction say of goods in common, to the further parts of a long description."""
    described = _described(line)
    own = line.amount.value.currency if line.amount else ""
    stated = paper.currency.value if paper.currency else ""
    return (
        leaf("esad:GoodsNumeric", line.number),
        *leaves("esad:GoodsDescription", described[:4]),
        leaf("esad:GrossWeightQuantity", _number(line.gross)),
        leaf("esad:NetWeightQuantity", _number(line.net)),
        leaf("esad:NetWeightQuantity2", _number(line.net_without_packing)),
        leaf("esad:InvoicedCost", _number(line.amount)),
        leaf("esad:InvoicedCurrencyCode", own if own != stated else ""),
        leaf("esad:CustomsCost", _number(line.customs_value)),
        leaf("esad:GoodsTNVEDCode", line.code.value.digits if line.code else None),
        leaf("esad:OriginCountryCode", line.origin),
        branch("esad:GoodsGroupDescription", *leaves("esad:GoodsDescription", described[4:])),
    )


def _documents(paper: Paper, name: str, as_of: date) -> tuple[Part | None, ...]:
    made = []
    for each in paper.references:
        listed = codes("document", as_of).get(each.kind)
        mode = listed.code("eaeu") if listed else ""
        if each.kind is ReferenceKind.TRANSPORT and paper.mode is not None:
            by_mode = codes("transport document", as_of).get(paper.mode.value)
            mode = by_mode.code("eaeu") if by_mode else mode
        if mode:
            made.append(_document(name, each, mode))
    return tuple(made)


def _quantity(name: str, quantity: Field[Quantity]) -> Part | None:
    return branch(
        name,
        leaf("cat:GoodsQuantity", number(quantity.value.number)),
        leaf("cat:MeasureUnitQualifierCode", quantity.value.unit_written),
    )


def _supplementary(line: Line) -> Part | None:
    """Box 41; a quantity that box 31 states is not repeated."""
    first = line.further[0].value if line.further else None
    if line.quantity is None or line.quantity.value == first:
        return None
    return _quantity("SupplementaryGoodsQuantity", line.quantity)


def _quantities(line: Line) -> tuple[Part | None, ...]:
    if len(line.further) > 3:
        raise Unwritable(f"Goods {line.number} have more than three quantities", "leave out all but three")
    return tuple(_quantity("SupplementaryGoodsQuantity1", each) for each in line.further)


def _packaging(line: Line, paper: Paper, as_of: date) -> Part | None:
    kind = _package(paper.packages[0].level if paper.packages else "", as_of)
    return branch(
        "ESADGoodsPackaging",
        leaf("esad:PakageQuantity", line.packages),
        branch(
            "esad:PackagePalleteInformation", leaf("esad:InfoKindCode", "0"), leaf("esad:PalleteCode", kind)
        )
        if kind
        else None,
    )


def _containers(paper: Paper) -> Part | None:
    return branch(
        "ESADContainer",
        *(branch("esad:ContainerNumber", leaf("esad:ContainerIdentificaror", each)) for each in paper.boxes),
    )


def _correction(paper: Paper, as_of: date, encoding: str) -> bytes:
    named = [each.number.value for each in paper.references if each.kind is ReferenceKind.DECLARATION]
    registered = next((parts for each in named if (parts := _registered(each))), None)
    counted = paper.number.value.rsplit("/", 1)[-1] if paper.number else ""
    root = always(
        "KDTout_CU",
        leaf("cat:DocumentID", paper.id),
        leaf("cat:RefDocumentID", next((each for each in named if not _registered(each)), "")),
        _header(paper, "KDTout_CU", as_of),
        leaf("KDTNumber", counted.lstrip("0")),
        leaf("CustomsProcedure", "ИМ"),
        leaf("CustomsModeCode", paper.procedure),
        always(
            "KDToutGoodsShipment",
            leaf("esad:TotalPackageNumber", paper.packages[0].number if paper.packages else None),
            _customs_party("KTDoutConsignor", paper.party(Role.CONSIGNOR)),
            _customs_party("KTDoutConsignee", paper.party(Role.CONSIGNEE)),
            _customs_party("KTDoutFinancialAdjustingResponsiblePerson", paper.party(Role.BUYER)),
            _customs_party("KTDoutDeclarant", paper.party(Role.DECLARANT), required=True),
            _consignment(paper, "KTDoutConsigment", "KDToutBorderTransport", as_of),
            _terms(paper, "KDToutMainContractTerms"),
            *(
                always(
                    "KDToutGoods",
                    *_goods(line, paper),
                    *_documents(paper, "KDToutPresentedDocument", as_of),
                    *_quantities(line),
                    _supplementary(line),
                    _containers(paper),
                    _packaging(line, paper, as_of),
                    _change(line),
                )
                for line in paper.lines
            ),
        ),
        branch(
            "GtdRegistryNumber",
            *(
                leaf(f"cat:{name}", text)
                for name, text in zip(
                    ("CustomsCode", "RegistrationDate", "GTDNumber"), registered, strict=True
                )
            ),
        )
        if registered
        else None,
        always("KDTFilledInfo"),
        _change(paper),
    )
    return _root(root, "CustomsDocuments:KDTout_CU:5.23.0", "cat", "rus", "esad", encoding=encoding)


def _registered(text: str) -> tuple[str, str, str] | None:
    """The parts of the number of a declaration, ``post/ddmmyy/serial``; None for another name of it."""
    try:
        found = eaeu_declaration.parse(text)
    except MalformedIdentifier:
        return None
    return found.post, found.day.isoformat(), found.serial


_CHANGES: Final = (
    "PhaseChanges", "BasisCompilation", "QuantityChanges", "CountryChanges", "TNVEDChanges", "CustCostChanges",
    "CustomsPaymentChanges", "OtherChanges",
)  # fmt: skip
"""The eight characters of box 45a in their order."""


def _change(of: Line | Paper) -> Part | None:
    if of.change is None:
        return None
    if len(of.change.value) != len(_CHANGES):
        raise Unwritable(f"Box 45a of {of.place.at} is {of.change.value!r}", "give its eight characters")
    return branch(
        "ChangeCode", *(leaf(name, mark) for name, mark in zip(_CHANGES, of.change.value, strict=True))
    )


_WRITERS: Final[Mapping[Kind, Callable[[Paper, date, str], bytes]]] = {
    Kind.INVOICE: lambda paper, _, encoding: _invoice(paper, encoding),
    Kind.PACKING_LIST: _packing_list,
    Kind.RAIL_NOTE: _rail_note,
    Kind.EAEU_DECLARATION: _declaration,
    Kind.EAEU_TRANSIT: _declaration,
    Kind.EAEU_CORRECTION: _correction,
}
