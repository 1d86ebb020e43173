"""The papers of a trade as its events state them: invoice and packing list of its data, declarations as amended, rail notes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final, TypeVar

from schemas.events.document import NoteIssued
from services.trade.domain.dataset import Dataset, lineage
from services.trade.domain.filing import Filing, Phase
from services.trade.domain.in_step_filings import Correction, Current, assemble
from services.trade.domain.paper import Kind, Packages, Paper, PaperSet, Party, Reference, ReferenceKind, Role
from services.trade.domain.values import Field, Place
from services.trade.formats.dataset import papers

T = TypeVar("T")
_ENDED: Final = frozenset({Phase.REFUSED, Phase.CANCELLED})
"""Declarations that declare nothing any more."""


def day_of(at: int) -> date:
    """The UTC day of a moment in microseconds."""
    return datetime.fromtimestamp(at / 1_000_000, UTC).date()


def paper_sets(
    datasets: Mapping[str, Dataset],
    filings: Iterable[Filing],
    corrections: Iterable[Correction],
    notes: Sequence[Paper],
) -> tuple[tuple[PaperSet, ...], tuple[Paper, ...]]:
    """The papers of a trade, once for each version of its data that no other follows; and declarations of one number that state two things.

    ``datasets`` are the versions that count, by the ids of their events. Nobody decides here which of several versions holds.
    """
    several = tuple(filings)
    currents, _ = assemble(several, corrections)
    declared = tuple(paper for each in currents for paper in _declared(each))
    stated: dict[str, tuple[str, Dataset]] = {}
    for event, dataset in sorted(datasets.items()):
        stated.setdefault(dataset.digest, (event, dataset))
    heads = lineage(each for _, each in stated.values()).heads
    sets = tuple(
        PaperSet((*papers(dataset, event), *notes, *declared))
        for event, dataset in (stated[digest] for digest in heads)
    )
    certain = {(each.filing.declaration, each.filing.kind) for each in currents}
    doubles = tuple(
        _numbered(each.declared, each.declaration)
        for each in several
        if (each.declaration, each.kind) not in certain
    )
    return sets or ((PaperSet((*notes, *declared)),) if declared else ()), doubles


def _declared(current: Current) -> tuple[Paper, ...]:
    """What is declared now; of an EAEU declaration the original and what it was corrected to, which D30 compares."""
    filing = current.filing
    if filing.phase in _ENDED:
        return ()
    if filing.kind is not Kind.EAEU_DECLARATION or not current.applied:
        return (_numbered(current.declared, filing.declaration),)
    original = _numbered(filing.declared, filing.declaration)
    assert original.number is not None
    last = current.applied[-1]
    named = (Reference(ReferenceKind.DECLARATION, original.number),)
    number = Field(last.number, last.number, last.declared.place)
    return original, replace(
        last.declared, kind=Kind.EAEU_CORRECTION, number=number, references=named, by_customs=last.by_customs
    )


def _numbered(paper: Paper, declaration: str) -> Paper:
    if paper.number is not None:
        return paper
    number = declaration.partition("/")[2]
    return replace(paper, number=Field(number, number, Place(paper.place.file, "/objects")))


def note_paper(note: str, event: str, stated: NoteIssued, *, alone: bool, resealed: bool) -> Paper:
    """What ``event`` states of the rail note ``note``: masses where the note carries goods of one trade ``alone``, seals unless ``resealed``."""

    def field(value: T, written: object, at: str) -> Field[T]:
        return Field(value, str(written), Place(event, at))

    gross, count = (stated.gross_weight_kg, stated.package_quantity) if alone else (None, None)
    parties: list[Party] = []
    for role, of in ((Role.CONSIGNOR, "consignor_party"), (Role.CONSIGNEE, "consignee_party")):
        party: Any = getattr(stated, of)
        if party is not None and party.scheme != "PARTY":
            parties.append(Party(role, field(party.id, party.id, f"/{of}/id")))
    number = note.rsplit("/", 2)[-2] if note.count("/") >= 2 else note
    return Paper(
        Kind.RAIL_NOTE,
        Place(event, ""),
        number=field(note, number, "/objects"),
        day=field(day_of(stated.happened_micros), stated.happened, "/happened"),
        parties=tuple(parties),
        gross=None if gross is None else field(Decimal(gross), gross, "/gross_weight_kg"),
        packages=() if count is None else (Packages(field(count, count, "/package_quantity")),),
        seals=()
        if resealed
        else tuple(field(each, each, f"/seals/{n}") for n, each in enumerate(stated.seals)),
    )


def latest(several: Iterable[tuple[str, int, str, T]]) -> dict[str, tuple[str, T]]:
    """Of (name, moment, event, what it states) the last for each name, with its event."""
    found: dict[str, list[tuple[int, str, T]]] = defaultdict(list)
    for name, at, event, stated in several:
        found[name].append((at, event, stated))
    last = {name: max(each, key=lambda one: one[:2]) for name, each in found.items()}
    return {name: (event, stated) for name, (_, event, stated) in sorted(last.items())}
