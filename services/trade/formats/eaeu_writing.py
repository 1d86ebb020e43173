"""Documents of the EAEU album written in structure 5.22 and 5.23: declarations and correction here, commercial papers beside.

A writer states what the paper states, in the order of the schema, and the constants that the schema requires of every such document;
what the message has no element for is left out. What a paper lacks is not made up, so that an incomplete one is not valid.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Final

from schemas.identifiers import eaeu_declaration
from schemas.identifiers.form import MalformedIdentifier
from services.trade.domain.crosswalk import codes
from services.trade.domain.paper import Kind, Line, Paper, Party, ReferenceKind, Role
from services.trade.domain.values import Field, Quantity, number
from services.trade.formats.eaeu_commercial import invoice, packing_list, rail_note
from services.trade.formats.eaeu_parts import (
    REGISTERS,
    album_message,
    described_parts,
    document_part,
    package_code,
    party_part,
    plain_number,
)
from services.trade.formats.writing import Part, Unwritable, always, branch, leaf, leaves


def write(paper: Paper, as_of: date, encoding: str = "UTF-8") -> bytes:
    """The document of ``paper`` with the codes in force on ``as_of``; raises Unwritable, KeyError for a kind that the album has not."""
    return _WRITERS[paper.kind](paper, as_of, encoding)


def _customs_party(name: str, party: Party | None, *, required: bool = False) -> Part | None:
    """A party of a declaration, which may also have a number of another register."""
    plain = party_part(name, party, required=required)
    id = party.id.value if party and party.id else ""
    if not id or (id.isdigit() and len(id) in REGISTERS):
        return plain
    children = plain.content if plain and isinstance(plain.content, tuple) else ()
    return always(name, *children, branch("rus:UITN", leaf("rus:UITNCode", id)))


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
    return album_message(root, "CustomsDocuments:ESADout_CU:5.23.0", "cat", "rus", "esad", encoding=encoding)


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
        leaf("esad:ContractCurrencyRate", plain_number(paper.rate)),
        leaf("esad:TotalInvoiceAmount", plain_number(paper.total)),
        leaf("esad:TradeCountryCode", paper.trade_country),
        branch(
            "esad:CUESADDeliveryTerms",
            leaf("cat:DeliveryPlace", paper.terms_place),
            leaf("cat:DeliveryTermsStringCode", paper.terms),
        ),
    )


def _goods(line: Line, paper: Paper) -> tuple[Part | None, ...]:
    """What a declaration and a correction say of goods in common, to the further parts of a long description."""
    described = described_parts(line)
    own = line.amount.value.currency if line.amount else ""
    stated = paper.currency.value if paper.currency else ""
    return (
        leaf("esad:GoodsNumeric", line.number),
        *leaves("esad:GoodsDescription", described[:4]),
        leaf("esad:GrossWeightQuantity", plain_number(line.gross)),
        leaf("esad:NetWeightQuantity", plain_number(line.net)),
        leaf("esad:NetWeightQuantity2", plain_number(line.net_without_packing)),
        leaf("esad:InvoicedCost", plain_number(line.amount)),
        leaf("esad:InvoicedCurrencyCode", own if own != stated else ""),
        leaf("esad:CustomsCost", plain_number(line.customs_value)),
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
            made.append(document_part(name, each, mode))
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
    kind = package_code(paper.packages[0].level if paper.packages else "", as_of)
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
    return album_message(root, "CustomsDocuments:KDTout_CU:5.23.0", "cat", "rus", "esad", encoding=encoding)


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
    Kind.INVOICE: lambda paper, _, encoding: invoice(paper, encoding),
    Kind.PACKING_LIST: packing_list,
    Kind.RAIL_NOTE: rail_note,
    Kind.EAEU_DECLARATION: _declaration,
    Kind.EAEU_TRANSIT: _declaration,
    Kind.EAEU_CORRECTION: _correction,
}
