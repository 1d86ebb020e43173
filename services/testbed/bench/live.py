"""The live rate: publishers send at a steady pace while the workers work; how long until each event can be read."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass

from schemas.schemes import Scheme
from services.testbed.bench.drain import await_applied, cpu_by_process
from services.testbed.bench.environment import Fixture, WorkerPool, WorkersFailed
from services.testbed.bench.mix import Plan
from services.testbed.bench.observation import LedgerSampler, cpu_seconds
from services.testbed.bench.senders import Publishers, Sent
from services.testbed.bench.signed import write_signed

WARM_UP = 5.0
"""Seconds of traffic before the measured ones, in which caches and plans are made."""
_SAMPLE_INTERVAL = 0.01


@dataclass(frozen=True, slots=True)
class LiveRun:
    """Milliseconds from handing an event to the publisher's client until another session could read what it changed.

    ``visible`` and ``from_append`` (the same from the broker's append time) are sorted, one per event; the reader
    looked every 10 ms, so a figure is up to 10 ms too large and never too small. ``offered`` is the rate that the
    publishers kept up; ``cores`` is how many processors each part of the system kept busy, publishers and the reader
    of these figures included.
    """

    visible: Sequence[float]
    from_append: Sequence[float]
    offered: float
    events: int
    publishers_late_ms: float
    cores: Mapping[str, float | None]


def live(fixture: Fixture, plan: Plan, rate: float, seconds: float, workers: int) -> LiveRun:
    """Publish ``plan`` at ``rate`` messages a second; the first WARM_UP seconds are not counted. Blocks.

    ``plan`` should hold ``rate * (seconds + WARM_UP)`` messages. Raises WorkersFailed.
    """
    with published(fixture, plan, rate, seconds, workers, "live") as run:
        return _live_run(run.ledger, run.sent, run.cores)


@dataclass(frozen=True, slots=True)
class Published:
    """What was published and applied: the database, how it was seen to advance, the messages, the processors kept busy."""

    dsn: str
    ledger: LedgerSampler
    sent: Sequence[Sent]
    cores: Mapping[str, float | None]


@contextmanager
def published(
    fixture: Fixture,
    plan: Plan,
    rate: float,
    seconds: float,
    workers: int,
    name: str,
    beside: Callable[[str], AbstractContextManager[object]] = nullcontext,
) -> Iterator[Published]:
    """Publish ``plan`` at ``rate`` messages a second for ``seconds`` and WARM_UP; the block begins when all is applied.

    The workers run until the block ends, and so does ``beside``, which is given the address of their database. Raises WorkersFailed.
    """
    shelf = write_signed(plan, Scheme.ED25519, fixture.folder / name)
    dsn = fixture.copy(f"bench_{name}")
    fixture.checkpoint()
    publishers = Publishers(fixture.stack.bootstrap, shelf, rate, seconds + WARM_UP)
    try:
        publishers.prepare()
        with (
            LedgerSampler(dsn, _SAMPLE_INTERVAL) as ledger,
            WorkerPool(
                fixture.stack.bootstrap, dsn, f"bench_{name}", workers, fixture.folder / f"{name}-logs"
            ) as pool,
            beside(dsn),
        ):
            pool.await_ready()
            before, started = _cpu(fixture, pool, publishers), time.monotonic()
            publishers.go()
            sent = publishers.result()
            fixture.note(sent)
            after, seconds = _cpu(fixture, pool, publishers), time.monotonic() - started
            await_applied(pool, ledger, fixture.published)
            yield Published(
                dsn, ledger, sent, {who: _share(before[who], after[who], seconds) for who in before}
            )
    finally:
        publishers.close()


def counted(sent: Sequence[Sent]) -> list[tuple[str, int, int, float, float]]:
    """The places of what was published after the warm-up (`Sent.places`); WorkersFailed where that is nothing."""
    begun = min(min(one.at, default=math.inf) for one in sent)
    found = [place for one in sent for place in one.places() if place[3] >= begun + WARM_UP]
    if not found:
        raise WorkersFailed("nothing was published after the warm-up: give more seconds")
    return found


def offered(places: Sequence[tuple[str, int, int, float, float]]) -> float:
    """Messages a second that the publishers kept up."""
    moments = [at for _, _, _, at, _ in places]
    return len(places) / max(max(moments) - min(moments), 1e-9)


def _live_run(ledger: LedgerSampler, sent: Sequence[Sent], cores: Mapping[str, float | None]) -> LiveRun:
    places = counted(sent)
    times = list(_times(ledger, places))
    return LiveRun(
        visible=sorted(seen - at for seen, at, _ in times),
        from_append=sorted(seen - appended for seen, _, appended in times),
        offered=offered(places),
        events=len(places),
        publishers_late_ms=max(one.late_seconds for one in sent) * 1_000,
        cores=cores,
    )


def _cpu(fixture: Fixture, pool: WorkerPool, publishers: Publishers) -> dict[str, float | None]:
    return {
        **cpu_by_process(fixture, pool),
        "publishers": cpu_seconds(publishers.pids()),
        "reader": cpu_seconds([os.getpid()]),
    }


def _share(before: float | None, after: float | None, seconds: float) -> float | None:
    return None if before is None or after is None else round((after - before) / max(seconds, 1e-9), 2)


def _times(
    ledger: LedgerSampler, places: Sequence[tuple[str, int, int, float, float]]
) -> Iterator[tuple[float, float, float]]:
    for topic, partition, offset, at, appended in places:
        seen = ledger.visible(topic, partition, offset)
        if seen is None:
            raise WorkersFailed(f"the event at {topic}/{partition}@{offset} was never seen")
        yield seen * 1_000, at * 1_000, appended * 1_000


def percentile(ordered: Sequence[float], share: float) -> float:
    """The value below which ``share`` of the sorted values lie, by the nearest rank."""
    return ordered[min(len(ordered) - 1, max(0, math.ceil(share * len(ordered)) - 1))]
