"""Hand-over between railways: confirmed only when both sides have signed, and for the same set of boxes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from services.core.facts import Handover, Micros
from services.core.rules import UNMATCHED_AFTER
from services.core.view import HandoverState, HandoverView

ADVANCE, DELIVERING, RECEIVING = "ADVANCE", "DELIVERING", "RECEIVING"


def compare(handovers: Iterable[Handover], as_of: Micros) -> tuple[HandoverView, ...]:
    """Set what each side signed against the other, per place and run, ordered by them.

    An advance list alone is no hand-over; it only shows what was announced and then handed over by nobody.
    """
    meetings: dict[tuple[str, str], list[Handover]] = defaultdict(list)
    for handover in handovers:
        meetings[handover.place, handover.occurrence].append(handover)
    views = (_meet(place, run, told, as_of) for (place, run), told in sorted(meetings.items()))
    return tuple(view for view in views if view is not None)


def _meet(place: str, occurrence: str, told: list[Handover], as_of: Micros) -> HandoverView | None:
    current: dict[tuple[str, str], Handover] = {}
    for handover in told:
        key = handover.side, handover.publisher
        present = current.get(key)
        if present is None or (handover.published, handover.event) > (present.published, present.event):
            current[key] = handover
    sides: dict[str, list[Handover]] = defaultdict(list)
    for (side, _), handover in sorted(current.items()):
        sides[side].append(handover)
    if not sides[DELIVERING] and not sides[RECEIVING]:
        return None
    delivered = frozenset[str]().union(*(h.containers for h in sides[DELIVERING]))
    received = frozenset[str]().union(*(h.containers for h in sides[RECEIVING]))
    announced = frozenset[str]().union(*(h.containers for h in sides[ADVANCE]))
    both = bool(sides[DELIVERING] and sides[RECEIVING])
    first = min(h.happened for h in (*sides[DELIVERING], *sides[RECEIVING]))
    if not both:
        state = HandoverState.ONE_SIDED
    else:
        state = HandoverState.CONFIRMED if delivered == received else HandoverState.DIFFERENT
    return HandoverView(
        place=place,
        occurrence=occurrence,
        state=state,
        delivering=tuple(h.publisher for h in sides[DELIVERING]),
        receiving=tuple(h.publisher for h in sides[RECEIVING]),
        missing=delivered - received if both else frozenset(),
        surplus=received - delivered if both else frozenset(),
        announced_only=announced - delivered - received,
        unmatched=not both and as_of - first > UNMATCHED_AFTER,
    )
