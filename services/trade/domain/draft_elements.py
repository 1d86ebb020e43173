"""Elements that the drafts of both sides have: parties, papers, codes, countries, quantities, packages and boxes."""

from __future__ import annotations

from services.trade.domain.crosswalk import Side, codes, meanings
from services.trade.domain.dataset import Dataset, DatasetParty
from services.trade.domain.draft import Filling, Item
from services.trade.domain.paper import (
    Packages,
    Reference,
    ReferenceKind,
    Role,
)
from services.trade.domain.values import (
    Code,
    Field,
    Quantity,
    country_alpha3,
    hs_edition,
    number,
    unit,
    unit_code,
)

Found = tuple[int, DatasetParty]


def found(dataset: Dataset, role: Role) -> Found | None:
    return next(((at, each) for at, each in enumerate(dataset.parties) if each.role is role), None)


def party_country(f: Filling, found: Found | None, tag: str, element: int = 13) -> Field[str] | None:
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


def references(f: Filling, kind: ReferenceKind, element: int, tag: str) -> tuple[Reference, ...]:
    made: list[Reference] = []
    for at, paper in enumerate(f.dataset.papers):
        if paper.kind is not kind:
            continue
        if made and f.side is Side.CN:
            f.remark(
                f"/papers/{at}/number", f"{tag} takes one number; this one was left out.", "Attach the paper."
            )
            continue
        if kind is ReferenceKind.TRANSPORT and f.side is not Side.CN and not _transport_code(f):
            f.lack(element, "PresentedDocumentModeCode", "its code follows from the mode of transport")
            continue
        where = f"/papers/{at}/number"
        shown, row = f.fit(paper.number, "contract", where, tag)
        day = None
        if f.side is not Side.CN and paper.day is not None:
            sources = (f"/papers/{at}/day",)
            day = f.put(element, "PrDocumentDate", paper.day, paper.day.isoformat(), sources)
        made.append(Reference(kind, f.put(element, tag, shown, shown, (where,), row), day))
    return tuple(made)


def _transport_code(f: Filling) -> str:
    found = codes("transport document", f.as_of).get(f.carriage.mode)
    return found.code("eaeu") if found else ""


def procedure(f: Filling, tag: str) -> Field[str]:
    found = codes("procedure", f.as_of)[f.side]
    code = found.code(f.side.codes)
    return f.put(2, tag, code, code, (), found.row)


def mode(f: Filling, tag: str) -> Field[str] | None:
    found = codes("mode", f.as_of).get(f.carriage.mode)
    if found is None:
        return None
    return f.put(11, tag, found.key, found.code(f.side.codes), ("carriage mode",), found.row)


def country(f: Filling, tag: str, member: str) -> Field[str] | None:
    country: str = getattr(f.carriage, member)
    if not country:
        f.lack(14, tag)
        return None
    text = country_alpha3(country) if f.side is Side.CN else country
    return f.put(14, tag, country, text, (f"carriage {member}",))


def commodity_code(f: Filling, item: Item, scheme: str, tag: str) -> Field[Code]:
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


def quantity(f: Filling, item: Item, tag: str, scheme: str) -> Field[Quantity]:
    line, at = item.line, str(item.number)
    code = unit_code(line.unit, scheme)
    if not code:
        f.lack(33, tag, f"the unit {line.unit} is not in the table", at)
    quantity = Quantity(line.quantity, unit(line.unit, "REC20") if code else None, code)
    return f.put(33, tag, quantity, number(line.quantity), item.pointers("quantity"), line=at)


def packages(f: Filling, tag: str) -> tuple[Packages, ...]:
    counts = [item.line.packages for item in f.items]
    if not counts or None in counts:
        f.lack(34, tag, "not every line states its packages")
        return ()
    count = sum(each for each in counts if each is not None)
    pointers = tuple(pointer for item in f.items for pointer in item.pointers("packages"))
    named = f.dataset.package_level
    kinds = codes("package", f.as_of)
    level = kinds.get(named) or kinds.get(meanings("package", "un", f.as_of).get(named, ""))
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
        known = level.key
    elif f.dataset.package_level:
        f.lack(
            35,
            "WrapType" if f.side is Side.CN else "PalleteCode",
            f"{f.dataset.package_level} has no code in the table",
        )
    return (Packages(f.put(34, tag, count, str(count), pointers), known),)  # fmt: skip


def boxes(f: Filling, tag: str) -> tuple[Field[str], ...]:
    return tuple(f.put(37, tag, each, each, (f"/boxes/{at}",)) for at, each in enumerate(f.dataset.boxes))
