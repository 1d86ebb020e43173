"""Reviews: what two persons of a bank looked at, and what that lets pass; the one rule for every step that may be REVIEW."""

from __future__ import annotations

from typing import NamedTuple

from services.domain.facts import Micros
from services.financing.domain.decisions import Decision, DecisionOutcome
from services.financing.domain.guards import Failed
from services.financing.domain.requests import DecisionContext, DecisionRequest

REVIEWERS = 2
MISSING = Failed("TWO_REVIEWERS", "The bank's references of two different persons who looked at this review.")


class Unsettled(NamedTuple):
    """What stands in the way of a step: what is missing, and whether that is for people to look at or a refusal.

    ``reviewable``: it passes once two persons of the bank have looked at it.
    """

    failed: Failed
    outcome: DecisionOutcome
    reviewable: bool = False


def by_two(ask: DecisionRequest) -> bool:
    """Whether the request names two different persons."""
    return len({reviewer.casefold() for reviewer in ask.reviewers}) >= REVIEWERS


def reviews(ask: DecisionRequest, context: DecisionContext) -> tuple[Decision, ...]:
    """The REVIEW of the same step of the same financing that the request names, and those that this one rests on in turn."""
    known = {
        decision.number: decision
        for decision in context.decisions
        if decision.outcome is DecisionOutcome.REVIEW
        and (decision.action, decision.financing) == (ask.action, ask.financing)
    }
    found, number = list[Decision](), ask.reviewed
    while number is not None and number in known:
        found.append(known.pop(number))
        number = found[-1].reviewed
    return tuple(found)


def unless_reviewed(
    found: Unsettled | None, ask: DecisionRequest, context: DecisionContext
) -> Unsettled | None:
    """``found``, unless two persons have looked at this very thing."""
    if found is None or not found.reviewable:
        return found
    if all(Failed(review.guard, review.satisfied_by) != found.failed for review in reviews(ask, context)):
        return found
    return None if by_two(ask) else Unsettled(MISSING, DecisionOutcome.REFUSED)


def resting(taken: Decision, ask: DecisionRequest, context: DecisionContext) -> Decision:
    """``taken`` with the review that it rests on, and who looked; a further REVIEW rests on it as well."""
    if taken.outcome is DecisionOutcome.REFUSED or not by_two(ask) or not reviews(ask, context):
        return taken
    return taken._replace(reviewed=ask.reviewed, reviewers=ask.reviewers)


def against(ask: DecisionRequest, at: Micros, found: Unsettled) -> Decision:
    """The decision that ``found`` stands in the way."""
    refused = ask.refused(at, *found.failed, terms=ask.terms, amount=ask.amount)
    return refused._replace(outcome=found.outcome)
