"""The border board as values: a crossing, its trains, their boxes, and what stands against each. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from schemas.events import catalogue
from schemas.railnet import Crossing
from services.domain.facts import Micros, Restriction
from services.domain.objects import ObjectId, Thing
from services.query.board.approach import News, Phase
from services.query.board.readiness import Blocker


@dataclass(frozen=True, slots=True)
class BoardCase:
    """An open case about a train, one of its boxes, or a hand-over at the crossing."""

    id: bytes
    kind: str
    what: str
    about: Thing
    occurrence: str
    crossing: str
    due: Micros
    owner: str
    snoozed_until: Micros | None


@dataclass(frozen=True, slots=True)
class BoardBox:
    """A box on a train and what keeps it; () where it is ready."""

    container: str
    blockers: tuple[Blocker, ...]
    consignments: tuple[ObjectId, ...]


@dataclass(frozen=True, slots=True)
class BoardTrain:
    """A train at a crossing; ``numbers`` are its keys, that of the side it comes from first."""

    numbers: tuple[str, ...]
    phase: Phase
    bound: str
    expected: Micros | None
    announced: bool
    beside_route: bool
    boxes: tuple[BoardBox, ...]
    last: News
    position: News
    cases: tuple[BoardCase, ...]

    @property
    def ready(self) -> int:
        """Boxes that may be handed over."""
        return sum(not box.blockers for box in self.boxes)

    @property
    def waits_for(self) -> dict[Blocker, int]:
        """How many boxes each blocker keeps, in the order of the work."""
        counted = {blocker: sum(blocker in box.blockers for box in self.boxes) for blocker in Blocker}
        return {blocker: number for blocker, number in counted.items() if number}


@dataclass(frozen=True, slots=True)
class BoardCrossing:
    """A crossing with its trains: those due by when they come, those queued and handed over by when they came."""

    crossing: Crossing
    trains: tuple[BoardTrain, ...]
    restrictions: tuple[Restriction, ...]
    cases: tuple[BoardCase, ...]

    def count(self, phase: Phase) -> int:
        """How many of its trains are in ``phase``."""
        return sum(train.phase is phase for train in self.trains)


@dataclass(frozen=True, slots=True)
class Pipeline:
    """How the platform itself is; moments are None where the thing has never happened."""

    events_last_minute: int
    last_event: datetime | None
    unsettled: int
    dead_letters_open: int
    workers: int
    cases_whole: datetime | None
    credit_whole: datetime | None


@dataclass(frozen=True, slots=True)
class Board:
    """All of it at one moment; ``crossings`` are those where there is something to see, in the order of their ids."""

    at: Micros
    crossings: tuple[BoardCrossing, ...]
    pipeline: Pipeline


def milestone_name(number: int) -> str:
    """A milestone as people read it."""
    return catalogue.by_number(number).name.partition(".")[2].replace("_", " ")
