"""Drafts of declarations: what one version of a dataset gives the Chinese export declaration, the EAEU's import and its transit.

A draft is a paper whose values each tell where in the dataset they stand, by which row of the crosswalk and of which table they were
made. Nothing is guessed: what the dataset and the tables do not give is a gap with who can give it, what the law makes different
is listed, and what the form takes otherwise than stated is remarked. Nothing is sent anywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import TypeVar

from services.trade.domain.crosswalk import Element, Giver, Relation, Side, TableRow, codes, elements
from services.trade.domain.dataset import Dataset, DatasetLine
from services.trade.domain.filing import LineLink
from services.trade.domain.paper import Paper, Remark
from services.trade.domain.values import Field, Place, plain

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Carriage:
    """What of the carriage a dataset does not hold: mode at the border (SEA, RAIL, ROAD, AIR), countries (alpha-2).

    ``lodged_in`` is that whose customs takes the declaration; of an import it is the destination where it is not given.
    """

    mode: str = ""
    dispatch: str = ""
    destination: str = ""
    lodged_in: str = ""


@dataclass(frozen=True, slots=True)
class Value:
    """A value of a draft as it is written: its element, the item ("" for the head), and what it was made from.

    ``sources`` are JSON pointers into the version of the dataset, or members of the carriage; empty where a table alone decides.
    """

    element: Element
    tag: str
    line: str
    text: str
    sources: tuple[str, ...]
    row: TableRow | None = None


@dataclass(frozen=True, slots=True)
class Gap:
    """What the declaration asks for and neither dataset nor tables give: ``giver`` can; ``line`` is "" for the head or all items."""

    element: Element
    tag: str
    line: str
    giver: Giver
    why: str = ""


@dataclass(frozen=True, slots=True)
class Draft:
    """Declaration ``part`` of ``parts`` that one version of a dataset gives one side under the tables of ``as_of``.

    ``paper`` is what is written; ``links``: which lines of the dataset each item states; ``different``: the elements that the law
    makes different on the two sides; ``structure``: the row by which the form of the message was chosen.
    """

    side: Side
    dataset: str
    version: str
    as_of: date
    part: int
    parts: int
    structure: TableRow | None
    paper: Paper
    values: tuple[Value, ...]
    gaps: tuple[Gap, ...]
    different: tuple[Element, ...]
    links: tuple[LineLink, ...]
    remarks: tuple[Remark, ...]


@dataclass(frozen=True, slots=True)
class Item:
    """One item of a declaration: its number there, the positions of the dataset's lines in it, and what they state together."""

    number: int
    members: tuple[int, ...]
    line: DatasetLine

    def pointers(self, member: str) -> tuple[str, ...]:
        """The JSON pointers of ``member`` of its lines."""
        return tuple(f"/lines/{at}/{member}" for at in self.members)


@dataclass
class Filling:
    """One declaration while it is filled in: keeps with each value what it was made from, and what is missing."""

    dataset: Dataset
    side: Side
    as_of: date
    carriage: Carriage
    items: Sequence[Item]
    values: list[Value] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    remarks: list[Remark] = field(default_factory=list)

    @property
    def file(self) -> str:
        """What the places of values name: the dataset and its version."""
        return f"{self.dataset.reference} version {self.dataset.version}"

    def put(
        self,
        number: int,
        tag: str,
        value: T,
        text: str,
        sources: Sequence[str] = (),
        row: TableRow | None = None,
        line: str = "",
    ) -> Field[T]:
        """The value of element ``number``, written as ``text`` under ``tag``."""
        self.values.append(Value(elements(self.as_of)[number], tag, line, text, tuple(sources), row))
        return Field(value, text, Place(self.file, sources[0] if sources else ""))

    def fit(self, text: str, limit: str, at: str, tag: str) -> tuple[str, TableRow]:
        """``text`` as long as the side's form takes it, with the row that says so; what is cut off is remarked."""
        row = codes("limit", self.as_of)[limit]
        most = row.code(self.side.codes)
        whole = plain(text)
        shown = whole[: int(most)].rstrip() if most else whole
        if shown != whole:
            self.remark(
                at,
                f"{tag} takes {most} characters; it is cut off.",
                "Show the whole of it in the paper itself.",
            )
        return shown, row.row

    def lack(self, number: int, tag: str, why: str = "", line: str = "") -> None:
        """Note that ``tag`` of element ``number`` is missing, where the side has it."""
        element = elements(self.as_of)[number]
        box = element.boxes.get(self.side)
        if box is not None and box.giver is not None:
            self.gaps.append(Gap(element, tag, line, box.giver, why))

    def remark(self, at: str, text: str, remedy: str) -> None:
        """Note what the form takes otherwise than the dataset states it at ``at``."""
        self.remarks.append(Remark(Place(self.file, at), text, remedy))

    def draft(self, paper: Paper, part: int, parts: int, structure: TableRow | None) -> Draft:
        """The declaration; each element that nothing gave is a gap."""
        known = {each.element.number for each in self.values} | {each.element.number for each in self.gaps}
        for number, element in elements(self.as_of).items():
            if number not in known and self.side in element.boxes:
                self.lack(number, " ".join(element.boxes[self.side].tags))
        return Draft(
            self.side,
            self.dataset.reference,
            self.dataset.digest,
            self.as_of,
            part,
            parts,
            structure,
            paper,
            tuple(self.values),
            tuple(sorted(self.gaps, key=lambda gap: gap.element.number)),
            tuple(
                each
                for each in elements(self.as_of).values()
                if each.relation not in (Relation.SAME, Relation.CONVERT)
            ),
            tuple(
                LineLink(self.dataset.lines[at].id, str(item.number))
                for item in self.items
                for at in item.members
            ),
            tuple(self.remarks),
        )


def total(values: Sequence[Decimal | None]) -> Decimal | None:
    """The sum; None where a value is missing or there is none."""
    known = [value for value in values if value is not None]
    return sum(known, Decimal(0)) if known and len(known) == len(values) else None
