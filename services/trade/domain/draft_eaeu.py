"""The drafts of the EAEU's declarations: of goods at import, and of transit."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import Final

from services.trade.domain.crosswalk import Side, codes
from services.trade.domain.draft import Filling, Item
from services.trade.domain.draft_elements import (
    boxes,
    commodity_code,
    country,
    found,
    mode,
    packages,
    party_country,
    procedure,
    quantity,
    references,
)
from services.trade.domain.paper import (
    Kind,
    Line,
    Paper,
    Party,
    ReferenceKind,
    Role,
)
from services.trade.domain.values import (
    Field,
    Money,
    Place,
    number,
    plain,
)

_REGISTERS: Final = ("INN", "BIN", "UNP")
"""The registers whose numbers stand in boxes 2, 8, 9 and 14."""


def eaeu(f: Filling) -> Paper:
    data, transit = f.dataset, f.side is Side.TRANSIT
    seller = found(data, Role.SELLER) or found(data, Role.CONSIGNOR)
    amount = sum((_cents(f, item).amount for item in f.items), Decimal(0))
    amounts = tuple(pointer for item in f.items for pointer in item.pointers("amount"))
    direction = "ТТ" if transit else "ИМ"
    f.put(2, "CustomsProcedure", direction, direction)
    if transit:
        f.put(2, "TransitDirectionCode", "ИМ", "ИМ")
    count = str(len(f.items))
    f.put(23, "TotalGoodsNumber", count, count, ("/lines",), codes("limit", f.as_of)["lines"].row)
    if not transit and data.terms not in codes("terms", f.as_of):
        f.lack(17, "DeliveryTermsStringCode", f"{data.terms} is not in the table" if data.terms else "")
    stated = not transit and data.terms in codes("terms", f.as_of)
    row = codes("terms", f.as_of)[data.terms].row if stated else None
    if codes("structure", f.as_of).get("size and type of containers in box 31") and data.boxes:
        f.lack(37, "ContainerKind", "box 31 needs number, size and type of each container")
    money = Money(amount, data.currency)
    return Paper(
        Kind.EAEU_TRANSIT if transit else Kind.EAEU_DECLARATION,
        Place(f.file, ""),
        day=Field(f.as_of, f.as_of.isoformat(), Place(f.file, "")),
        parties=_eaeu_parties(f),
        references=(
            *(() if transit else references(f, ReferenceKind.CONTRACT, 8, "PrDocumentNumber")),
            *references(f, ReferenceKind.INVOICE, 9, "PrDocumentNumber"),
            *references(f, ReferenceKind.TRANSPORT, 10, "PrDocumentNumber"),
        ),
        procedure=procedure(f, "CustomsModeCode"),
        mode=mode(f, "TransportModeCode"),
        dispatch=country(f, "DispatchCountryCode", "dispatch"),
        destination=country(f, "DestinationCountryCode", "destination"),
        lodged_in=_lodged_in(f),
        terms=f.put(17, "DeliveryTermsStringCode", data.terms, data.terms, ("/terms",), row) if stated else None,
        terms_place=_place(f) if stated else None,
        currency=None if transit else f.put(20, "ContractCurrencyCode", data.currency, data.currency, ("/currency",)),
        total=None if transit else f.put(20, "TotalInvoiceAmount", money, number(amount), amounts),
        packages=packages(f, "TotalPackageNumber"),
        boxes=boxes(f, "ContainerNumber"),
        trade_country=None if transit else party_country(f, seller, "TradeCountryCode"),
        lines=tuple(_eaeu_line(f, item) for item in f.items),
    )  # fmt: skip


def _eaeu_line(f: Filling, item: Item) -> Line:
    line, at, transit = item.line, str(item.number), f.side is Side.TRANSIT
    if line.gross is None:
        f.lack(30, "GrossWeightQuantity", line=at)
    if line.net is None:
        f.lack(31, "NetWeightQuantity", line=at)
    sold = quantity(f, item, "SupplementaryGoodsQuantity1", "OKEI")
    money = _cents(f, item)
    if money.amount != line.amount:
        f.remark(
            item.pointers("amount")[0], f"Box 42 takes two decimals: {number(line.amount)} is written {number(money.amount)}.", "Invoice whole cents."
        )  # fmt: skip
    return Line(
        at,
        Place(f.file, f"/lines/{item.members[0]}"),
        description=f.put(25, "GoodsDescription", plain(line.description), plain(line.description), item.pointers("description")[:1], line=at),
        code=commodity_code(f, item, "EAEU", "GoodsTNVEDCode"),
        origin=None if transit else f.put(27, "OriginCountryCode", line.origin, line.origin, item.pointers("origin")[:1], line=at),
        quantity=sold,
        further=(sold,),
        amount=None if transit else f.put(21, "InvoicedCost", money, number(money.amount), item.pointers("amount"), line=at),
        gross=None if line.gross is None else f.put(30, "GrossWeightQuantity", line.gross, number(line.gross), item.pointers("gross"), line=at),
        net=None if line.net is None or transit else f.put(31, "NetWeightQuantity", line.net, number(line.net), item.pointers("net"), line=at),
        packages=None if line.packages is None else f.put(34, "PakageQuantity", line.packages, str(line.packages), item.pointers("packages"), line=at),
    )  # fmt: skip


def _cents(f: Filling, item: Item) -> Money:
    return Money(item.line.amount.quantize(Decimal("0.01"), ROUND_HALF_UP), f.dataset.currency)


def _eaeu_parties(f: Filling) -> tuple[Party, ...]:
    made = []
    for role, element, tag in (
        (Role.CONSIGNOR, 3, "ESADout_CUConsignor"),
        (Role.CONSIGNEE, 5, "ESADout_CUConsignee"),
        (Role.BUYER, 6, "ESADout_CUFinancialAdjustingResponsiblePerson"),
        (Role.DECLARANT, 7, "ESADout_CUDeclarant"),
    ):
        named = found(f.dataset, role)
        if named is None or (role is Role.BUYER and f.side is Side.TRANSIT):
            continue
        at, party = named
        id = name = None
        if party.scheme in _REGISTERS:
            sources = (f"/parties/{at}/number",)
            id = f.put(element, f"{tag} {party.scheme}", party.number, party.number, sources)
        elif role is not Role.CONSIGNOR:
            f.lack(element, f"{tag} INN", f"the number is of {party.scheme}")
        if party.name:
            where = f"/parties/{at}/name"
            shown, row = f.fit(party.name, "name", where, tag)
            name = f.put(element, f"{tag} OrganizationName", shown, shown, (where,), row)
        if id or name:
            made.append(Party(role, id, name))
    return tuple(made)


def _place(f: Filling) -> Field[str] | None:
    if not f.dataset.terms_place:
        f.lack(17, "DeliveryPlace")
        return None
    shown, row = f.fit(f.dataset.terms_place, "place", "/terms_place", "DeliveryPlace")
    return f.put(17, "DeliveryPlace", shown, shown, ("/terms_place",), row)


def _lodged_in(f: Filling) -> Field[str] | None:
    """The country whose customs takes the declaration: as stated; of an import else the destination."""
    member = "destination" if f.side is Side.EAEU and not f.carriage.lodged_in else "lodged_in"
    return country(f, "RecipientCountryCode", member)
