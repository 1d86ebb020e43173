"""The drafts of a dataset: the declarations of each side that it gives, with ids and the structure of the day."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Final
from uuid import UUID, uuid5

from services.trade.domain.crosswalk import Side, TableRow, codes
from services.trade.domain.dataset import Dataset, DatasetLine
from services.trade.domain.draft import Carriage, Draft, Filling, Item, total
from services.trade.domain.draft_cn import chinese
from services.trade.domain.draft_eaeu import eaeu

_DOCUMENTS: Final = UUID("5b1d6a0e-5a3c-5d2f-9c0c-3d8f3a3c9a11")
"""The name space of the ids of drafts as documents."""
STRUCTURE: Final = "5.23.0"
"""The structure of the EAEU's documents that is written, in force until 31 March 2026."""


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
            filling.remark(
                "/lines",
                f"Declaration {part + 1} of {len(divided)}: more than {most} items.",
                "Lodge all of them.",
            )
        for role, count in Counter(party.role for party in dataset.parties).items():
            if count > 1:
                filling.remark("/parties", f"{role} stands {count} times; the first was taken.", "State one.")
        paper = chinese(filling, divided, part) if side is Side.CN else eaeu(filling)
        if side is not Side.CN:
            paper = replace(paper, id=str(uuid5(_DOCUMENTS, f"{dataset.digest} {side} {part}")))
        made.append(filling.draft(paper, part + 1, len(divided), _structure(filling)))
    return tuple(made)


def items(lines: Sequence[DatasetLine], limit: int) -> tuple[tuple[Item, ...], ...]:
    """The items of each declaration, in the order of the dataset, at most ``limit`` a declaration.

    Where there are more lines than that, those alike in commodity code, description, origin, unit and unit price become one item,
    with the sums of the others; an item stands where its first line does. What is still too many goes on in a further declaration.
    """
    groups: list[list[int]] = [[at] for at in range(len(lines))]
    if len(lines) > limit:
        alike: dict[tuple[object, ...], list[int]] = {}
        for at, each in enumerate(lines):
            key = (each.code, each.description, each.origin, each.unit, each.price)
            alike.setdefault(key, []).append(at)
        groups = list(alike.values())
    return tuple(
        tuple(
            Item(number, tuple(group), _together([lines[at] for at in group]))
            for number, group in enumerate(groups[start : start + limit], 1)
        )
        for start in range(0, len(groups), limit)
    )


def _together(lines: Sequence[DatasetLine]) -> DatasetLine:
    counts = [each.packages for each in lines]
    return replace(
        lines[0],
        quantity=sum((each.quantity for each in lines), Decimal(0)),
        amount=sum((each.amount for each in lines), Decimal(0)),
        gross=total([each.gross for each in lines]),
        net=total([each.net for each in lines]),
        packages=None if None in counts else sum(count for count in counts if count is not None),
    )


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
