"""The heads of a consignment and of a train: caches of the view for lists, counts and gauges.

The store computes heads in SQL, one statement a batch; these functions are the rule that it must equal (property tests and
fsck compare them). Facts that arrive only by train or wagon are left out of a consignment's head, so that one train's
milestone does not rewrite fifty heads; the view is derived on read. For the same reason a declarant's own number and that of
customs are two objects here: a head may count both where the view counts one. And a head knows no planned route, by which the
view decides which of two places comes first where clocks are near.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from schemas import railnet
from schemas.events import catalogue
from schemas.events.base import Region
from services.domain import derive, exceptions
from services.domain.claim_groups import answers
from services.domain.evidence import group_evidence
from services.domain.exceptions import open_exceptions
from services.domain.facts import FOREVER, Claim, EventId, Facts, LinkKind, Micros
from services.domain.objects import Thing
from services.domain.view import Arrival, ClaimStatus, Position

RUNNING = catalogue.spec("cre.movement.position_reported.v1").number
"""A running position, which is no step of the journey."""


@dataclass(frozen=True, slots=True)
class TrainHead:
    """A train's latest milestone, its latest fact with a place, and its open exceptions. Every publisher counts about a train.

    The latest are those of the clock: the order of the journey is that of the cargo.
    """

    milestone: Claim | None
    position: Claim | None
    exceptions: int


def train_head(claims: Iterable[Claim]) -> TrainHead:
    """The head that the live ``claims`` about one train give to it."""
    questions = answers(claims).values()
    current = [claim for given in questions for claim in given.current]
    arrivals = [Arrival(claim, ClaimStatus.COUNTED, False, True, True, frozenset()) for claim in current]
    shown = {given.shown for given in questions}
    moving = [arrival for arrival in arrivals if arrival.claim in shown and derive.moves(arrival.claim)]
    milestone = derive.best(a for a in moving if a.claim.milestone != RUNNING)
    position = derive.best(a for a in moving if a.claim.place)
    return TrainHead(
        None if milestone is None else milestone.claim,
        None if position is None else position.claim,
        len(open_exceptions(arrivals)),
    )


_NAMES = frozenset({LinkKind.SAME_TRAIN})
UNIONS = ("CN", "EAEU", "EU", "OTHER")


@dataclass(frozen=True, slots=True)
class Stage:
    """A region's latest fact in a head: when, which milestone, where, and its event."""

    at: Micros
    milestone: int
    place: str
    event: EventId


@dataclass(frozen=True, slots=True)
class Head:
    """Movement of the least advanced box, customs by union, document, and the counts.

    ``last_clock`` is the greatest time of what moves the boxes that are waited for: with it a later fact is merged exactly.
    """

    consignment: Thing
    movement: Stage | None
    boxes: int  # counted boxes that hold cargo
    behind: int
    customs: tuple[Stage | None, Stage | None, Stage | None, Stage | None]  # in the order of UNIONS
    document: Stage | None
    disputes: int
    exceptions: int
    last_clock: Micros


def head(facts: Facts, consignment: Thing) -> Head | None:
    """The head that ``facts`` give to the group of ``consignment``; None where it was never founded."""
    group = group_evidence(facts, consignment, FOREVER, _NAMES)
    if group is None:
        return None
    counted = [a for a in group.arrivals if a.status is ClaimStatus.COUNTED and not a.by_train]
    speaking = [a for a in counted if a.claim in group.shown]
    boxes = derive.boxes_of(group, counted, FOREVER)
    waited = {box.container for box in derive.holding(boxes)}
    held = len(waited)
    movement, behind = derive.least_advanced(boxes, speaking)
    moving = [a for a in speaking if a.claim.region is Region.MOVEMENT and derive.moves(a.claim)]
    documents = (a for a in speaking if a.claim.region is Region.DOCUMENT and derive.moves(a.claim))
    here = (given for given in group.current.values() if not given.question.thing.rides)
    return Head(
        consignment=min(group.members, key=lambda thing: thing.id),
        movement=_stage(movement),
        boxes=held,
        behind=behind,
        customs=_customs(speaking),
        document=_stage(derive.best(documents)),
        disputes=len(derive.disputes(here)),
        exceptions=len(exceptions.open_exceptions(counted, group.parts, held)),
        last_clock=max((a.claim.happened for a in moving if a.containers <= waited), default=0),
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
