"""The drafts of a dataset: which of its members becomes which element of the Chinese and of the EAEU's declarations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Final
from uuid import UUID, uuid5

from services.trade.domain.crosswalk import Side, TableRow, codes
from services.trade.domain.dataset import Dataset, DatasetParty
from services.trade.domain.draft import Carriage, Draft, Filling, Item, total
from services.trade.domain.draft_lines import apportioned, items
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
from services.trade.domain.values import (
    Code,
    Field,
    Money,
    Place,
    Quantity,
    country_alpha3,
    hs_edition,
    minor_unit,
    number,
    unit,
    unit_code,
)

_DOCUMENTS: Final = UUID("5b1d6a0e-5a3c-5d2f-9c0c-3d8f3a3c9a11")
"""The name space of the ids of drafts as documents."""
STRUCTURE: Final = "5.23.0"
"""The structure of the EAEU's documents that is written, in force until 31 March 2026."""
_CHARGES: Final = {ChargeKind.FREIGHT: (18, "Fee"), ChargeKind.INSURANCE: (19, "Insur"), ChargeKind.OTHER: (19, "Other")}  # fmt: skip


def drafts(dataset: Dataset, side: Side, as_of: date, carriage: Carriage = Carriage()) -> tuple[Draft, ...]:
    """The declarations of ``side`` for ``dataset`` under the tables of ``as_of``: several where the lines are too many for one.

    The same arguments give the same drafts, to the last character of what is written from them.
    """
    most = int(codes("limit", as_of)["lines"].code(side.codes))
    divided = items(dataset.lines, most) or ((),)
    made = []
    for part, each in enumerate(divided):
        filling = Filling(dataset, side, as_of, carriage, each)
        if len(divided) > 1:
            filling.remark("/lines", f"Declaration {part + 1} of {len(divided)}: more than {most} items.", "")
        paper = _chinese(filling, divided, part) if side is Side.CN else _eaeu(filling)
        if side is not Side.CN:
            paper = replace(paper, id=str(uuid5(_DOCUMENTS, f"{dataset.digest} {side} {part}")))
        made.append(filling.draft(paper, part + 1, len(divided), _structure(filling)))
    return tuple(made)


def _chinese(f: Filling, divided: Sequence[tuple[Item, ...]], part: int) -> Paper:
    data = f.dataset
    terms = codes("terms", f.as_of).get(data.terms)
    if data.terms and terms is None:
        f.lack(17, "TransMode", f"{data.terms} is not in the table")
    buyer = _found(data, Role.BUYER) or _found(data, Role.CONSIGNEE)
    f.put(2, "IEFlag", "E", "E")
    lines = tuple(_chinese_line(f, item) for item in f.items)
    packages = _packages(f, "PackNo")
    return Paper(
        Kind.CN_DECLARATION,
        Place(f.file, ""),
        parties=_chinese_parties(f),
        references=(
            *_references(f, ReferenceKind.CONTRACT, 8, "ContrNo"),
            *_references(f, ReferenceKind.TRANSPORT, 10, "BillNo"),
        ),
        procedure=_procedure(f, "TradeMode"),
        mode=_mode(f, "TrafMode"),
        destination=_country(f, "TradeCountry", "destination"),
        terms=f.put(17, "TransMode", terms.code("cn"), terms.code("cn"), ("/terms",), terms.row)
        if terms
        else None,
        currencies=tuple(Field(data.currency, data.currency, Place(f.file, "/currency")) for _ in lines),
        charges=_chinese_charges(f, divided, part),
        gross=_chinese_mass(f, 29, "GrossWet", "gross"),
        net=_chinese_mass(f, 31, "NetWt", "net"),
        packages=packages,
        boxes=_boxes(f, "ContainerId"),
        trade_country=_party_country(f, buyer, "TradeAreaCode"),
        lines=lines,
    )


