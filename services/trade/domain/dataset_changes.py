"""What one version of a dataset states otherwise than another, by the elements of the crosswalk."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from services.trade.domain.dataset import Dataset
from services.trade.domain.in_step_elements import ELEMENTS
from services.trade.domain.paper import ChargeKind, ReferenceKind, Role
from services.trade.domain.values import Code, number


@dataclass(frozen=True, slots=True)
class Change:
    """What differs between two versions: an element, the dataset line ("" for the whole), and both values as stated."""

    element: str
    line: str
    before: str
    after: str


_LINE: Final = {"21": "amount", "24": "code", "25": "description", "27": "origin", "30": "gross", "31": "net", "33": "quantity", "34": "packages"}  # fmt: skip
_HEAD: Final = {"17": "terms", "20": "currency", "37": "boxes"}


def changes(old: Dataset, new: Dataset) -> tuple[Change, ...]:
    """What ``new`` states otherwise than ``old``, in the order of the crosswalk; lines that came or went are of element 23."""
    found = [
        Change(element, "", _text(getattr(old, member)), _text(getattr(new, member)))
        for element, member in _HEAD.items()
    ]
    for kind, element in (
        (ReferenceKind.CONTRACT, "8"),
        (ReferenceKind.INVOICE, "9"),
        (ReferenceKind.TRANSPORT, "10"),
    ):
        found.append(
            Change(
                element,
                "",
                *(_text([p.number for p in each.papers if p.kind is kind]) for each in (old, new)),
            )
        )
    for kinds, element in ((FREIGHT, "18"), (_OTHERS, "19")):
        found.append(
            Change(
                element,
                "",
                *(_text([c.amount for c in each.charges if c.kind in kinds]) for each in (old, new)),
            )
        )
    for role, element in ((Role.CONSIGNOR, "3"), (Role.CONSIGNEE, "5")):
        found.append(
            Change(
                element,
                "",
                *(_text([p.number for p in each.parties if p.role is role]) for each in (old, new)),
            )
        )
    before, after = ({line.id: line for line in each.lines} for each in (old, new))
    for id in sorted(before.keys() | after.keys()):
        if id in before and id in after:
            for element, member in _LINE.items():
                found.append(
                    Change(element, id, *(_text(getattr(each[id], member)) for each in (before, after)))
                )
        else:
            found.append(Change("23", id, id if id in before else "", id if id in after else ""))
    order = ["23", *ELEMENTS]
    return tuple(
        sorted(
            (each for each in found if each.before != each.after),
            key=lambda each: (order.index(each.element), each.line),
        )
    )


FREIGHT: Final = frozenset({ChargeKind.FREIGHT})
_OTHERS: Final = frozenset({ChargeKind.INSURANCE, ChargeKind.OTHER})


def _text(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(_text(each) for each in value)
    if isinstance(value, Code):
        return value.digits
    return "" if value is None else number(value) if isinstance(value, Decimal) else str(value)
