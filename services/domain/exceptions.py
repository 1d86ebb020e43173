"""Exceptions: what went wrong on the way and was not closed by a party of sufficient assurance."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable

from schemas.events.base import Classifier, ObjectKind
from services.domain.facts import Assurance, Claim, EventId, Micros
from services.domain.objects import Aliases, Thing
from services.domain.rules import RELEASE, rules
from services.domain.view import Arrival, OpenException

_WHOLE = frozenset({ObjectKind.CONSIGNMENT, ObjectKind.BOOKING, ObjectKind.NOTE, ObjectKind.DECLARATION})
"""What the cargo is called by, rather than what carries it."""


def open_exceptions(
    counted: Iterable[Arrival],
    parts: Container[Thing] = frozenset(),
    boxes: int = 0,
    aliases: Aliases = Aliases(),
) -> tuple[OpenException, ...]:
    """The exceptions that no later fact closes, one per object, jurisdiction and kind, each with its latest opening.

    An opening is closed by a later fact of the closing kind about its object. Customs work by documents: what they opened for a
    box is also closed by a fact about the whole cargo (its consignment, or a booking, note or declaration that is none of
    ``parts``). A release to a procedure names no detention: with the cargo in several ``boxes`` it closes only its own object's.
    An assertion does not close what an authority signed, or a relayed message of it, opened. Exceptions of a train or wagon that
    the cargo has left do not concern it. ``aliases`` are those of trains and declarations.
    """
    opened: dict[tuple[int, str, Thing], list[Claim]] = defaultdict(list)
    closed: dict[tuple[int, str], list[Claim]] = defaultdict(list)
    for arrival in counted:
        claim = arrival.claim
        rule = rules()[claim.milestone]
        if not rule.episode or claim.classifier is not Classifier.ACT:
            continue
        if rule.episode > 0 and (arrival.still or not arrival.by_train):
            opened[rule.episode, claim.jurisdiction, aliases[claim.thing]].append(claim)
        for episode in rule.closes:
            closed[episode, claim.jurisdiction].append(claim)
    found = (
        (
            key,
            _unanswered(openings, [c for c in closed[key[:2]] if _answers(c, key[2], parts, boxes, aliases)]),
        )
        for key, openings in sorted(opened.items(), key=lambda item: item[0])
    )
    return tuple(
        OpenException(episode, thing, jurisdiction, claim)
        for (episode, jurisdiction, thing), claim in found
        if claim is not None
    )


def _answers(closing: Claim, opened: Thing, parts: Container[Thing], boxes: int, aliases: Aliases) -> bool:
    if aliases[closing.thing] == opened:
        return True
    whole = bool(closing.jurisdiction) and closing.thing.kind in _WHOLE and closing.thing not in parts
    return whole and (boxes < 2 or rules()[closing.milestone].episode != -RELEASE)


def _unanswered(openings: Iterable[Claim], closings: Iterable[Claim]) -> Claim | None:
    """The latest of ``openings`` that no later closing of sufficient assurance answers."""
    known = tuple(closings)
    unanswered = (
        opening
        for opening in openings
        if not any(
            _rank(closing) > _rank(opening) and closing.assurance >= min(opening.assurance, Assurance.RELAYED)
            for closing in known
        )
    )
    return max(unanswered, key=_rank, default=None)


def _rank(claim: Claim) -> tuple[Micros, Micros, EventId]:
    return claim.happened, claim.published, claim.event
