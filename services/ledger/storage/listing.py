"""Heads as lists show them: the cached state of consignments and trains, with the names behind its numbers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from services.domain.facts import Micros
from services.ledger.storage.arrays import adapt, bigints, uuids
from services.ledger.storage.session import Session
from services.ledger.storage.words import whole
from services.ledger.storage.work import Work


@dataclass(frozen=True, slots=True)
class StageRow:
    """The latest fact of a part of a head: when it happened, which milestone, where, and the event that says so."""

    at: Micros
    published: Micros
    event: bytes
    milestone: int
    place: str


@dataclass(frozen=True, slots=True)
class HeadRow:
    """The head of a group of consignments; ``customs`` is in the order of services.domain.head.UNIONS."""

    consignment: bytes
    broken: bool
    boxes: int
    behind: int
    disputes: int
    exceptions: int
    movement: StageRow | None
    customs: tuple[StageRow | None, StageRow | None, StageRow | None, StageRow | None]
    document: StageRow | None


@dataclass(frozen=True, slots=True)
class TrainHeadRow:
    """The head of a train."""

    train: bytes
    milestone: StageRow | None
    position: StageRow | None
    exceptions: int


def heads(session: Session, after: bytes = bytes(16), limit: int = 100) -> list[HeadRow]:
    """Heads of founded consignments in order of their ids, from behind ``after`` on."""
    return _heads(session, "read_heads", {"after": after.hex(), "limit": limit})


def heads_of(session: Session, consignments: Sequence[bytes]) -> list[HeadRow]:
    """The heads of the groups that ``consignments`` belong to, each once, in order of their ids."""
    return _heads(session, "read_heads_of", {"ids": uuids(sorted(consignments))})


def train_heads(session: Session, trains: Sequence[bytes]) -> list[TrainHeadRow]:
    """The heads of the trains of these ids that anything is known of."""
    work = _work(session)
    rows = work.rows("read_train_heads", {"ids": uuids(sorted(trains))})
    places = _places(work, (stage for row in rows for stage in row[1:3]))
    return [
        TrainHeadRow(train, _stage(milestone, places), _stage(position, places), exceptions)
        for train, milestone, position, exceptions in rows
    ]


def _heads(session: Session, name: str, parameters: dict[str, Any]) -> list[HeadRow]:
    work = _work(session)
    rows = work.rows(name, parameters)
    places = _places(work, (stage for row in rows for stage in row[6:]))
    found = []
    for cons, broken, boxes, behind, disputes, exceptions, *stages in rows:
        movement, china, eurasian, european, other, document = (_stage(stage, places) for stage in stages)
        customs = (china, eurasian, european, other)
        found.append(HeadRow(cons, broken, boxes, behind, disputes, exceptions, movement, customs, document))
    return found


def _work(session: Session) -> Work:
    adapt(session)
    return Work(session)


def _places(work: Work, stages: Iterable[Sequence[int] | None]) -> dict[int, str]:
    numbers = sorted({stage[5] for stage in stages if stage is not None})
    return {0: "", **dict(work.rows("read_terms", {"numbers": bigints(numbers)}))}


def _stage(stage: Sequence[int] | None, places: dict[int, str]) -> StageRow | None:
    if stage is None:
        return None
    at, published, high, low, milestone, place = stage
    return StageRow(at, published, whole(high, low), milestone, places.get(place, ""))
