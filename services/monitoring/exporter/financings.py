"""Financings by status, open requests for decisions, and status transitions.

Decisions are followed by position and counted in memory: a restarted exporter reads all of them again and arrives at the same
counts, and exports none before, so the counters never decrease.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from typing import Any, NamedTuple
from uuid import UUID

from psycopg import Connection

from services.domain.facts import Micros
from services.financing.domain.decisions import Action
from services.financing.store.identifiers import financing_id
from services.monitoring.exporter import statement
from services.monitoring.exporter.sample import SECOND, Sample
from services.telemetry import gauges


def measure_financings(session: Connection[Any], _now: Micros) -> Iterator[Sample]:
    """All banks together: a bank's own figures are for the bank."""
    counts = dict(session.execute(statement("financings")).fetchall())
    for pledged, status in ((False, "reserved"), (True, "pledged")):
        yield Sample(gauges.FINANCINGS, (status,), counts.get(pledged, 0))
    row = session.execute(statement("requests")).fetchone()
    waiting, oldest = row or (0, None)
    yield Sample(gauges.FINANCING_REQUESTS, (), waiting)
    if oldest is not None:
        yield Sample(gauges.FINANCING_REQUEST_OLDEST, (), oldest / SECOND)


DECISION_BATCH = 2_000
STEP_SECONDS = 5.0
"""Time limit of one measurement while decisions remain."""
DISPOSING = [str(action) for action in Action if action.disposes or action is Action.RELEASE_PART]


class FinancingStatus(StrEnum):
    """The status of a financing by decisions alone; facts (approved, repaid, overdue) do not change it."""

    NONE = "none"
    RESERVED = "reserved"
    PLEDGED = "pledged"
    DRAWN = "drawn"
    RELEASED = "released"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    SUPERSEDED = "superseded"

    @property
    def ended(self) -> bool:
        """Whether it holds no interest (any more)."""
        return self not in (FinancingStatus.RESERVED, FinancingStatus.PLEDGED, FinancingStatus.DRAWN)


class Decision(NamedTuple):
    """The part of an effective decision that determines the status; ``paid`` where it names an amount."""

    action: Action
    paid: bool
    financing: str


Transition = tuple[FinancingStatus, FinancingStatus]


def status_after(decision: Decision | None, name: str) -> FinancingStatus:
    """The status of the financing ``name`` after the latest effective decision on it."""
    if decision is None:
        return FinancingStatus.NONE
    if decision.financing != name:  # another one freed it
        return FinancingStatus.EXPIRED if decision.action is Action.RESERVE else FinancingStatus.SUPERSEDED
    match decision.action:
        case Action.RESERVE:
            return FinancingStatus.RESERVED
        case Action.PLEDGE:
            return FinancingStatus.PLEDGED
        case Action.DRAW:
            return FinancingStatus.DRAWN
        case Action.SUBSTITUTE:
            return FinancingStatus.DRAWN if decision.paid else FinancingStatus.PLEDGED
        case Action.RELEASE:
            return FinancingStatus.RELEASED
        case _:
            return FinancingStatus.CANCELLED


class FinancingTransitions:
    """Counts the status transitions of the decisions that it has followed."""

    def __init__(self) -> None:
        self.counts: Counter[Transition] = Counter()
        self._after: tuple[str, int] = ("0", 0)
        self._whole = False
        self.followed = 0

    def measure(self, session: Connection[Any], _now: Micros) -> Iterable[Sample]:
        """Samples of all financings together: a bank's own figures are for the bank."""
        end = time.monotonic() + STEP_SECONDS
        while (full := self._follow(session)) and time.monotonic() < end:
            pass
        self._whole |= not full
        return tuple(self._counted())

    def _counted(self) -> Iterator[Sample]:
        if self._whole:
            for (before, now), count in sorted(self.counts.items()):
                yield Sample(gauges.FINANCING_TRANSITIONS, (before, now), count)

    def _follow(self, session: Connection[Any]) -> bool:
        """Take one step; whether more may remain."""
        xid, no = self._after
        parameters = {"xid": xid, "no": no, "limit": DECISION_BATCH, "disposing": DISPOSING}
        rows = session.execute(statement("decided"), parameters).fetchall()
        for edge in _transitions(session, [row[1:6] for row in rows if row[6]]):
            self.counts[edge] += 1
        self.followed += len(rows)
        if rows:
            self._after = rows[-1][0], rows[-1][1]
        return len(rows) == DECISION_BATCH


def _transitions(session: Connection[Any], rows: Sequence[Sequence[Any]]) -> Iterator[Transition]:
    """The transitions of decisions, given as (number, action, has an amount, financing, frees)."""
    pairs = [
        (number, name, Decision(Action(action), paid, own))
        for number, action, paid, own, frees in rows
        for name in (own, *frees)
    ]
    parameters = {
        "financings": [UUID(bytes=financing_id(name)) for _, name, _ in pairs],
        "numbers": [number for number, _, _ in pairs],
        "disposing": DISPOSING,
    }
    before = session.execute(statement("decided_before"), parameters).fetchall()
    for (_, name, decision), (action, paid, own) in zip(pairs, before, strict=True):
        was = status_after(None if action is None else Decision(Action(action), paid, own), name)
        is_ = status_after(decision, name)
        if decision.financing != name:
            if was.ended:
                continue  # nothing was left to free
            is_ = FinancingStatus.EXPIRED if was is FinancingStatus.RESERVED else FinancingStatus.SUPERSEDED
        if was is not is_:
            yield was, is_


def measure_last_decisions(session: Connection[Any], _now: Micros) -> Iterator[Sample]:
    """By status: the earliest of the last decisions on financings that hold an interest.

    Reads every such financing.
    """
    for pledged, at in session.execute(statement("last_decided")).fetchall():
        yield Sample(gauges.FINANCING_LAST_DECISION, ("pledged" if pledged else "reserved",), at / SECOND)
