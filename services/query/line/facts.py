"""What is stated about trains in a period: the input of runs and film. Sets, so order and duplicates cannot matter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from services.domain.facts import Claim, Micros, Restriction
from services.domain.objects import ObjectId, Thing


class Ride(NamedTuple):
    """A box on a train in [start, until), by links that count."""

    train: Thing
    box: ObjectId
    start: Micros
    until: Micros


class BoxesMoved(NamedTuple):
    """One publisher's live claim about boxes and no train: handed over, changed to the other gauge, or loaded on a vessel."""

    claim: Claim
    boxes: frozenset[ObjectId]


class SameTrain(NamedTuple):
    """A live statement that two names are of one train."""

    left: Thing
    right: Thing
    publisher: str
    territorial: bool


class LineFacts(NamedTuple):
    """The live facts about trains; ``engaged`` are the parties that count for the cargo of each, besides authorities.

    ``restrictions`` have their known ends.
    """

    claims: frozenset[Claim] = frozenset()
    rides: frozenset[Ride] = frozenset()
    moved: frozenset[BoxesMoved] = frozenset()
    same: frozenset[SameTrain] = frozenset()
    engaged: Mapping[Thing, frozenset[str]] = {}
    restrictions: frozenset[Restriction] = frozenset()
