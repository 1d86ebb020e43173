"""Exceptions: what went wrong on the way, and whether somebody entitled has said that it is over."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from schemas.events.base import Classifier
from services.core.facts import Assurance, Claim, EventId, Micros
from services.core.objects import Thing
from services.core.rules import rules
from services.core.view import Arrival, OpenException


def open_exceptions(counted: Iterable[Arrival]) -> tuple[OpenException, ...]:
    """What went wrong and was not answered, per object, jurisdiction and kind; each shows its latest opening.

    An opening is answered by a later fact that closes the same kind. What an authority signed or a relayed message of
    it opened, a mere assertion does not close. Trouble of a train or wagon that the cargo has left does not concern it.
    """
    told: dict[tuple[int, str, Thing], list[Claim]] = defaultdict(list)
    for arrival in counted:
        claim = arrival.claim
        episode = rules()[claim.milestone].episode
        if episode and claim.classifier is Classifier.ACT and (arrival.still or not arrival.by_train):
            told[abs(episode), claim.jurisdiction, claim.thing].append(claim)
    found = (
        (episode, jurisdiction, thing, _unanswered(claims))
        for (episode, jurisdiction, thing), claims in sorted(told.items(), key=lambda item: item[0])
    )
    return tuple(
        OpenException(episode, thing, jurisdiction, claim)
        for episode, jurisdiction, thing, claim in found
        if claim is not None
    )


def _unanswered(claims: list[Claim]) -> Claim | None:
    """The latest opening among ``claims`` that no later closing of sufficient assurance answers."""
    closings = [claim for claim in claims if rules()[claim.milestone].episode < 0]
    openings = (
        opening
        for opening in claims
        if rules()[opening.milestone].episode > 0
        and not any(
            _rank(closing) > _rank(opening) and closing.assurance >= min(opening.assurance, Assurance.RELAYED)
            for closing in closings
        )
    )
    return max(openings, key=_rank, default=None)


def _rank(claim: Claim) -> tuple[Micros, Micros, EventId]:
    return claim.happened, claim.published, claim.event
