"""The tables and the figures that the fold reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from schemas import railnet
from schemas.events import catalogue
from schemas.events.base import Episode, Region
from services.domain.facts import Micros

SECOND: Micros = 1_000_000
HOUR: Micros = 3_600 * SECOND

SILENT_AFTER: Micros = 7 * 24 * HOUR
"""A consignment on its way without a fact for longer is shown as silent."""
UNMATCHED_AFTER: Micros = 6 * HOUR
"""A hand-over that only one side has signed for longer is shown as unmatched."""
ONE_MEETING: Micros = 3 * 24 * HOUR
"""Lists of a hand-over without a run that lie further apart are of two hand-overs, whatever boxes they share."""

CLOCK_TOLERANCE: Micros = HOUR
"""Clocks that lie closer together do not decide what came first where the sequence of the journey does."""

ON_THE_WAY = 3
DELIVERED_PHASE = 6
"""Phases of the journey; 3 is from the first departure to the last station."""

RELEASE = 100
"""The episode that a release by customs closes: whatever customs held back, by hold or by detention."""
HELD_BACK = (Episode.DETAINED, Episode.CUSTOMS_HELD)

AT_A_PLACE = tuple(
    catalogue.spec(f"cre.movement.{name}.v1").number
    for name in (
        "position_reported", "arrived", "discharged_from_vessel", "handed_over", "transshipped", "loaded_on_vessel",
        "departed",
    )
)  # fmt: skip
"""What follows what at one place on the way."""
LEAVING = frozenset(AT_A_PLACE[-2:])
"""What leaves the place behind."""
HANDED_OVER = catalogue.spec("cre.movement.handed_over.v1").number
AT_ONCE = frozenset(
    catalogue.spec(f"cre.movement.{name}.v1").number
    for name in ("departed", "arrived", "handed_over", "arrived_at_destination")
)
"""What a train does with all its boxes at once; it is unloaded and changes gauge box by box."""


@dataclass(frozen=True, slots=True)
class Rule:
    """How one milestone folds: its phase of the journey, whether it moves the position, tolerance and episode.

    ``episode`` is 0, +n (opens exception n), -n (closes it) or -RELEASE; ``tolerance`` is None where answers cannot
    differ.
    """

    number: int
    name: str
    phase: int
    moves: bool
    tolerance: Micros | None
    episode: int

    @property
    def step(self) -> int:
        """How far on the journey, first by phase: numbers follow the journey but on the way, where places do."""
        return self.phase * 100 if self.phase == ON_THE_WAY else self.number

    @property
    def at_place(self) -> int:
        """How far at its place, for what happens on the way; 0 elsewhere."""
        return _AT_A_PLACE.get(self.number, 0)

    @property
    def closes(self) -> tuple[int, ...]:
        """The exceptions that this milestone closes."""
        if self.episode == -RELEASE:
            return HELD_BACK
        return (-self.episode,) if self.episode < 0 else ()


_AT_A_PLACE = {number: place for place, number in enumerate(AT_A_PLACE, 1)}


@cache
def rules() -> Mapping[int, Rule]:
    """The rule of each milestone by its stable number."""
    return {
        spec.number: Rule(
            number=spec.number,
            name=spec.type,
            phase=spec.phase,
            moves=spec.moves,
            tolerance=None if spec.tolerance_seconds is None else spec.tolerance_seconds * SECOND,
            episode=-RELEASE if spec.type == "cre.customs.released.v1" else spec.episode,
        )
        for spec in catalogue.specs()
        if spec.region is not Region.CASE  # no fold reads them
    }


@cache
def borders() -> Mapping[str, str]:
    """The crossing of each place that stands for one alone: a station on one of its sides, or the crossing itself."""
    known = {crossing.place: crossing.place for crossing in railnet.crossings().values()}
    for station in railnet.stations().values():
        crossings = railnet.crossings_at(station.id)
        if len(crossings) == 1:
            known[station.place] = crossings[0].place
    return known
