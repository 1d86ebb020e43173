"""Claims grouped by the question that they answer, one current answer for each publisher.

A *question* is a milestone of an object at a place on a run, as fact or as plan. A publisher's current answer is its latest
by publication. Answers further apart than the milestone's tolerance make the question DISPUTED, and all of them show.

The *shown* answer is the one of greatest assurance, of equals the one that happened last. An authority's signed fact never
gives way to a later assertion of the same fact; a later fact is another question and moves the position.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from schemas.events.base import Classifier, Region
from services.domain.facts import Claim, EventId, Micros
from services.domain.objects import Aliases, Thing


class Question(NamedTuple):
    """What a claim answers: its slot without the publisher."""

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
        """The answer that a position shows."""
        return max(self.current, key=weight)


def question(claim: Claim, aliases: Aliases = Aliases()) -> Question:
    """The question that ``claim`` answers; ``aliases`` are those of trains and declarations."""
    return Question(
        claim.region,
        claim.jurisdiction,
        claim.milestone,
        claim.place,
        claim.occurrence,
        aliases[claim.thing],
        claim.classifier,
    )


def order(claim: Claim) -> tuple[Micros, EventId]:
    """Sort key of a publisher's answers, the newest last: publication, then the event id's digest."""
    return claim.published, claim.event


def weight(claim: Claim) -> tuple[int, Micros, Micros, EventId]:
    """Sort key of the answers of several publishers, the shown one last."""
    return claim.assurance, claim.happened, claim.published, claim.event


def answers(claims: Iterable[Claim], aliases: Aliases = Aliases()) -> Mapping[Question, Answers]:
    """Group live claims into questions and keep each publisher's current answer."""
    slots: dict[Question, dict[str, Claim]] = defaultdict(dict)
    for claim in claims:
        slot = slots[question(claim, aliases)]
        present = slot.get(claim.publisher)
        if present is None or order(claim) > order(present):
            slot[claim.publisher] = claim
    return {key: Answers(key, tuple(slot[name] for name in sorted(slot))) for key, slot in slots.items()}


def superseded(claims: Iterable[Claim], current: Mapping[Question, Answers]) -> frozenset[Claim]:
    """The claims whose own publisher has since given another answer to the same question."""
    shown = {claim for given in current.values() for claim in given.current}
    return frozenset(claim for claim in claims if claim not in shown)
