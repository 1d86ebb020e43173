"""The commercial papers of the EAEU album written in structure 5.22 and 5.23: invoice, packing list, rail note.

An invoice is valid but for the names of the persons who sign it, which its schema requires and no paper here holds.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from services.trade.domain.paper import ChargeKind, Paper, Reference, ReferenceKind, Role
from services.trade.domain.values import country_alpha3, number
from services.trade.formats.eaeu_parts import (
    album_message,
    described_parts,
    document_part,
    package_code,
    party_part,
    plain_number,
)
from services.trade.formats.writing import Part, always, branch, leaf, leaves


def _referred(paper: Paper, kind: ReferenceKind) -> Reference | None:
    return next((each for each in paper.references if each.kind is kind), None)


def _own(paper: Paper) -> Part | None:
    return branch(
        "Registration", leaf("cat:PrDocumentNumber", paper.number), leaf("cat:PrDocumentDate", paper.day)
    )


def invoice(paper: Paper, encoding: str) -> bytes:
    """The CommercialInvoice of ``paper``."""
    tax = sum((each.amount.value.amount for each in paper.charged(ChargeKind.TAX) if each.amount), Decimal(0))
    root = always(
        "CommercialInvoice",
        leaf("cat:DocumentID", paper.id),
        leaf("CurrencyCode", paper.currency),
        leaf("TotalCost", plain_number(paper.total)),
        leaf("TaxSum", number(tax)),
        *(
            party_part(role.capitalize(), paper.party(role), required=True)
            for role in (Role.BUYER, Role.SELLER, Role.CONSIGNEE, Role.CONSIGNOR)
        ),
        *(
            branch(
                "InvoiceGoods",
                *leaves("fin:GoodsDescription", described_parts(line, 4)),
                leaf("fin:GoodsCode", line.code.value.digits if line.code else None),
                leaf("fin:GoodsQuantity", plain_number(line.quantity.value.number) if line.quantity else None),
                leaf("fin:MeasureUnitQualifierName", line.quantity.value.unit_written if line.quantity else None),
                leaf("fin:GoodsPrice", plain_number(line.price)),
                leaf("fin:GoodsCost", plain_number(line.amount)),
                leaf("fin:TotalCost", plain_number(line.amount)),
                leaf("fin:OriginA3CountryCode", country_alpha3(line.origin.value) if line.origin else None),
            )
            for line in paper.lines
        ),
        _own(paper),
    )  # fmt: skip
    return album_message(
        root, "CommercialFinanceDocuments:CommercialInvoice:5.22.0", "cat", "fin", encoding=encoding
    )


def packing_list(paper: Paper, as_of: date, encoding: str) -> bytes:
    """The PackingList of ``paper`` with the codes in force on ``as_of``."""
    root = always(
        "PackingList",
        leaf("cat:DocumentID", paper.id),
        leaf("GrossWeightQuantity", plain_number(paper.gross)),
        leaf("NetWeightQuantity", plain_number(paper.net)),
        party_part("Consignor", paper.party(Role.CONSIGNOR), required=True),
        party_part("Consignee", paper.party(Role.CONSIGNEE), required=True),
        branch(
            "DeliveryTerms",
            leaf("DeliveryPlace", paper.terms_place),
            leaf("DeliveryTermsStringCode", paper.terms),
            document_part("Contract", _referred(paper, ReferenceKind.CONTRACT)),
            document_part("Invoice", _referred(paper, ReferenceKind.INVOICE)),
            _own(paper),
        ),
        *(
            branch(
                "Goods",
                *leaves("GoodsDescription", described_parts(line, 4)),
                leaf("GoodsQuantity", plain_number(line.quantity.value.number) if line.quantity else None),
                leaf("GrossWeightQuantity", plain_number(line.gross)),
                leaf("NetWeightQuantity", plain_number(line.net)),
                leaf("MeasureUnitQualifierCode", line.quantity.value.unit_written if line.quantity else None),
            )
            for line in paper.lines
        ),
        *(
            branch(
                "TotalPlacesQuantity",
                leaf("PlacesQuantity", each.number),
                leaf("PackingCode", package_code(each.level, as_of)),
            )
            for each in paper.packages
        ),
    )
    return album_message(root, "CommercialFinanceDocuments:PackingList:5.22.0", "cat", encoding=encoding)


def rail_note(paper: Paper, as_of: date, encoding: str) -> bytes:
    """The RailwayBill of ``paper`` with the codes in force on ``as_of``."""
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
        leaf("GrossWeightQuantity", plain_number(paper.gross)),
        leaf("WeightDefinitionModeDescription", paper.weighing),
        party_part("Consignor", paper.party(Role.CONSIGNOR), required=True),
        party_part("Consignee", paper.party(Role.CONSIGNEE), required=True),
        branch("DepartureStation", leaf("StationName", stations[0])),
        branch("DestinationStation", leaf("RailwayAndStationName", stations[-1])),
        document_part("Contract", _referred(paper, ReferenceKind.CONTRACT)),
        *(
            branch(
                "RWBGoods",
                *leaves("cat:GoodsDescription", described_parts(line)),
                leaf("tran:GoodsNomenclatureCode", line.code.value.digits if line.code and line.code.value.scheme != "NHM" else None),
                leaf("PlacesQuantity", line.packages),
                leaf("GrossWeightQuantity", plain_number(line.gross)),
                leaf("PlacesDescription", level),
                leaf("HarmonizedRangeGoods", line.code.value.digits if line.code and line.code.value.scheme == "NHM" else None),
                leaf("Packing", package_code(level, as_of)),
            )
            for line in paper.lines
        ),
        *(
            branch("Container", leaf("ContainerID", box), leaf("GoodsWeight", plain_number(load)))
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
    return album_message(
        root, "TransportDocuments:Railway:RailwayBill:5.23.0", "cat", "tran", encoding=encoding
    )
