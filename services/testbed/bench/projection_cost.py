"""What the projections cost: the same ed25519 drain with credit and financing, and without either.

With them, workers note statements on financing, which pledges a fact may concern, and consents, and the follower of the credit
signals runs beside them; every tenth consignment is pledged. Without them, workers only store events and fold heads. Both kinds
of drain start from the same database, in the order with, without, without, with, so that a machine that gets slower or quicker
favours neither.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import psycopg

from schemas.schemes import Scheme
from services.credit.domain.signals import model
from services.credit.store import projector
from services.credit.store.projector import Places
from services.domain.objects import consignment
from services.financing.store.identifiers import financing_id
from services.ledger.storage import event_reader
from services.ledger.storage.arrays import adapt, uuids
from services.processors.supervisor import COMMAND, Supervisor
from services.testbed.bench.drain import Drained, drain, per_second
from services.testbed.bench.environment import Fixture, WorkersFailed, stored_events
from services.testbed.bench.mix import Plan
from services.testbed.bench.world import World, key

BARE = (sys.executable, "-m", "services.testbed.bench.bare_worker")
FOLLOWER = (sys.executable, "-m", "services.credit")
PLEDGED_EVERY = 10
_PATIENCE = 60.0
ROUNDS = (True, False, False, True)
_HOLD = (
    b"INSERT INTO lianyun.financing_hold (financing, name, blocks, pledged, ended)"
    b" SELECT n.id, n.name, true, true, false FROM unnest(%(ids)s::uuid[], %(names)s::text[]) AS n (id, name)"
)
_CARGO = (
    b"INSERT INTO lianyun.financing_cargo (consignment, financing, key)"
    b" SELECT n.cons, n.id, n.key FROM unnest(%(cons)s::uuid[], %(ids)s::uuid[], %(keys)s::text[]) AS n (cons, id, key)"
)


@dataclass(frozen=True, slots=True)
class ProjectionCost:
    """The drains of both kinds. Of the events ``stored`` with projections the follower had ``followed`` so many in the end."""

    bare: tuple[Drained, ...]
    projected: tuple[Drained, ...]
    stored: int
    followed: int
    watched: int

    @property
    def share(self) -> float:
        """The part of the bare throughput that the projections cost."""
        return 1.0 - per_second(self.projected) / per_second(self.bare)


def compare(
    fixture: Fixture,
    world: World,
    events: int,
    workers: int,
    batch_events: int,
    seed: int,
    progress: Callable[[str], None],
) -> ProjectionCost:
    """Run the drains, each on a copy of the base of its own. Raises what ``drain`` raises."""
    stand_at_the_end(fixture.base)
    pledge(fixture.base, world)
    found: dict[bool, list[Drained]] = {True: [], False: []}
    before, stored, followed, watched = stored_events(fixture.base), 0, 0, 0
    for number, projected in enumerate(ROUNDS):
        name = f"bench_{'projected' if projected else 'bare'}_{number}"
        plan = Plan(world, events, seed, name)
        with follower(fixture, name) if projected else nothing() as beside:
            drained = drain(
                fixture,
                plan,
                Scheme.ED25519,
                name,
                workers,
                batch_events,
                command=COMMAND if projected else BARE,
                opened=beside,
            )
        found[projected].append(drained)
        if projected:
            new = stored_events(drained.dsn) - before
            stored, followed = stored + new, followed + new - left(drained.dsn)
            watched += _count(drained.dsn, b"SELECT count(*) FROM lianyun.financing_watch")
        progress(f"{'with' if projected else 'without'} projections: {drained.per_second:.0f} events/s")
    return ProjectionCost(tuple(found[False]), tuple(found[True]), stored, followed, watched)


def _moment(dsn: str, query: bytes = b"SELECT now()") -> datetime:
    with psycopg.connect(dsn) as session:
        row = session.execute(query).fetchone()
        assert row is not None
        found: datetime = row[0]
        return found


def left(dsn: str) -> int:
    """How many events the follower has not followed."""
    with psycopg.connect(dsn) as session:
        adapt(session)
        at = projector.hold(session).events
        return len(event_reader.tail(session, at, 10_000_000)[0])


def _count(dsn: str, query: bytes) -> int:
    with psycopg.connect(dsn) as session:
        row = session.execute(query).fetchone()
        return int(row[0]) if row else 0


@contextmanager
def follower(fixture: Fixture, name: str) -> Iterator[Callable[[str], None]]:
    """A follower of the credit signals that starts once its database is known, and is stopped at the end.

    Its start takes a second of a processor, which is not what is measured: it is waited for.
    """
    running: list[Supervisor] = []

    def opened(dsn: str) -> None:
        environment = {"LIANYUN_DSN": dsn, "LIANYUN_LOG_LEVEL": "WARNING"}
        logs = Path(fixture.folder) / f"{name}-credit-logs"
        began = _moment(dsn)
        running.append(Supervisor(environment, 1, logs=logs, command=FOLLOWER).start())
        until = time.monotonic() + _PATIENCE
        while _moment(dsn, b"SELECT whole_at FROM lianyun.credit_cursor") < began:
            if time.monotonic() > until:
                raise WorkersFailed(
                    f"the follower of the credit signals did not begin within {_PATIENCE:.0f} s"
                )
            time.sleep(0.1)

    try:
        yield opened
    finally:
        for one in running:
            one.stop()


@contextmanager
def nothing() -> Iterator[Callable[[str], None]]:
    """Nothing runs beside the workers."""
    yield lambda _dsn: None


def stand_at_the_end(dsn: str) -> None:
    """Let the credit signals stand at the last event of the base, as if they had been followed all along."""
    with psycopg.connect(dsn) as session:
        adapt(session)
        projector.prepare(session, projector.version(model()))
        projector.advance(session, Places(events=event_reader.before_last(session, 0)), whole=True)


def pledge(dsn: str, world: World) -> None:
    """Pledge every tenth consignment to a bank, as decisions would have left it."""
    keys = [key(number) for number in range(0, world.consignments, PLEDGED_EVERY)]
    names = [f"silkbank/L-{number}" for number in range(len(keys))]
    ids = uuids([financing_id(name) for name in names])
    things = uuids([consignment(*each.split("/", 1)).id for each in keys])
    with psycopg.connect(dsn) as session:
        adapt(session)
        session.execute(_HOLD, {"ids": ids, "names": names})
        session.execute(_CARGO, {"cons": things, "ids": ids, "keys": keys})