def _chinese_line(f: Filling, item: Item) -> Line:
    line, at, currency = item.line, str(item.number), f.dataset.currency
    origin = country_alpha3(line.origin)
    if not origin:
        f.lack(27, "OriginCountry", f"{line.origin} is no country", at)
    f.put(20, "TradeCurr", currency, currency, ("/currency",), line=at)
    return Line(
        f.put(23, "GNo", at, at, item.pointers("id"), codes("limit", f.as_of)["lines"].row, at).value,
        Place(f.file, f"/lines/{item.members[0]}"),
        description=f.put(25, "GName", line.description, line.description, item.pointers("description")[:1], line=at),
        code=_code(f, item, "CN", "CodeTS"),
        origin=f.put(27, "OriginCountry", line.origin, origin, item.pointers("origin")[:1], line=at) if origin else None,
        quantity=_quantity(f, item, "GQty GUnit", "CN"),
        price=f.put(21, "DeclPrice", line.price, number(line.price), item.pointers("price")[:1], line=at),
        amount=f.put(21, "DeclTotal", Money(line.amount, currency), number(line.amount), item.pointers("amount"), line=at),
    )  # fmt: skip


def _chinese_parties(f: Filling) -> tuple[Party, ...]:
    made = []
    consignor = _found(f.dataset, Role.CONSIGNOR) or _found(f.dataset, Role.SELLER)
    if consignor is not None:
        at, party = consignor
        id = name = None
        if party.scheme == "USCC":
            id = f.put(3, "TradeCoScc", party.number, party.number, (f"/parties/{at}/number",))
        else:
            f.lack(3, "TradeCoScc", f"the number is of {party.scheme}")
        if party.name:
            name = f.put(3, "TradeName", party.name, party.name, (f"/parties/{at}/name",))
        if id or name:
            made.append(Party(Role.CONSIGNOR, id, name))
    consignee = _found(f.dataset, Role.CONSIGNEE)
    if consignee is not None and consignee[1].name:
        name = f.put(
            5,
            "OverseasConsigneeEname",
            consignee[1].name,
            consignee[1].name,
            (f"/parties/{consignee[0]}/name",),
        )
        made.append(Party(Role.CONSIGNEE, None, name))
    return tuple(made)


def _chinese_charges(f: Filling, divided: Sequence[tuple[Item, ...]], part: int) -> tuple[Charge, ...]:
    made = []
    by = [sum((item.line.amount for item in each), Decimal(0)) for each in divided]
    smallest = minor_unit(f.dataset.currency)
    for at, charge in enumerate(f.dataset.charges):
        where = f"/charges/{at}/amount"
        if charge.kind not in _CHARGES:
            f.remark(where, f"The form has no field for {charge.kind}.", "Show it in the invoice.")
            continue
        if not charge.amount:
            continue
        element, name = _CHARGES[charge.kind]
        if any(each.kind is charge.kind for each in made):
            f.remark(
                where,
                f"The form has one {name}Rate; a second charge of the kind was left out.",
                "Add them up.",
            )
            continue
        amount = apportioned(charge.amount, by, smallest)[part]
        money = Money(amount, f.dataset.currency)
        made.append(Charge(charge.kind, f.put(element, f"{name}Rate", money, number(amount), (where,))))
        if len(divided) > 1:
            f.remark(
                where, f"{number(amount)} of it by the amounts of the items.", "State how it is divided."
            )
    return tuple(made)


def _chinese_mass(f: Filling, element: int, tag: str, member: str) -> Field[Decimal] | None:
    """The sum of the items, with as many decimals as the form takes; what is below one kilogram is 1."""
    whole = total([getattr(item.line, member) for item in f.items])
    if whole is None:
        f.lack(element, tag, "not every line states it")
        return None
    limit = codes("limit", f.as_of)["decimals of masses"]
    written = max(whole.quantize(Decimal(1).scaleb(-int(limit.code("cn"))), ROUND_HALF_UP), Decimal(1))
    sources = tuple(pointer for item in f.items for pointer in item.pointers(member))
    if written != whole:
        f.remark(sources[0], f"{tag}: {number(whole)} kg is written {number(written)}.", "")
    return f.put(element, tag, written, number(written), sources, limit.row)


