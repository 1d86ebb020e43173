"""When the view of a consignment may change by time alone, so that it is looked at again then and not all the time. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from schemas.events.base import Classifier
from services.domain.facts import Facts, Micros
from services.domain.rules import DELIVERED_PHASE, SILENT_AFTER, UNMATCHED_AFTER, rules
from services.domain.view import HandoverState, Standing, View


def next_due(facts: Facts, view: View, as_of: Micros) -> Micros | None:
    """The first moment after ``as_of`` at which ``view`` (of ``facts``) may show another cause without a new fact.

    Rather too early than too late: what is looked at for nothing costs a few milliseconds.
    """
    return min((at for at in _moments(facts, view) if at > as_of), default=None)


def _moments(facts: Facts, view: View) -> Iterator[Micros]:
    """Every moment at which something begins or ends to hold; a cause holds from the microsecond behind its limit."""
    for arrival in view.arrivals:
        claim = arrival.claim
        if claim.classifier is not Classifier.ACT:
            yield claim.happened + (rules()[claim.milestone].tolerance or 0) + 1
    for claim in facts.claims:
        if claim.classifier is Classifier.ACT:
            yield claim.happened  # a fact that its publisher dates later than now
    for link in facts.links:
        yield from (at for at in (link.start, link.end) if at is not None)
    for listed in facts.handovers:
        yield listed.happened
    for handover in view.handovers:
        if handover.state is HandoverState.ONE_SIDED:
            yield handover.since + UNMATCHED_AFTER + 1
    if view.movement is not None and rules()[view.movement.claim.milestone].phase < DELIVERED_PHASE:
        heard = (
            a.claim.happened
            for a in view.arrivals
            if a.standing is Standing.COUNTED and a.claim.classifier is Classifier.ACT
        )
        yield max(heard, default=0) + SILENT_AFTER + 1
