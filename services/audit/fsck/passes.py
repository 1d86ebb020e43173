"""The pass over the events, in this process or shared by several that see the same snapshot."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor
from multiprocessing import get_context
from typing import TypeVar

import psycopg

from services.audit.fsck.events import EventPass, Range
from services.audit.fsck.evidence import Evidence
from services.audit.fsck.finding import Notebook
from services.audit.fsck.readmission import Rejudging
from services.audit.fsck.snapshot import Snapshot
from services.ledger.admission.model import AdmissionSettings
from services.ledger.registry.store import RecordedEvent, RegistryHistory

Found = tuple[Notebook, Evidence]
INFRASTRUCTURE = (psycopg.OperationalError, psycopg.InterfaceError, OSError, MemoryError, BrokenExecutor)
"""What no stored row is to blame for: it ends the check."""
Result = TypeVar("Result")


def attempt(
    snapshot: Snapshot, notebook: Notebook, what: str, work: Callable[[], Result], otherwise: Result
) -> Result:
    """What ``work`` gives; ``otherwise`` where what is stored in ``what`` ends it by an error, which is put down.

    Whatever else is to be checked can go on in the same snapshot. Raises INFRASTRUCTURE.
    """
    try:
        with snapshot.connection.transaction():
            return work()
    except INFRASTRUCTURE:
        raise
    except Exception as problem:
        notebook.unreadable(what, problem)
        return otherwise


def check_events(
    dsn: str,
    snapshot: Snapshot,
    settings: AdmissionSettings,
    history: RegistryHistory,
    ranges: Sequence[Range],
    processes: int,
) -> Iterator[Found]:
    """What each of ``ranges`` holds, in their order; judged by the registry of ``history``."""
    if processes <= 1 or len(ranges) < 2 * processes:
        checker = _Checker(snapshot, settings, history)
        yield from map(checker.check, ranges)
        return
    context = get_context("spawn")
    shared = snapshot.shared()
    with ProcessPoolExecutor(
        processes, mp_context=context, initializer=_join, initargs=(dsn, shared, settings, history.events)
    ) as pool:
        yield from pool.map(_check, ranges)


class _Checker:
    def __init__(self, snapshot: Snapshot, settings: AdmissionSettings, history: RegistryHistory) -> None:
        self._snapshot = snapshot
        self._notebook = Notebook()
        self._rejudging = Rejudging(history, settings, self._notebook)

    def check(self, wanted: Range) -> Found:
        evidence = Evidence()
        events = EventPass(self._snapshot, self._rejudging, self._notebook, evidence)
        where = f"rows of events {wanted.first} to {wanted.end - 1}"
        attempt(self._snapshot, self._notebook, where, lambda: events.check(wanted), 0)
        return self._notebook.taken(), evidence


_checker: _Checker | None = None


def _join(dsn: str, shared: str, settings: AdmissionSettings, recorded: tuple[RecordedEvent, ...]) -> None:
    global _checker
    _checker = _Checker(Snapshot.open(dsn, join=shared), settings, RegistryHistory(recorded))


def _check(wanted: Range) -> Found:
    assert _checker is not None
    return _checker.check(wanted)
