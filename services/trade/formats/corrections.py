"""Drafts of amendments: the correction of an EAEU goods declaration (КДТ) and the entries of a Chinese modification (修改/撤销表). Nothing is sent.

Of box 45a the classes of change are written; the phase and the ground, whose classifiers are not known here, and payments that a change of value,
code, country or quantity moves, are "?" until somebody states them.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from typing import Any, Final

from services.trade.domain.amending import Consequence, Entry
from services.trade.domain.crosswalk import Side, elements
from services.trade.domain.filing import ChangeClass
from services.trade.domain.in_step_elements import crosswalk_number
from services.trade.domain.in_step_rules import Ground
from services.trade.domain.paper import Kind, Line, Reference, ReferenceKind
from services.trade.domain.values import Field, Place
from services.trade.formats import eaeu_writing
from services.trade.formats.filings import BOX_45A

UNKNOWN: Final = "?"
_MOVES_PAYMENTS: Final = frozenset(
    {ChangeClass.COST, ChangeClass.CODE, ChangeClass.COUNTRY, ChangeClass.QUANTITY}
)


def modification(
    consequence: Consequence, ground: Ground | None, grounds: tuple[Ground, ...], as_of: date
) -> dict[str, Any]:
    """The entries of a Chinese modification as JSON: what to apply for, on which ground of Order 220; without one, the grounds to choose from."""
    return {
        "form": "进出口货物报关单修改/撤销表",
        "draft": True,
        "sent": False,
        "declaration": consequence.current.filing.declaration,
        "action": "修改",
        "ground": None if ground is None else _ground(ground),
        "grounds": [] if ground is not None else [_ground(each) for each in grounds],
        "entries": [_entry(each, as_of) for each in consequence.entries],
    }


def _ground(ground: Ground) -> dict[str, str]:
    return {"code": ground.code, "text": ground.words["zh"], "source": ground.source}


def _entry(entry: Entry, as_of: date) -> dict[str, Any]:
    box = elements(as_of)[crosswalk_number(entry.element)].boxes.get(Side.CN)
    return {
        "item": entry.item or None,
        "field": box.title if box else None,
        "tags": list(box.tags) if box else [],
        "element": entry.element,
        "before": entry.before,
        "after": entry.after,
    }


def box_45a(entries: Iterable[Entry], phase: str = UNKNOWN, ground: str = UNKNOWN) -> str:
    """The eight characters: phase, ground, and of each class 1 where an entry is of it."""
    classes = {each.change_class for each in entries}
    marks = ["1" if each in classes else "0" for each in BOX_45A]
    if classes & _MOVES_PAYMENTS:
        marks[BOX_45A.index(ChangeClass.PAYMENT)] = UNKNOWN
    return f"{phase or UNKNOWN}{ground or UNKNOWN}{''.join(marks)}"


def correction(consequence: Consequence, as_of: date, phase: str = UNKNOWN, ground: str = UNKNOWN) -> bytes:
    """The КДТ of a goods declaration: the items that change, whole, each with its box 45a; raises Unwritable.

    An item whose price changes has no customs value: it has to be computed anew.
    """
    current, amended = consequence.current, consequence.amended
    declaration = current.filing.declaration
    number = f"{declaration}/{len(current.applied) + 1:02}"
    made = uuid.uuid5(uuid.NAMESPACE_URL, "/".join((number, *(repr(each) for each in consequence.entries))))
    items = {each.item for each in consequence.entries if each.item}
    named = [declaration, *([current.filing.declared.id] if current.filing.declared.id else [])]
    paper = replace(
        amended,
        kind=Kind.EAEU_CORRECTION,
        id=str(made).upper(),
        number=_field(number, amended.place),
        day=None,
        references=(
            *amended.references,
            *(Reference(ReferenceKind.DECLARATION, _field(each, amended.place)) for each in named),
        ),
        lines=tuple(
            _item(line, consequence, phase, ground) for line in amended.lines if line.number in items
        ),
        change=None if items else _field(box_45a(consequence.entries, phase, ground), amended.place),
    )
    return eaeu_writing.write(paper, as_of)


def _item(line: Line, consequence: Consequence, phase: str, ground: str) -> Line:
    entries = [each for each in consequence.entries if each.item in ("", line.number)]
    moved = any(each.item and each.change_class is ChangeClass.COST for each in entries)
    return replace(
        line,
        customs_value=None if moved else line.customs_value,
        change=_field(box_45a(entries, phase, ground), line.place),
    )


def _field(text: str, place: Place) -> Field[str]:
    return Field(text, text, place)
