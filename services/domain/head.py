"""The head of a consignment: a small cache of its view for lists, counts and gauges.

The store computes heads in SQL, in one statement per batch; this is the rule it must equal (property tests and fsck
hold the two together). Facts that arrive only through trains and wagons are left out: a train has a head of its own
and the full view is derived on read, so one train's milestone does not rewrite fifty heads. For the same reason a
declaration's own number and that of customs are two things here: a head may count what is open under both, the view does
not. Whoever asks by either number is answered from the view, so both answer the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from schemas import railnet
from schemas.events.base import Region
from services.domain import derive, exceptions
from services.domain.evidence import gather
from services.domain.facts import FOREVER, EventId, Facts, LinkKind, Micros
from services.domain.objects import Thing
from services.domain.view import Arrival, Position, Standing

_NAMES = frozenset({LinkKind.SAME_TRAIN})
UNIONS = ("CN", "EAEU", "EU", "OTHER")


@dataclass(frozen=True, slots=True)
class Stage:
    """A region's latest fact in a head: when, which milestone, where, and the event that says so."""

    at: Micros
    milestone: int
    place: str
    event: EventId


@dataclass(frozen=True, slots=True)
class Head:
    """Movement of the least advanced box, customs by union, document, and the counts."""

    consignment: Thing
    movement: Stage | None
    boxes: int  # counted boxes that hold cargo
    behind: int
    customs: tuple[Stage | None, Stage | None, Stage | None, Stage | None]  # in the order of UNIONS
    document: Stage | None
    disputes: int
    exceptions: int


def head(facts: Facts, consignment: Thing) -> Head | None:
    """The head that ``facts`` give to the group of ``consignment``; None where it was never founded."""
    gathered = gather(facts, consignment, FOREVER, _NAMES)
    if gathered is None:
        return None
    counted = [a for a in gathered.arrivals if a.standing is Standing.COUNTED and not a.by_train]
    speaking = [a for a in counted if a.claim in gathered.shown]
    boxes = derive.boxes_of(gathered, counted, FOREVER)
    held = len(derive.holding(boxes))
    movement, behind = derive.least_advanced(boxes, speaking)
    documents = (a for a in speaking if a.claim.region is Region.DOCUMENT and derive.moves(a.claim))
    here = (given for given in gathered.current.values() if not given.question.thing.rides)
    return Head(
        consignment=min(gathered.members, key=lambda thing: thing.id),
        movement=_stage(movement),
        boxes=held,
        behind=behind,
        customs=_customs(speaking),
        document=_stage(derive.best(documents)),
        disputes=len(derive.disputes(here)),
        exceptions=len(exceptions.open_exceptions(counted, gathered.parts, held)),
    )


def _customs(
    counted: Iterable[Arrival],
) -> tuple[Stage | None, Stage | None, Stage | None, Stage | None]:
    by_union: dict[str, Position] = {}
    for code, position in derive.customs_positions(counted):
        union = railnet.customs_union(code)
        present = by_union.get(union)
        if present is None or position.rank > present.rank:
            by_union[union] = position
    china, eurasian, european, other = (_stage(by_union.get(union)) for union in UNIONS)
    return china, eurasian, european, other


def _stage(position: Position | None) -> Stage | None:
    if position is None:
        return None
    claim = position.claim
    return Stage(claim.happened, claim.milestone, claim.place, claim.event)
