"""What is said of a train and what is said of a box on it: one event of the box's journey, compared for that box.

A train leaves with all its boxes at once, so whoever says that a box left at another time than its train contradicts
whoever spoke of the train. The box's own question therefore also has the answers of those who spoke only of its wagon or
train: for the same milestone, place and run, of the carriers that brought the fact to the box the one nearest in time,
because a second train from the same place is a second visit. A publisher's word on the box goes before its word on the
train. What is done box by box (unloading, change of gauge) is not compared, and neither are two boxes, nor a box and the
cargo's papers: they may differ rightly.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from schemas.events.base import ObjectKind
from services.domain.claim_groups import Answers, Question
from services.domain.facts import Claim, Micros
from services.domain.objects import Thing
from services.domain.rules import AT_ONCE, rules
from services.domain.view import Arrival

Slot = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Aboard:
    """A box's question with the answers of those who spoke of its carriers; ``settled`` are all claims it weighs."""

    answers: Answers
    settled: frozenset[Claim]


def compared(
    current: Mapping[Question, Answers], arrivals: Iterable[Arrival], called: Mapping[Thing, Thing]
) -> Mapping[Question, Aboard]:
    """The boxes' questions that carriers answer too; ``arrivals`` are those that count, ``called`` names their trains."""
    riding: dict[Slot, dict[Thing, set[Thing]]] = defaultdict(lambda: defaultdict(set))
    for arrival in arrivals:
        claim = arrival.claim
        if claim.milestone in AT_ONCE and claim.thing.rides:
            for box in arrival.containers:
                riding[_slot(claim)][box].add(called.get(claim.thing, claim.thing))
    if not riding:
        return {}
    found = {}
    for asked, given in current.items():
        if asked.thing.kind is not ObjectKind.CONTAINER or asked.milestone not in AT_ONCE:
            continue
        carriers = riding.get(_slot(given.current[0]), {}).get(asked.thing, ())
        questions = [replace(asked, thing=carrier) for carrier in carriers]
        joined = _joined(given, [current[question] for question in questions if question in current])
        if joined is not None:
            found[asked] = joined
    return found


def _joined(own: Answers, carriers: Iterable[Answers]) -> Aboard | None:
    nearest: dict[ObjectKind, Answers] = {}
    for given in sorted(carriers, key=lambda g: (_apart(own, g), g.question.thing)):
        nearest.setdefault(given.question.thing.kind, given)
    if not nearest:
        return None
    words: dict[str, Claim] = {}
    for kind in (ObjectKind.TRAIN, ObjectKind.WAGON):
        if kind in nearest:
            words |= {claim.publisher: claim for claim in nearest[kind].current}
    words |= {claim.publisher: claim for claim in own.current}
    settled = frozenset(own.current).union(*(given.current for given in nearest.values()))
    return Aboard(Answers(own.question, tuple(words[name] for name in sorted(words))), settled)


def contradicted(given: Answers) -> bool:
    """Whether a word on a carrier lies further from a word on the box than the milestone tolerates."""
    asked = given.question
    tolerance = rules()[asked.milestone].tolerance or 0
    mine = [claim.happened for claim in given.current if claim.thing == asked.thing]
    others = [claim.happened for claim in given.current if claim.thing != asked.thing]
    return any(abs(one - other) > tolerance for one in mine for other in others)


def _apart(one: Answers, other: Answers) -> Micros:
    return min(abs(a.happened - b.happened) for a in one.current for b in other.current)


def _slot(claim: Claim) -> Slot:
    return claim.milestone, claim.place, claim.occurrence, claim.classifier
