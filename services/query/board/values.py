"""The border board as values, and the rule whether a box may be handed over at a crossing. Pure.

What a box needs follows from the two customs unions that meet there: leaving China the release of the export, entering the
EAEU prior information, entering the EU an assessed summary declaration.
"""

from __future__ import annotations

from collections.abc import Iterable, Set
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from schemas.events import catalogue
from schemas.events.base import Episode
from schemas.railnet import Crossing, CustomsUnion, customs_union
from services.domain.facts import Micros, Restriction
from services.domain.objects import ObjectId, Thing
from services.query.board.approach import Phase, TrainReport


class Blocker(StrEnum):
    """What keeps a box, as a dispatcher calls it."""

    RELEASE = "release"
    PRIOR_INFORMATION = "prior information"
    ENS = "ENS"
    TRANSLATION = "translation"
    SEAL = "seal"
    HELD = "held by customs"


Known = tuple[int, str]
"""A customs fact: number of the milestone, and the jurisdiction that it is of."""


def _number(name: str) -> int:
    return catalogue.spec(f"cre.customs.{name}.v1").number


RELEASED = frozenset({_number("released"), _number("exit_cleared")})
PRIOR_INFORMATION = _number("prior_information_lodged")
TRANSIT_OPENED = _number("transit_opened")
ENS_ASSESSED = _number("ens_assessed")
LOOKED_AT = frozenset({*RELEASED, PRIOR_INFORMATION, TRANSIT_OPENED, ENS_ASSESSED})
"""The facts that decide whether a box is ready."""

_BY_EPISODE = {
    Episode.SEAL_BROKEN: Blocker.SEAL,
    Episode.DOCUMENT_REJECTED: Blocker.TRANSLATION,
    Episode.DETAINED: Blocker.HELD,
    Episode.CUSTOMS_HELD: Blocker.HELD,
    Episode.INSPECTION: Blocker.HELD,
    Episode.DECLARATION_REJECTED: Blocker.HELD,
    Episode.ENS_REFERRED: Blocker.ENS,
}


def blockers(leaves: str, enters: str, known: Set[Known], troubles: Set[int]) -> tuple[Blocker, ...]:
    """What keeps a box from ``leaves`` to ``enters`` (ISO 3166 alpha-2), in the order of the work; () where it is ready.

    ``known`` are the facts about its cargo that count, ``troubles`` the episodes that stand open. A rejected document counts as
    a translation to be made: that is what is missing at a border in most cases, and the case says the exact reason.
    """
    found = {_BY_EPISODE[Episode(each)] for each in troubles if Episode(each) in _BY_EPISODE}
    before, behind = customs_union(leaves), customs_union(enters)
    if before is not behind:
        if before is CustomsUnion.CN and not _of(known, RELEASED, before):
            found.add(Blocker.RELEASE)
        needed = frozenset({PRIOR_INFORMATION, TRANSIT_OPENED})
        if behind is CustomsUnion.EAEU and not _of(known, needed, behind):
            found.add(Blocker.PRIOR_INFORMATION)
        if behind is CustomsUnion.EU and not _of(known, frozenset({ENS_ASSESSED}), behind):
            found.add(Blocker.ENS)
    return tuple(blocker for blocker in Blocker if blocker in found)


def _of(known: Set[Known], milestones: Set[int], union: CustomsUnion) -> bool:
    return any(number in milestones and customs_union(country) is union for number, country in known)


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
    last: TrainReport
    position: TrainReport
    cases: tuple[BoardCase, ...]

    @property
    def ready(self) -> int:
        """Boxes that may be handed over."""
        return sum(not box.blockers for box in self.boxes)

    @property
    def waiting_since(self) -> Micros | None:
        """Since when it stands before the crossing; None where it does not."""
        return self.position.at if self.phase is Phase.QUEUED else None

    @property
    def waits_for(self) -> dict[Blocker, int]:
        """How many boxes each blocker keeps, in the order of the work."""
        counted = {blocker: sum(blocker in box.blockers for box in self.boxes) for blocker in Blocker}
        return {blocker: number for blocker, number in counted.items() if number}


def by_waiting(trains: Iterable[BoardTrain]) -> list[BoardTrain]:
    """The trains that wait, the longest wait first; then those due, the next one first; then those handed over, the latest first."""

    def order(train: BoardTrain) -> tuple[int, Micros, tuple[str, ...]]:
        if train.waiting_since is not None:
            return 0, train.waiting_since, train.numbers
        if train.phase is Phase.DUE:
            return 1, train.last.at if train.expected is None else train.expected, train.numbers
        return 2, -train.last.at, train.numbers

    return sorted(trains, key=order)


@dataclass(frozen=True, slots=True)
class BoardCrossing:
    """A crossing with its trains: those due by when they come, those queued and handed over by when they came."""

    crossing: Crossing
    trains: tuple[BoardTrain, ...]
    restrictions: tuple[Restriction, ...]  # in force, each with its known end
    announced: tuple[Restriction, ...]
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
