"""`bench pipeline`: the whole measurement on a local stack of its own, from the empty machine to the report."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from schemas.schemes import Scheme
from services.testbed.bench import machine, report
from services.testbed.bench.copy_ceiling import copy_rows_per_second
from services.testbed.bench.drain import Drained, drain, load_base, per_second
from services.testbed.bench.environment import Ground
from services.testbed.bench.live import WARM_UP, Lived, live
from services.testbed.bench.mix import MIX, Plan, base
from services.testbed.bench.naive_run import naive_events_per_second, sample
from services.testbed.bench.projection_cost import compare
from services.testbed.bench.replay_rate import replayed
from services.testbed.bench.signed import shelve
from services.testbed.bench.stages import admission_stages
from services.testbed.bench.world import World
from services.testbed.localstack.kafka_runtime import KAFKA_VERSION
from services.testbed.localstack.stack import LocalStack

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is measured: messages of each drain, workers, consignments of the world, the live run's rate and length.

    ``batch_events`` is the most that a worker takes into one transaction of a drain.
    """

    events: int = 200_000
    workers: int = 2
    consignments: int = 100_000
    rate: float = 2_000.0
    seconds: float = 25.0
    naive_events: int = 20_000
    copied_rows: int = 200_000
    batch_events: int = 4_000
    seed: int = 1


def bench_pipeline(
    scale: Scale | None = None, say: Say = lambda _line: None, projections: bool = False
) -> dict[str, Any]:
    """Measure the pipeline and return the report. Blocks for minutes; starts and stops servers of its own.

    ``projections`` measures what credit and financing cost, and nothing else. Raises StackError, WrongCount, CrewFailed, SendingFailed, NaiveFailed.
    """
    scale = scale or Scale()
    began = time.monotonic()
    hardware = machine.hardware()

    def tell(line: str) -> None:
        say(f"[{time.monotonic() - began:6.1f} s] {line}")

    with TemporaryDirectory(prefix="lianyun-bench-") as folder, LocalStack() as stack:
        tell("Kafka and Postgres run")
        ground = Ground(stack, Path(folder))
        result = (_cost if projections else _measure)(ground, scale, tell)
        result |= {
            "hardware": hardware,
            "versions": machine.versions(stack.dsn, KAFKA_VERSION),
            "postgres_settings": machine.postgres_settings(stack.dsn),
            "commit": machine.commit(),
            "meaning": {name: meant for name, meant in report.MEANING.items() if name in result},
            "wall_seconds": round(time.monotonic() - began, 1),
        }
    return result


def _founded(ground: Ground, scale: Scale, tell: Say) -> World:
    world = World(scale.consignments)
    founded = shelve(base(world), Scheme.ED25519_BATCH, ground.folder / "base")
    took = load_base(ground, founded, scale.workers)
    tell(f"{scale.consignments} consignments stand ({founded.events} events in {took:.0f} s)")
    return world


def _cost(ground: Ground, scale: Scale, tell: Say) -> dict[str, Any]:
    world = _founded(ground, scale, tell)
    compared = compare(ground, world, scale.events, scale.workers, scale.batch_events, scale.seed, tell)
    result = report.projections(compared)
    return {**result, "asked": report.against(report.projection_goals(result))}


def _measure(ground: Ground, scale: Scale, tell: Say) -> dict[str, Any]:
    world = _founded(ground, scale, tell)
    singles, batches = _drains(ground, world, scale, tell)
    single = singles[0]
    lived = _live(ground, world, scale, tell)
    again = replayed(single.dsn, scale.workers)
    tell(f"replay: {again.per_second:.0f} events/s, workers held for {again.longest_hold:.2f} s at most")
    messages = sample(single.shelf, max(scale.naive_events, 1))
    few = list(islice(messages, 4_000))
    admission = admission_stages(few)
    copied = copy_rows_per_second(ground.stack.dsn, few, scale.copied_rows)
    naive = {
        processes: naive_events_per_second(
            ground.stack.bootstrap,
            ground.stack.dsn,
            messages,
            processes,
            ground.folder / f"naive-{processes}",
        )
        for processes in sorted({1, scale.workers})
    }
    tell(f"naive agents: {', '.join(f'{n}: {rate:.0f} events/s' for n, rate in naive.items())}")
    tell(f"copy: {copied:.0f} rows/s")
    result: dict[str, Any] = {
        "signed_events_per_second": round(per_second(singles)),
        "batch_signed_events_per_second": round(per_second(batches)),
        **report.rates(single),
        "drains": {"ed25519": report.told(singles), "ed25519-batch": report.told(batches)},
        "naive_faust_events_per_second": round(naive[1]),
        "naive_faust_events_per_second_by_processes": {str(n): round(rate) for n, rate in naive.items()},
        "copy_rows_per_second": round(copied),
        "publish_to_visible_ms": report.latency(lived),
        "replay_events_per_second": round(again.per_second),
        "replay": {
            "events": again.events,
            "seconds": round(again.seconds, 2),
            "longest_hold_seconds": round(again.longest_hold, 3),
            "rows_compared": again.compared,
        },
        "cpu_us_per_event": report.cpu(single, admission),
        "budget": report.budget(single, admission),
        "mix": {
            **MIX.shares(),
            "workers": scale.workers,
            "consignments": world.consignments,
            "trains": world.trains,
            "seed": scale.seed,
            "drawn": dict(sorted(single.counts.items())),
        },
    }
    return result | {"asked": report.against_goals(result)}


def _drains(ground: Ground, world: World, scale: Scale, tell: Say) -> tuple[list[Drained], list[Drained]]:
    """Two drains under single signatures and two under those of batches, in the order 1 2 2 1.

    What the machine gains or loses over the minutes then falls on both alike.
    """
    found: dict[Scheme, list[Drained]] = {Scheme.ED25519: [], Scheme.ED25519_BATCH: []}
    for scheme in (Scheme.ED25519, Scheme.ED25519_BATCH, Scheme.ED25519_BATCH, Scheme.ED25519):
        name = f"bench_{'single' if scheme is Scheme.ED25519 else 'batch'}_{len(found[scheme]) + 1}"
        found[scheme].append(_drain(ground, world, scale, scheme, name, tell))
    return found[Scheme.ED25519], found[Scheme.ED25519_BATCH]


def _drain(ground: Ground, world: World, scale: Scale, scheme: Scheme, name: str, tell: Say) -> Drained:
    plan = Plan(world, scale.events, scale.seed, name)
    drained = drain(ground, plan, scheme, name, scale.workers, scale.batch_events)
    tell(f"{scheme}: {drained.per_second:.0f} events/s over {drained.seconds:.1f} s")
    return drained


def _live(ground: Ground, world: World, scale: Scale, tell: Say) -> Lived:
    wanted = int(scale.rate * (scale.seconds + WARM_UP) * 1.02) + 1
    lived = live(ground, Plan(world, wanted, scale.seed, "live"), scale.rate, scale.seconds, scale.workers)
    figures = report.latency(lived)
    tell(f"live at {lived.offered:.0f}/s: p50 {figures['p50']} ms, p99 {figures['p99']} ms")
    return lived
