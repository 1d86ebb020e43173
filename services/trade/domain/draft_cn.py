"""The draft of the Chinese export declaration."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal
from typing import Final

from services.trade.domain.crosswalk import codes
from services.trade.domain.dataset import DatasetParty
from services.trade.domain.draft import Filling, Item, total
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
    Charge,
    ChargeKind,
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
    country_alpha3,
    minor_unit,
    number,
    plain,
)

_CHARGES: Final = {ChargeKind.FREIGHT: (18, "Fee"), ChargeKind.INSURANCE: (19, "Insur"), ChargeKind.OTHER: (19, "Other")}  # fmt: skip


def chinese(f: Filling, divided: Sequence[tuple[Item, ...]], part: int) -> Paper:
    data = f.dataset
    terms = codes("terms", f.as_of).get(data.terms)
    if data.terms and terms is None:
        f.lack(17, "TransMode", f"{data.terms} is not in the table")
    buyer = found(data, Role.BUYER) or found(data, Role.CONSIGNEE)
    f.put(2, "IEFlag", "E", "E")
    lines = tuple(_chinese_line(f, item) for item in f.items)
    counted = packages(f, "PackNo")
    return Paper(
        Kind.CN_DECLARATION,
        Place(f.file, ""),
        parties=_chinese_parties(f),
        references=(
            *references(f, ReferenceKind.CONTRACT, 8, "ContrNo"),
            *references(f, ReferenceKind.TRANSPORT, 10, "BillNo"),
        ),
        procedure=procedure(f, "TradeMode"),
        mode=mode(f, "TrafMode"),
        destination=country(f, "TradeCountry", "destination"),
        terms=f.put(17, "TransMode", terms.code("cn"), terms.code("cn"), ("/terms",), terms.row)
        if terms
        else None,
        currencies=tuple(Field(data.currency, data.currency, Place(f.file, "/currency")) for _ in lines),
        charges=_chinese_charges(f, divided, part),
        gross=_chinese_mass(f, 29, "GrossWet", "gross"),
        net=_chinese_mass(f, 31, "NetWt", "net"),
        packages=counted,
        boxes=boxes(f, "ContainerId"),
        trade_country=party_country(f, buyer, "TradeAreaCode"),
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
        description=f.put(25, "GName", plain(line.description), plain(line.description), item.pointers("description")[:1], line=at),
        code=commodity_code(f, item, "CN", "CodeTS"),
        origin=f.put(27, "OriginCountry", line.origin, origin, item.pointers("origin")[:1], line=at) if origin else None,
        quantity=quantity(f, item, "GQty GUnit", "CN"),
        price=f.put(21, "DeclPrice", line.price, number(line.price), item.pointers("price")[:1], line=at),
        amount=f.put(21, "DeclTotal", Money(line.amount, currency), number(line.amount), item.pointers("amount"), line=at),
    )  # fmt: skip


def _chinese_parties(f: Filling) -> tuple[Party, ...]:
    made = []
    consignor = found(f.dataset, Role.CONSIGNOR) or found(f.dataset, Role.SELLER)
    if consignor is not None:
        at, party = consignor
        id = name = None
        if party.scheme == "USCC":
            id = f.put(3, "TradeCoScc", party.number, party.number, (f"/parties/{at}/number",))
        else:
            f.lack(3, "TradeCoScc", f"the number is of {party.scheme}")
        if party.name:
            name = _name(f, 3, "TradeName", at, party)
        if id or name:
            made.append(Party(Role.CONSIGNOR, id, name))
    consignee = found(f.dataset, Role.CONSIGNEE)
    if consignee is not None and consignee[1].name:
        made.append(Party(Role.CONSIGNEE, None, _name(f, 5, "OverseasConsigneeEname", *consignee)))
    return tuple(made)


def _name(f: Filling, element: int, tag: str, at: int, party: DatasetParty) -> Field[str]:
    where = f"/parties/{at}/name"
    shown, row = f.fit(party.name, "name", where, tag)
    return f.put(element, tag, shown, shown, (where,), row)


def _chinese_charges(f: Filling, divided: Sequence[tuple[Item, ...]], part: int) -> tuple[Charge, ...]:
    made: list[Charge] = []
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
        f.remark(
            sources[0],
            f"{tag}: {number(whole)} kg is written {number(written)}.",
            "Nothing; the dataset keeps the exact mass.",
        )
    return f.put(element, tag, written, number(written), sources, limit.row)


def apportioned(amount: Decimal, by: Sequence[Decimal], smallest: Decimal) -> tuple[Decimal, ...]:
    """``amount`` divided in the proportion of ``by``, each part in whole ``smallest``; what is over is in the last. They add up to it."""
    whole = sum(by, Decimal(0))
    if not whole:
        return (amount, *(Decimal(0) for _ in by[1:]))
    parts = [(amount * each / whole / smallest).to_integral_value(ROUND_DOWN) * smallest for each in by[:-1]]
    return (*parts, amount - sum(parts, Decimal(0)))
