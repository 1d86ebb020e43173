"""Claims that speak of the same thing, and whether their publishers agree.

A *question* is what a claim answers: which milestone of which object, where, on which run, as fact or as plan. Each
publisher has one current answer to it: its latest by publication. Publishers disagree when their current answers lie
further apart than the milestone tolerates; then all of them show and the question is DISPUTED.

One answer is *shown* for the question, where a position has room for one: the one of the greatest assurance, among those
of equal assurance the one that happened last. What an authority signed never gives way to a later assertion of the same
fact, within the tolerance or beyond it; a later fact, which is another question, moves the position whoever says it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from schemas.events.base import Classifier, Region
from services.domain.facts import Claim, EventId, Micros
from services.domain.objects import Thing


@dataclass(frozen=True, slots=True, order=True)
class Question:
    """The slot of a claim without its publisher."""

    region: Region
    jurisdiction: str
    milestone: int
    place: str
    occurrence: str
    thing: Thing
    classifier: Classifier


@dataclass(frozen=True, slots=True)
class Answers:
    """The current claim of each publisher for one question, in order of publisher."""

    question: Question
    current: tuple[Claim, ...]

    def spread(self) -> Micros:
        """Microseconds between the earliest and the latest current answer."""
        times = [claim.happened for claim in self.current]
        return max(times) - min(times)

    @property
    def shown(self) -> Claim:
        """The answer that stands for the question."""
        return max(self.current, key=weight)


def question(claim: Claim, called: Mapping[Thing, Thing] = MappingProxyType({})) -> Question:
    """What ``claim`` answers; ``called`` leads the names of one train (declaration) to the one under which it is asked for."""
    return Question(
        claim.region,
        claim.jurisdiction,
        claim.milestone,
        claim.place,
        claim.occurrence,
        called.get(claim.thing, claim.thing),
        claim.classifier,
    )


def order(claim: Claim) -> tuple[Micros, EventId]:
    """What makes one claim of a slot newer than another: publication, then the event id's digest."""
    return claim.published, claim.event


def weight(claim: Claim) -> tuple[int, Micros, Micros, EventId]:
    """What makes one publisher's answer to a question show rather than another's."""
    return claim.assurance, claim.happened, claim.published, claim.event


def answers(
    claims: Iterable[Claim], called: Mapping[Thing, Thing] = MappingProxyType({})
) -> Mapping[Question, Answers]:
    """Group live claims into questions and keep each publisher's current answer."""
    slots: dict[Question, dict[str, Claim]] = defaultdict(dict)
    for claim in claims:
        slot = slots[question(claim, called)]
        present = slot.get(claim.publisher)
        if present is None or order(claim) > order(present):
            slot[claim.publisher] = claim
    return {
        asked: Answers(asked, tuple(slot[name] for name in sorted(slot))) for asked, slot in slots.items()
    }


def superseded(claims: Iterable[Claim], current: Mapping[Question, Answers]) -> frozenset[Claim]:
    """The claims whose own publisher has since given another answer to the same question."""
    kept = {claim for given in current.values() for claim in given.current}
    return frozenset(claim for claim in claims if claim not in kept)
