"""Rebuild the state into a new generation, and put it in use; or go back to the one before."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import Connection

from services.audit.replay import bulk, derivation
from services.audit.replay.catch_up import Follower
from services.audit.replay.outcome import Progress, Replayed, ReplayError
from services.audit.replay.source import blocks_after
from services.audit.replay.switchover import Switching
from services.audit.replay.workers import APPLICATION, Crew
from services.domain.rules import fold_version
from services.ledger.storage.generations import create_generation, drop_generation
from services.ledger.storage.session import Session, open_session, set_session_generation

_ALONE = 0x7265706C6179  # "replay"


def replay(
    dsn: str, *, processes: int = 2, accept_differences: bool = False, progress: Progress | None = None
) -> Replayed:
    """Build the next generation from all stored events, compare it with the one in use, and switch; blocks.

    Workers go on and are held twice, at most about a second each time; after the switch they begin again with the new
    generation, and the old one stays for ``rollback``. Raises Differs where both fold by the same rules and rows
    differ all the same, unless ``accept_differences``; ReplayError, psycopg.Error.
    """
    started = time.monotonic()
    told = progress or _silent
    with (
        Crew(dsn, processes) as crew,
        _alone(dsn) as gate,
        open_session(dsn, APPLICATION) as session,
    ):
        previous, previous_version = _in_use(gate)
        _drop_leftovers(gate)
        generation = _next(gate)
        blocks = blocks_after(session, 0, 0, horizon=True)
        session.commit()
        total = sum(block.events for block in blocks)
        set_session_generation(session, generation)
        with crew.building(generation):
            done = 0
            for count in crew.run(bulk.fill, list(bulk.portions(blocks, bulk.UNIT))):
                done += count
                told("events", done, total)
            follower = Follower(generation, quarantined=_quarantined(session))
            derivation.fold(session, crew, blocks, told)
        if blocks:
            follower.xid, follower.first = blocks[-1].xid, blocks[-1].first
        built = time.monotonic() - started
        with Switching(dsn, follower, previous, told) as switching:
            compared = switching.run(previous_version == fold_version(), accept_differences)
        return Replayed(
            generation=generation,
            previous=previous,
            fold_version=fold_version(),
            previous_fold_version=previous_version,
            events=total,
            caught_up=switching.caught_up,
            compared=compared.heads,
            differences=compared.differing,
            seconds=time.monotonic() - started,
            build_seconds=built,
            hold_seconds=switching.holds.longest,
            holds=switching.holds.count,
            shown=compared.shown,
        )


def rollback(dsn: str, *, progress: Progress | None = None) -> Replayed:
    """Put the generation that was in use before back in use, brought up to date with what was accepted since; blocks.

    Differences between the two are counted and do not stop it: they may be the reason. Raises ReplayError where no
    retired generation folds by the rules of this process.
    """
    started = time.monotonic()
    with _alone(dsn) as gate:
        previous, previous_version = _in_use(gate)
        row = gate.execute(
            "SELECT number, left_xid::text FROM lianyun.generation "
            "WHERE state = 'RETIRED' AND fold_version = %s AND left_xid IS NOT NULL ORDER BY since DESC LIMIT 1",
            (fold_version(),),
        ).fetchone()
        gate.commit()
        if row is None:
            raise ReplayError(
                f"There is no earlier generation that folds by version {fold_version()}. "
                "Roll back with the release that made it, or replay."
            )
        generation, left = row
        # Transactions below that one are in it: the switch had shut everybody else out.
        follower = Follower(generation, xid=int(left), first=-1, quarantined=set())
        told = progress or _silent
        with Switching(dsn, follower, previous, told) as switching:
            compared = switching.run(same_rules=False, accept_differences=True)
        seconds = time.monotonic() - started
        return Replayed(
            generation=generation,
            previous=previous,
            fold_version=fold_version(),
            previous_fold_version=previous_version,
            events=0,
            caught_up=switching.caught_up,
            compared=compared.heads,
            differences=compared.differing,
            seconds=seconds,
            build_seconds=0.0,
            hold_seconds=switching.holds.longest,
            holds=switching.holds.count,
            shown=compared.shown,
        )


def drop(dsn: str, number: int | None = None) -> list[int]:
    """Remove generation ``number``, or all that are not in use, and return which; ReplayError where it is in use."""
    with _alone(dsn) as gate:
        rows = gate.execute("SELECT number, state FROM lianyun.generation ORDER BY number").fetchall()
        states: dict[int, str] = dict(rows)
        wanted = [number] if number is not None else [n for n, state in states.items() if state != "CURRENT"]
        for each in wanted:
            if each not in states:
                raise ReplayError(f"There is no generation {each}; there are {sorted(states)}.")
            if states[each] == "CURRENT":
                raise ReplayError(f"Generation {each} is in use.")
            drop_generation(gate, each)
        gate.commit()
        return wanted


@contextmanager
def _alone(dsn: str) -> Iterator[Connection[Any]]:
    """A session that keeps other replays out until it is closed."""
    with psycopg.connect(dsn, application_name=APPLICATION) as gate:
        row = gate.execute("SELECT pg_try_advisory_lock(%s)", (_ALONE,)).fetchone()
        gate.commit()
        if row != (True,):
            raise ReplayError("Another replay is under way on this database; wait for its end.")
        yield gate


def _in_use(gate: Connection[Any]) -> tuple[int, str]:
    row = gate.execute(
        "SELECT number, fold_version FROM lianyun.generation WHERE state = 'CURRENT'"
    ).fetchone()
    gate.commit()
    if row is None:
        raise ReplayError("No generation of the state is in use; run `lianyun db migrate`.")
    return int(row[0]), str(row[1])


def _drop_leftovers(gate: Connection[Any]) -> None:
    """What replays that did not come to their end have left."""
    rows = gate.execute("SELECT number FROM lianyun.generation WHERE state = 'BUILDING'").fetchall()
    for (number,) in rows:
        drop_generation(gate, number)
    gate.commit()


def _next(gate: Connection[Any]) -> int:
    row = gate.execute("SELECT max(number) + 1 FROM lianyun.generation").fetchone()
    assert row is not None
    create_generation(gate, row[0])
    gate.commit()
    return int(row[0])


def _quarantined(session: Session) -> set[int]:
    rows = session.execute("SELECT no FROM lianyun.quarantine").fetchall()
    session.commit()
    return {row[0] for row in rows}


def _silent(_stage: str, _done: int, _of: int) -> None:
    pass