def _eaeu(f: Filling) -> Paper:
    data, transit = f.dataset, f.side is Side.TRANSIT
    seller = _found(data, Role.SELLER) or _found(data, Role.CONSIGNOR)
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
            *(() if transit else _references(f, ReferenceKind.CONTRACT, 8, "PrDocumentNumber")),
            *_references(f, ReferenceKind.INVOICE, 9, "PrDocumentNumber"),
            *_references(f, ReferenceKind.TRANSPORT, 10, "PrDocumentNumber"),
        ),
        procedure=_procedure(f, "CustomsModeCode"),
        mode=_mode(f, "TransportModeCode"),
        dispatch=_country(f, "DispatchCountryCode", "dispatch"),
        destination=_country(f, "DestinationCountryCode", "destination"),
        lodged_in=_lodged_in(f),
        terms=f.put(17, "DeliveryTermsStringCode", data.terms, data.terms, ("/terms",), row) if stated else None,
        terms_place=f.put(17, "DeliveryPlace", data.terms_place, data.terms_place, ("/terms_place",))
        if stated and data.terms_place
        else None,
        currency=None if transit else f.put(20, "ContractCurrencyCode", data.currency, data.currency, ("/currency",)),
        total=None if transit else f.put(20, "TotalInvoiceAmount", money, number(amount), amounts),
        packages=_packages(f, "TotalPackageNumber"),
        boxes=_boxes(f, "ContainerNumber"),
        trade_country=None if transit else _party_country(f, seller, "TradeCountryCode"),
        lines=tuple(_eaeu_line(f, item) for item in f.items),
    )  # fmt: skip


