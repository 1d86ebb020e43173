"""Hand-overs and advance lists: claims about what is listed, and the list itself, found from the other side's."""

from __future__ import annotations

from schemas.events.base import ObjectKind
from schemas.events.keys import canonical_key, canonical_place
from schemas.events.movement import AdvanceListSent, HandedOver
from services.domain.facts import Facts, Handover
from services.domain.handovers import ADVANCE, border
from services.domain.interpretation.milestones import claims_of
from services.domain.interpretation.statement import Statement
from services.domain.objects import Thing

MEETING = ObjectKind.PLACE
"""A hand-over is also filed under its border and run, so that either side's list can be found from the other's."""


def meeting(border: str, occurrence: str) -> Thing:
    """The object under which both sides' lists of one hand-over are found."""
    return Thing(MEETING, f"handover:{border}/{occurrence}")


def handover(statement: Statement, payload: HandedOver | AdvanceListSent) -> Facts:
    """Claims about everything listed and about the meeting of both sides, and the list of boxes itself."""
    place = canonical_place(payload.place)
    side = border(place, {statement.publisher.code, payload.counterparty, *statement.publisher.managers})
    meet = meeting(side, payload.occurrence)
    claims = claims_of(statement, payload, extra=(meet,))
    boxes = frozenset(o.key for o in payload.objects if o.kind is ObjectKind.CONTAINER)
    trains = [Thing(o.kind, o.key) for o in payload.objects if o.kind is ObjectKind.TRAIN] or _named(payload)
    listed = Handover(
        event=statement.event,
        publisher=statement.publisher.code,
        published=statement.published,
        happened=payload.happened_micros,
        train=min(trains, default=None),
        place=place,
        occurrence=payload.occurrence,
        side=payload.side if isinstance(payload, HandedOver) else ADVANCE,
        containers=boxes,
        territorial=any(claim.territorial for claim in claims),
        border=side,
        counterparty=payload.counterparty,
    )
    return Facts(claims=claims, handovers=frozenset({listed}))


def _named(payload: HandedOver | AdvanceListSent) -> list[Thing]:
    """The train of its own side that a list names beside its objects; a bare number names none."""
    took = isinstance(payload, HandedOver) and payload.side == "RECEIVING"
    text = payload.received_train if isinstance(payload, HandedOver) and took else payload.delivered_train
    key = canonical_key(ObjectKind.TRAIN, text) if text else ""
    return [Thing(ObjectKind.TRAIN, key)] if key.count("/") >= 2 else []
