"""Amendments and cancellations of WCO DEC declarations: each pointer (sections by class, with an ordinal, and a tag) and the value that it states.

An amendment repeats of the declaration what it changes, and points to it. A pointer to a section that the amendment does not repeat takes
it away; one without a tag puts the whole section in; one with a tag puts in that value, and the section where it is new. Ordinals of sections that
may stand once only say nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from types import MappingProxyType
from typing import Final

from schemas.reasons import Reason, Refusal
from services.producers.formats import markup
from services.producers.formats.markup import Node
from services.trade.domain.paper import Paper
from services.trade.domain.values import plain, table
from services.trade.formats import wco

_ROOT: Final = "42A"
_ITEM: Final = "GovernmentAgencyGoodsItem"


@dataclass(frozen=True, slots=True)
class Step:
    """A section of a pointer: the name of its element, which of several (from 1; of goods items their own number), and whether there may be several.

    ``stated`` is the section as the amendment repeats it, None where it does not.
    """

    name: str
    ordinal: int
    repeated: bool
    stated: Node | None = None


@dataclass(frozen=True, slots=True)
class Pointed:
    """One change: the sections down to it, the element ("" for the whole section), what is stated there (None where it is taken away), and why by code."""

    steps: tuple[Step, ...]
    name: str
    node: Node | None
    reason: str

    @property
    def value(self) -> str | None:
        """The text that is stated; None of a section or of what is taken away."""
        return self.node.text if self.node is not None and self.name else None


@dataclass(frozen=True, slots=True)
class Amending:
    """An additional message: of which declaration, its changes in order; ``cancels`` where it takes back the whole, and why in words."""

    declaration: str
    changes: tuple[Pointed, ...]
    cancels: bool
    statement: str


@cache
def _elements() -> Mapping[tuple[str, str], tuple[str, bool]]:
    return MappingProxyType(
        {(row["section"], row["tag"]): (row["name"], bool(row["repeated"])) for row in table("wco_pointers")}
    )


def read(content: bytes) -> Amending:
    """The amendment or cancellation in ``content``; raises Refusal for another message, and with its place for a pointer to nothing known."""
    root = _declaration(markup.read(content))
    if plain(root.value("FunctionCode")) != "13":
        raise Refusal(
            Reason.INVALID_SCHEMA,
            "The message is neither an amendment nor a cancellation.",
            f"{root.path}/FunctionCode",
            "Give a message of function 13.",
        )
    statements = " ".join(node.value("StatementDescription") for node in root.all("AdditionalInformation"))
    if plain(root.value("TypeCode")).upper() == "INV":
        return Amending(root.value("ID"), (), True, statements)
    return Amending(
        root.value("ID"), tuple(_pointed(root, each) for each in root.all("Amendment")), False, statements
    )


def amended(declaration: bytes, *amendments: bytes) -> Node:
    """The declaration in ``declaration`` with what ``amendments`` state, in their order; raises Refusal, also for a cancellation."""
    root = _declaration(markup.read(declaration))
    for each in amendments:
        amending = read(each)
        if amending.cancels:
            raise Refusal(Reason.INVALID_SCHEMA, "The declaration was cancelled.", root.path, "Leave it out.")
        for change in amending.changes:
            root = _put(root, change.steps, change)
    return root


def paper(declaration: bytes, amendments: Sequence[bytes], file: str, as_of: date) -> Paper:
    """What is declared once ``amendments`` are applied; places are paths in the messages that state the values."""
    return wco.read(amended(declaration, *amendments), file, as_of)


def _declaration(root: Node) -> Node:
    found = next((node for node in root.walk() if node.name in wco.ROOTS), None)
    if found is None:
        raise Refusal(
            Reason.UNREADABLE_FILE, "The message holds no declaration.", root.path, "Give a WCO DEC message."
        )
    return found


def _pointed(root: Node, amendment: Node) -> Pointed:
    """The change that an amendment points to, and what the message states there."""
    section, name = _ROOT, ""
    steps: list[Step] = []
    node: Node | None = root
    for pointer in amendment.all("Pointer"):
        code, tag = pointer.value("DocumentSectionCode"), pointer.value("TagID")
        if code != _ROOT or steps:
            element, repeated = _named(section, code, pointer)
            ordinal = pointer.value("SequenceNumeric")
            step = Step(element, int(ordinal) if ordinal.isdigit() else 1, repeated)
            node = None if node is None else _nth(node, step, lenient=True)
            steps.append(replace(step, stated=node))
            section = code
        if tag:
            name = _named(section, tag, pointer)[0]
    if node is not None and name:
        node = node.find(name)
    return Pointed(tuple(steps), name, node, amendment.value("ChangeReasonCode"))


def _named(section: str, tag: str, pointer: Node) -> tuple[str, bool]:
    found = _elements().get((section, tag))
    if found is None:
        raise Refusal(
            Reason.INVALID_SCHEMA,
            f"The pointer names {tag[:10]}, which section {section} does not have.",
            pointer.path,
            "Give the class and tag of the WCO data model 3.6.",
        )
    return found


def _nth(above: Node, step: Step, *, lenient: bool = False) -> Node | None:
    """The child that a step means. ``lenient``: an amendment may repeat only the one that it changes."""
    found = above.all(step.name)
    if not step.repeated:
        return found[0] if found else None
    if step.name == _ITEM:
        return next((each for each in found if each.value("SequenceNumeric") == str(step.ordinal)), None)
    if step.ordinal <= len(found):
        return found[step.ordinal - 1]
    return found[0] if lenient and len(found) == 1 else None


def _put(node: Node, steps: Sequence[Step], change: Pointed) -> Node:
    """``node`` with the change below it."""
    if not steps:
        if not change.name:
            return node if change.node is None else change.node
        others = [each for each in node.children if each.name != change.name]
        at = next((n for n, each in enumerate(node.children) if each.name == change.name), len(others))
        return node.with_children(
            others if change.node is None else [*others[:at], change.node, *others[at:]]
        )
    step, rest = steps[0], steps[1:]
    old = _nth(node, step)
    taken_away = change.node is None and not rest and not change.name
    if old is None:
        if change.node is None or step.stated is None:
            return node
        own = step.stated.all("SequenceNumeric") if step.name == _ITEM else ()
        return node.with_children([*node.children, _put(step.stated.with_children(own), rest, change)])
    return node.with_children(
        [
            _put(each, rest, change) if each is old else each
            for each in node.children
            if each is not old or not taken_away
        ]
    )