def _eaeu_line(f: Filling, item: Item) -> Line:
    line, at, transit = item.line, str(item.number), f.side is Side.TRANSIT
    if line.gross is None:
        f.lack(30, "GrossWeightQuantity", line=at)
    if line.net is None:
        f.lack(31, "NetWeightQuantity", line=at)
    quantity = _quantity(f, item, "SupplementaryGoodsQuantity1", "OKEI")
    money = _cents(f, item)
    if money.amount != line.amount:
        f.remark(
            item.pointers("amount")[0], f"Box 42 takes two decimals: {number(line.amount)} is written {number(money.amount)}.", ""
        )  # fmt: skip
    return Line(
        at,
        Place(f.file, f"/lines/{item.members[0]}"),
        description=f.put(25, "GoodsDescription", line.description, line.description, item.pointers("description")[:1], line=at),
        code=_code(f, item, "EAEU", "GoodsTNVEDCode"),
        origin=None if transit else f.put(27, "OriginCountryCode", line.origin, line.origin, item.pointers("origin")[:1], line=at),
        quantity=quantity,
        further=(quantity,) if quantity else (),
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
        found = _found(f.dataset, role)
        if found is None or (role is Role.BUYER and f.side is Side.TRANSIT):
            continue
        at, party = found
        id = name = None
        if party.scheme == "INN":
            id = f.put(element, f"{tag} INN", party.number, party.number, (f"/parties/{at}/number",))
        elif role is not Role.CONSIGNOR:
            f.lack(element, f"{tag} INN", f"the number is of {party.scheme}")
        if party.name:
            name = f.put(element, f"{tag} OrganizationName", party.name, party.name, (f"/parties/{at}/name",))
        if id or name:
            made.append(Party(role, id, name))
    return tuple(made)


def _lodged_in(f: Filling) -> Field[str] | None:
    """The country of destination, else that in which the consignee is registered: there the declaration is lodged."""
    place = _country(f, "RecipientCountryCode", "destination")
    return place or _party_country(f, _found(f.dataset, Role.CONSIGNEE), "RecipientCountryCode", 14)


Found = tuple[int, DatasetParty]


def _found(dataset: Dataset, role: Role) -> Found | None:
    return next(((at, each) for at, each in enumerate(dataset.parties) if each.role is role), None)


def _party_country(f: Filling, found: Found | None, tag: str, element: int = 13) -> Field[str] | None:
    """The country in whose register a party stands; an EORI begins with it."""
    if found is None:
        return None
    at, party = found
    register = codes("registration", f.as_of).get(party.scheme)
    country = register.code("un") if register else party.number[:2] if party.scheme == "EORI" else ""
    three = country_alpha3(country)
    if not three:
        f.lack(element, tag, f"the register {party.scheme} is of no known country")
        return None
    text = three if f.side is Side.CN else country
    return f.put(element, tag, country, text, (f"/parties/{at}/scheme",), register.row if register else None)


def _references(f: Filling, kind: ReferenceKind, element: int, tag: str) -> tuple[Reference, ...]:
    limit = codes("limit", f.as_of)["contract"]
    most = int(limit.code(f.side.codes))
    made = []
    for at, paper in enumerate(f.dataset.papers):
        if paper.kind is not kind or (made and f.side is Side.CN):
            continue
        if kind is ReferenceKind.TRANSPORT and f.side is not Side.CN and not _transport_code(f):
            f.lack(element, "PresentedDocumentModeCode", "its code follows from the mode of transport")
            continue
        shown = paper.number[:most]
        where = f"/papers/{at}/number"
        if shown != paper.number:
            f.remark(where, f"{tag} takes {most} characters: {shown} is not all of it.", "")
        day = None
        if f.side is not Side.CN and paper.day is not None:
            sources = (f"/papers/{at}/day",)
            day = f.put(element, "PrDocumentDate", paper.day, paper.day.isoformat(), sources)
        made.append(Reference(kind, f.put(element, tag, shown, shown, (where,), limit.row), day))
    return tuple(made)


def _transport_code(f: Filling) -> str:
    found = codes("transport document", f.as_of).get(f.carriage.mode)
    return found.code("eaeu") if found else ""


def _procedure(f: Filling, tag: str) -> Field[str]:
    found = codes("procedure", f.as_of)[f.side]
    code = found.code(f.side.codes)
    return f.put(2, tag, code, code, (), found.row)


def _mode(f: Filling, tag: str) -> Field[str] | None:
    found = codes("mode", f.as_of).get(f.carriage.mode)
    if found is None:
        return None
    return f.put(11, tag, found.key, found.code(f.side.codes), ("carriage mode",), found.row)


def _country(f: Filling, tag: str, member: str) -> Field[str] | None:
    country: str = getattr(f.carriage, member)
    if not country:
        if tag != "RecipientCountryCode":
            f.lack(14, tag)
        return None
    text = country_alpha3(country) if f.side is Side.CN else country
    return f.put(14, tag, country, text, (f"carriage {member}",))


def _code(f: Filling, item: Item, scheme: str, tag: str) -> Field[Code]:
    """All digits of a code of the side's own list, six of any other."""
    code, at = item.line.code, str(item.number)
    pointer = item.pointers("code")[0]
    digits = code.digits if code.scheme == scheme else code.hs6
    if len(digits) < 10 and f.side is not Side.TRANSIT:
        f.lack(24, tag, "digits 7 to 10 are national", at)
    if code.edition != hs_edition(f.as_of):
        f.remark(
            pointer,
            f"The code is of the HS of {code.edition}, in force is that of {hs_edition(f.as_of)}.",
            "Convert the code.",
        )
    return f.put(24, tag, Code(scheme, digits, code.edition), digits, (pointer,), line=at)


def _quantity(f: Filling, item: Item, tag: str, scheme: str) -> Field[Quantity]:
    line, at = item.line, str(item.number)
    code = unit_code(line.unit, scheme)
    if not code:
        f.lack(33, tag, f"the unit {line.unit} is not in the table", at)
    quantity = Quantity(line.quantity, unit(line.unit, "REC20") if code else None, code)
    return f.put(33, tag, quantity, number(line.quantity), item.pointers("quantity"), line=at)


def _packages(f: Filling, tag: str) -> tuple[Packages, ...]:
    counts = [item.line.packages for item in f.items]
    if not counts or None in counts:
        f.lack(34, tag, "not every line states its packages")
        return ()
    count = sum(each for each in counts if each is not None)
    pointers = tuple(pointer for item in f.items for pointer in item.pointers("packages"))
    level = codes("package", f.as_of).get(f.dataset.package_level)
    code = level.code(f.side.codes) if level else ""
    known = ""
    if level and code:
        f.put(
            35,
            "WrapType" if f.side is Side.CN else "PalleteCode",
            level.key,
            code,
            ("/package_level",),
            level.row,
        )
        known = level.key if f.side is Side.CN else ""
    elif f.dataset.package_level:
        f.lack(
            35,
            "WrapType" if f.side is Side.CN else "PalleteCode",
            f"{f.dataset.package_level} has no code in the table",
        )
    return (Packages(f.put(34, tag, count, str(count), pointers), known),)  # fmt: skip


def _boxes(f: Filling, tag: str) -> tuple[Field[str], ...]:
    return tuple(f.put(37, tag, each, each, (f"/boxes/{at}",)) for at, each in enumerate(f.dataset.boxes))


def _structure(f: Filling) -> TableRow | None:
    """The row of the structure in force; where it is not available here, that is remarked and the one before is written."""
    found = None if f.side is Side.CN else codes("structure", f.as_of).get("ESADout_CU")
    if found is None:
        return None
    if not found.code("eaeu"):
        f.remark(
            "",
            f"Written in structure {STRUCTURE}; that of {f.as_of} is in force since {found.row.valid_from} and not available here.",
            "Have the software of the declarant convert it.",
        )
    return found.row
