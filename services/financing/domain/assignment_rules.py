"""Assignments in decisions: what is missing before money rests on them, and whose hold rests on one that is in doubt.

An assignment counts when a carrier confirms it, or nobody contests it and the product says that this is enough. A contested one is
for two persons of the bank to look at (``reviews``), whoever came first; one that a carrier refutes is not. A hold stays as it is, whatever is said later.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from schemas.events.base import ObjectKind
from services.domain.facts import Micros
from services.domain.objects import Thing, consignment
from services.financing.domain.assignments import Assignments, AssignmentState
from services.financing.domain.decisions import DecisionOutcome
from services.financing.domain.fingerprints import Kind
from services.financing.domain.guards import Failed
from services.financing.domain.products import Product
from services.financing.domain.requests import DecisionContext, DecisionRequest
from services.financing.domain.reviews import Unsettled, unless_reviewed
from services.financing.domain.uniqueness import Checked, Verdict

GUARD = "ASSIGNMENT_CONFIRMED"
_BY_KIND = {
    Kind.CARGO: ObjectKind.CONTAINER,
    Kind.NOTE: ObjectKind.NOTE,
    Kind.DECLARATION: ObjectKind.DECLARATION,
}
_GRAVITY = (AssignmentState.REFUTED, AssignmentState.CONTESTED, AssignmentState.UNCONTESTED)
_CARRIED = frozenset({ObjectKind.CONTAINER, ObjectKind.NOTE})


def unsettled(
    ask: DecisionRequest, context: DecisionContext, product: Product, at: Micros, paying: bool
) -> Unsettled | None:
    """What is missing of the assignments of the cargo; None where all count, or where the one in doubt was reviewed.

    Before money is paid or the cargo pledged (``paying``) the product may want each confirmed; a reservation asks for less.
    """
    confirmed_only = paying and product.assignment is AssignmentState.CONFIRMED
    groups = [{consignment(*key.split("/", 1)) for key in cargo.members} for cargo in context.cargo]
    founded = {founding.consignment for founding in context.known.facts.foundings}
    if not confirmed_only and founded <= set[Thing]().union(*groups):
        return None  # nothing leads to any other consignment
    judged = Assignments(context.known, at)
    states = [pair for members in groups for pair in judged.of(members).items()]
    return unless_reviewed(gravest(states, confirmed_only), ask, context)


def gravest(states: Sequence[tuple[Thing, AssignmentState]], confirmed_only: bool) -> Unsettled | None:
    """The one of ``states`` that stands in the way most; ``confirmed_only``: to be uncontested is not enough."""
    for gravity in _GRAVITY:
        things = sorted(thing for thing, state in states if state is gravity)
        if gravity is AssignmentState.UNCONTESTED:
            things = [thing for thing in things if confirmed_only and thing.kind in _CARRIED]
        if things:
            named = f"{things[0].kind.wire} {things[0].key}"
            confirmation = f"Confirmation of the assignment of {named} by the carrier"
            if gravity is AssignmentState.UNCONTESTED:
                return Unsettled(_failed(f"{confirmation}."), DecisionOutcome.REFUSED)
            if gravity is AssignmentState.REFUTED:
                more = ", which confirms another one."
                return Unsettled(_failed(f"{confirmation}{more}"), DecisionOutcome.REVIEW)
            more = "; or a look by two persons of the bank, and the request again with this review's number and them."
            return Unsettled(_failed(f"{confirmation}{more}"), DecisionOutcome.REVIEW, reviewable=True)
    return None


def _failed(satisfied_by: str) -> Failed:
    return Failed(GUARD, satisfied_by[:200])


def of_holders(
    financings: Iterable[str], context: DecisionContext, at: Micros
) -> Mapping[str, Mapping[Thing, AssignmentState]]:
    """The assignments to the goods of each of ``financings`` that holds something of the cargo."""
    names = set(financings)
    holders = [each for each in context.holders if each.financing in names]
    if not holders:
        return {}
    judged = Assignments(context.known, at)
    return {each.financing: judged.of(each.consignments) for each in holders}


def without_doubted(
    checked: Checked, context: DecisionContext, at: Micros
) -> tuple[Checked, frozenset[Thing]]:
    """``checked`` without what is taken only by assignments in doubt, and the objects of which that is so."""
    taken = {f.by for f in checked.findings if f.verdict is Verdict.TAKEN and f.kind in _BY_KIND}
    theirs = of_holders(taken, context, at)
    own = frozenset[Thing]().union(*(cargo.things for cargo in context.cargo))
    set_aside: set[Thing] = set()
    left = []
    for finding in checked.findings:
        states = theirs.get(finding.by, {})
        shared = {thing for thing in states if thing in own and thing.kind is _BY_KIND.get(finding.kind)}
        if finding.verdict is Verdict.TAKEN and shared and all(states[thing].in_doubt for thing in shared):
            set_aside |= shared
        else:
            left.append(finding)
    return replace(checked, findings=tuple(left)), frozenset(set_aside)


def held_in_doubt(things: Iterable[Thing]) -> Unsettled | None:
    """What is missing where others hold ``things`` by assignments in doubt; a review by the bank does not end their hold."""
    found = min(things, default=None)
    if found is None:
        return None
    named = f"{found.kind.wire} {found.key}"
    text = f"Confirmation of the assignment of {named} by the carrier, and the end of what is held on it under another one."
    return Unsettled(_failed(text), DecisionOutcome.REVIEW)
