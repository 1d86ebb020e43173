"""The state rebuilt into a new generation and put in use; or the generation before put back in use."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import psycopg
from psycopg import Connection

from services.audit.replay import generation_build
from services.audit.replay.catch_up import Follower
from services.audit.replay.event_reader import blocks_after
from services.audit.replay.generation_build import APPLICATION, BuildWorker
from services.audit.replay.generation_differences import Comparison
from services.audit.replay.outcome import ReplayError, ReplayResult, described
from services.audit.replay.switchover import Switchover
from services.audit.report import Progress, ThrottledProgress
from services.audit.worker_pool import WorkerPool
from services.ledger.storage.fold_version import fold_version
from services.ledger.storage.generations import create_generation, drop_generation
from services.ledger.storage.session import Session, open_session, set_session_generation

_LOCK = 0x7265706C6179  # "replay"


def replay(
    dsn: str, *, processes: int = 2, accept_differences: bool = False, progress: Progress | None = None
) -> ReplayResult:
    """Build the next generation from all stored events, compare it with the one in use, and switch; blocks.

    Workers go on and are held twice, at most about a second each time; after the switch they begin again with the new
    generation, and the old one stays for ``rollback``. Raises Differs where both fold by the same rules and rows
    differ all the same, unless ``accept_differences``; ReplayError, psycopg.Error.
    """
    started = time.monotonic()
    report = progress or ThrottledProgress(None)
    with (
        WorkerPool(processes, fork=True) as pool,
        _exclusive(dsn) as control,
        open_session(dsn, APPLICATION) as session,
    ):
        previous, previous_version = _in_use(control)
        _drop_leftovers(control)
        generation = _next(control)
        blocks = blocks_after(session, 0, 0, horizon=True)
        session.commit()
        total = sum(block.events for block in blocks)
        set_session_generation(session, generation)
        with pool.workers(partial(BuildWorker, dsn, generation)) as workers:
            done = 0
            portions = list(generation_build.portions(blocks, generation_build.UNIT))
            for count in workers.run(generation_build.fill, portions):
                done += count
                report("events", done, total)
            follower = Follower(generation, quarantined=_quarantined(session))
            generation_build.fold(session, workers, blocks, report)
        pool.close()
        if blocks:
            follower.xid, follower.first = blocks[-1].xid, blocks[-1].first
        built = time.monotonic() - started
        with Switchover(dsn, follower, previous, report) as switchover:
            compared = switchover.run(previous_version == fold_version(), accept_differences)
        return _result(switchover, compared, previous_version, started, total, built)


def rollback(dsn: str, *, progress: Progress | None = None) -> ReplayResult:
    """Put the generation that was in use before back in use, brought up to date with what was accepted since; blocks.

    Differences between the two are counted and do not stop it: they may be the reason. Raises ReplayError where no
    retired generation folds by the rules of this process.
    """
    started = time.monotonic()
    with _exclusive(dsn) as control:
        previous, previous_version = _in_use(control)
        row = control.execute(
            "SELECT number, left_xid::text FROM lianyun.generation "
            "WHERE state = 'RETIRED' AND fold_version = %s AND left_xid IS NOT NULL ORDER BY since DESC LIMIT 1",
            (fold_version(),),
        ).fetchone()
        control.commit()
        if row is None:
            raise ReplayError(
                f"There is no earlier generation that folds by version {fold_version()}. "
                "Roll back with the release that made it, or replay."
            )
        generation, left = row
        # Transactions below that one are in it: the switch had held all other writers.
        follower = Follower(generation, xid=int(left), first=-1, quarantined=set())
        report = progress or ThrottledProgress(None)
        with Switchover(dsn, follower, previous, report) as switchover:
            compared = switchover.run(same_rules=False, accept_differences=True)
        return _result(switchover, compared, previous_version, started)


def drop(dsn: str, number: int | None = None) -> list[int]:
    """Remove generation ``number``, or all that are not in use, and return which; ReplayError where it is in use."""
    with _exclusive(dsn) as control:
        rows = control.execute("SELECT number, state FROM lianyun.generation ORDER BY number").fetchall()
        states: dict[int, str] = dict(rows)
        wanted = [number] if number is not None else [n for n, state in states.items() if state != "CURRENT"]
        for each in wanted:
            if each not in states:
                raise ReplayError(f"There is no generation {each}; there are {sorted(states)}.")
            if states[each] == "CURRENT":
                raise ReplayError(f"Generation {each} is in use.")
            drop_generation(control, each)
        control.commit()
        return wanted


@contextmanager
def _exclusive(dsn: str) -> Iterator[Connection[Any]]:
    """A session whose advisory lock excludes other replays until it is closed."""
    with psycopg.connect(dsn, application_name=APPLICATION) as control:
        row = control.execute("SELECT pg_try_advisory_lock(%s)", (_LOCK,)).fetchone()
        control.commit()
        if row != (True,):
            raise ReplayError("Another replay is under way on this database; wait for its end.")
        yield control


def _in_use(control: Connection[Any]) -> tuple[int, str]:
    row = control.execute(
        "SELECT number, fold_version FROM lianyun.generation WHERE state = 'CURRENT'"
    ).fetchone()
    control.commit()
    if row is None:
        raise ReplayError("No generation of the state is in use; run `lianyun db migrate`.")
    return int(row[0]), str(row[1])


def _drop_leftovers(control: Connection[Any]) -> None:
    """Drop the generations of replays that did not finish."""
    rows = control.execute("SELECT number FROM lianyun.generation WHERE state = 'BUILDING'").fetchall()
    for (number,) in rows:
        drop_generation(control, number)
    control.commit()


def _next(control: Connection[Any]) -> int:
    row = control.execute("SELECT max(number) + 1 FROM lianyun.generation").fetchone()
    assert row is not None
    create_generation(control, row[0])
    control.commit()
    return int(row[0])


def _quarantined(session: Session) -> set[int]:
    rows = session.execute("SELECT no FROM lianyun.quarantine").fetchall()
    session.commit()
    return {row[0] for row in rows}


def _result(
    switchover: Switchover,
    compared: Comparison,
    previous_version: str,
    started: float,
    events: int = 0,
    build_seconds: float = 0.0,
) -> ReplayResult:
    return ReplayResult(
        generation=switchover.generation,
        previous=switchover.previous,
        fold_version=fold_version(),
        previous_fold_version=previous_version,
        events=events,
        caught_up=switchover.caught_up,
        compared=compared.heads,
        differences=compared.differing,
        seconds=time.monotonic() - started,
        build_seconds=build_seconds,
        hold_seconds=switchover.holds.longest,
        holds=switchover.holds.count,
        shown=tuple(map(described, compared.shown)),
    )
