"""What closes a place or a line, and what opens it again: facts about the place, which meet cargo on read."""

from __future__ import annotations

from schemas.envelope import event_id
from schemas.events.keys import canonical_place
from schemas.events.network import Restricted, RestrictionLifted
from services.domain.facts import Facts, Lifting, Restriction
from services.domain.interpretation.statement import Statement


def restricted(statement: Statement, payload: Restricted) -> Facts:
    """The restriction of a place, by an authority where the place is its own."""
    place = canonical_place(payload.place)
    restriction = Restriction(
        event=statement.event,
        publisher=statement.publisher.code,
        published=statement.published,
        place=place,
        kind=payload.kind,
        direction=payload.direction,
        commodities=tuple(payload.commodities),
        start=payload.from_micros,
        end=payload.to_micros,
        territorial=statement.publisher.covers(payload.spec, "", place),
    )
    return Facts(restrictions=frozenset({restriction}))


def lifted(statement: Statement, payload: RestrictionLifted) -> Facts:
    """The end of a restriction of the same source; of any other, nothing."""
    if payload.restriction.source != statement.source:
        return Facts()  # only the source that restricted can lift; kept, without effect
    target = event_id(payload.restriction.source, payload.restriction.id)
    return Facts(liftings=frozenset({Lifting(statement.event, target, payload.at_micros)}))
