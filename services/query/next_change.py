"""The next moment at which a view may differ though nothing new is known. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from schemas.events.base import Classifier
from services.domain.facts import FOREVER, FREEING, Facts, Micros
from services.domain.rules import SILENT_AFTER, UNMATCHED_AFTER, rules
from services.domain.view import ClaimStatus, HandoverState, View


def next_change(facts: Facts, view: View, as_of: Micros) -> Micros:
    """A moment after ``as_of`` until which ``view``, derived from ``facts`` as of then, stays as it is; FOREVER where only news change it.

    ``services.domain.derive`` gives an equal view at each moment in [``as_of``, the result): time enters it by comparisons alone, with
    the moments listed here. The result may be earlier than the change, never later.
    """
    return min((moment for moment in _moments(facts, view) if moment > as_of), default=FOREVER)


def _moments(facts: Facts, view: View) -> Iterator[Micros]:
    for claim in facts.claims:
        yield claim.happened  # a fact is left out before; until then an estimate is of what is to come
        if claim.classifier is not Classifier.ACT:
            yield claim.happened + (rules()[claim.milestone].tolerance or 0) + 1  # overdue
    for link in facts.links:
        yield link.start
        if link.kind in FREEING:
            yield link.start - 1  # the moment of the fact, whose object it frees from the next one on
        if link.end is not None:
            yield link.end
    for listed in facts.handovers:
        yield listed.happened
    for restriction in facts.restrictions:
        yield restriction.start
        if restriction.end is not None:
            yield restriction.end
    for lifting in facts.liftings:
        yield lifting.at
    for handover in view.handovers:
        if handover.state is HandoverState.ONE_SIDED and not handover.unmatched:
            yield handover.since + UNMATCHED_AFTER + 1
    reported = (
        a.claim.happened
        for a in view.arrivals
        if a.claim.classifier is Classifier.ACT and a.status is ClaimStatus.COUNTED
    )
    yield max(reported, default=FOREVER) + SILENT_AFTER + 1
