"""What documents of the EAEU album have in common as they are written: the root with its constants, parties, referred documents, descriptions."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Final

from services.trade.domain.crosswalk import codes
from services.trade.domain.paper import Line, Party, Reference
from services.trade.domain.values import Field, Money, number
from services.trade.formats.writing import Part, always, branch, document, leaf, parts_of

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


def album_message(root: Part, own: str, *prefixes: str, encoding: str = "UTF-8") -> bytes:
    """The document of ``root`` in its own namespace and those of ``prefixes``, with the constant that names its kind."""
    marked = root._replace(attributes=(("DocumentModeID", _MODES[root.name]),))
    return document(marked, {"": _ALBUM + own, **{each: _COMMON[each] for each in prefixes}}, encoding)


def plain_number(value: Field[Decimal] | Field[Money] | Decimal | None) -> str | None:
    """A number or the number of an amount, without needless zeros; None for none."""
    if value is None:
        return None
    found = value.value if isinstance(value, Field) else value
    return number(found.amount if isinstance(found, Money) else found)


REGISTERS: Final = {
    10: ("cat:RFOrganizationFeatures", "cat:INN"),
    12: ("cat:RKOrganizationFeatures", "cat:BIN"),
    9: ("cat:RBOrganizationFeatures", "cat:UNP"),
}
"""Where a party's number stands, by its digits: of legal persons of Russia, Kazakhstan and Belarus."""


def party_part(name: str, party: Party | None, *, required: bool = False) -> Part | None:
    """A party with its name and, by its digits, the register of its number; None where nothing is known and it is not required."""
    id = party.id.value if party and party.id else ""
    features, number_of = REGISTERS.get(len(id) if id.isdigit() else 0, ("", ""))
    made = branch(
        name,
        leaf("cat:OrganizationName", party.name if party else None),
        branch(features, leaf(number_of, id)) if features else None,
    )
    return made or (always(name) if required else None)


def document_part(name: str, reference: Reference | None, mode: str = "") -> Part | None:
    """A document that is referred to, by number and day; None for none."""
    if reference is None:
        return None
    return branch(
        name,
        leaf("cat:PrDocumentNumber", reference.number),
        leaf("cat:PrDocumentDate", reference.day),
        leaf("esad:PresentedDocumentModeCode", mode),
    )


def described_parts(line: Line, most: int | None = None) -> tuple[str, ...]:
    """The description in parts of the length that the schema allows, at most ``most`` of them."""
    return parts_of(line.description.value, _PART, most) if line.description else ()


def package_code(level: str, as_of: date) -> str:
    """The code of the kind of packages on that day, "" where there is none."""
    found = codes("package", as_of).get(level)
    return found.code("eaeu") if found else ""
