"""`bench pipeline`: the whole measurement on a local stack of its own, from the empty machine to the report."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from schemas.schemes import Scheme
from services.testbed.bench import machine
from services.testbed.bench.admission_cost import admission_stages
from services.testbed.bench.drain import Drained, copy_rows_per_second, drain, load_base, per_second, replayed
from services.testbed.bench.environment import Fixture
from services.testbed.bench.live import WARM_UP, LiveRun, live, percentile
from services.testbed.bench.mix import MIX, Plan, base
from services.testbed.bench.naive import naive_events_per_second, sample
from services.testbed.bench.projection_cost import ProjectionCost, compare
from services.testbed.bench.signed import write_signed
from services.testbed.bench.world import World
from services.testbed.localstack.kafka_runtime import KAFKA_VERSION
from services.testbed.localstack.stack import LocalStack

MEANING: Final = {
    "signed_events_per_second": "messages applied a second, each under its own ed25519 signature; prefilled topics, "
    "from the first commit seen to the last; two drains",
    "batch_signed_events_per_second": "the same mix under ed25519-batch, up to 64 events of a party under one signature; "
    "two drains, between the two others, so that neither scheme has the better part of the hour",
    "drains": "each drain's rate, and the processor time of an event over both of its kind",
    "head_rows_per_second": "rows of consignment and train heads written a second during the first ed25519 drain",
    "logical_updates_per_second": "consignments concerned by the accepted new events, a second: a train's event "
    "concerns all that it carries",
    "naive_faust_events_per_second": "one process of stock Faust: async for, signature check, one upsert and one commit "
    "per event; beside it the same with as many processes as there are workers",
    "copy_rows_per_second": "bodies of the same messages copied into one table over one connection, committed by 2,000",
    "publish_to_visible_ms": "from handing an event to the publisher's client until another session could read what "
    "it changed; that session looked every 10 ms",
    "replay_events_per_second": "stored events a second into a new generation of the state, to the switch",
    "cpu_us_per_event": "processor time: workers, postgres and kafka as whole processes during the first ed25519 drain; the "
    "stages of admission and packing in one quiet process",
    "transaction_us_per_event": "elapsed time on the workers' database threads by stage, waiting for Postgres included",
    "session_us_per_event": "what the workers' sessions in Postgres did or waited for, sampled every 50 ms",
    "lock_wait_us_per_event": "the part of it that waited for locks on rows, transactions and tables",
    "projections": "the ed25519 drain, two times each: workers without projections; and with those of financing and credit, "
    "one consignment in ten pledged, the follower of the credit signals running beside. cost_share is the part of the "
    "throughput that both cost together; followed is how many of the stored events the follower had followed by the end",
}
BUDGET: Final = {"parse_and_schema": 30.0, "resolve_and_merge": 60.0, "database": 60.0}
"""Microseconds an event may cost."""
_RESOLVING: Final = frozenset(
    {"settle", "resolve", "judge", "stop links", "reach", "heads", "trains", "merge"}
)
"""Stages of the transaction that resolve and merge; all others are the database's own."""


def rounded(values: Mapping[str, float | None], digits: int = 1) -> dict[str, float | None]:
    """The values rounded, None kept."""
    return {name: None if value is None else round(value, digits) for name, value in values.items()}


def per_event(seconds: Mapping[str, float | None], events: int) -> dict[str, float | None]:
    """Seconds as microseconds of one of ``events``."""
    each = {name: None if value is None else value / max(events, 1) * 1e6 for name, value in seconds.items()}
    return rounded(each)


def rates(drained: Drained) -> dict[str, Any]:
    """The figures of an ed25519 drain, but for its rate."""
    heads = drained.rows.get("head", 0) + drained.rows.get("train_head", 0)
    scale = drained.per_second / max(drained.shelf.events, 1)
    return {
        "head_rows_per_second": round(heads * scale),
        "logical_updates_per_second": round(drained.logical * scale),
        "lock_wait_us_per_event": round(drained.lock_seconds / max(drained.covered, 1) * 1e6, 2),
        "transaction_us_per_event": per_event(drained.stages, drained.shelf.events),
        "session_us_per_event": per_event(drained.sessions, drained.covered),
        "drain": {
            "messages": drained.shelf.events,
            "seconds": round(drained.seconds, 2),
            "transactions": round(drained.steps["transactions"]),
            "worker_seconds": rounded(drained.steps, 2),
            "worker_resident_mb": {str(applied): each for applied, each in drained.resident_mb.items()},
            "rows_written_per_event": rounded(
                {table: count / drained.shelf.events for table, count in sorted(drained.rows.items())}, 3
            ),
        },
    }


def cpu(drained: Drained, admission: Mapping[str, float]) -> dict[str, float | None]:
    """Processor time per event, by process and by stage of admission."""
    return per_event(drained.cpu, drained.covered) | rounded(admission)


def budget(drained: Drained, admission: Mapping[str, float]) -> dict[str, dict[str, float | bool]]:
    """What an event cost against what it may cost; elapsed time for what happens in the transaction."""
    stages = {name: seconds / max(drained.shelf.events, 1) * 1e6 for name, seconds in drained.stages.items()}
    spent = {
        "parse_and_schema": admission["admission: parse and schema"],
        "resolve_and_merge": sum(us for stage, us in stages.items() if stage in _RESOLVING),
        "database": sum(us for stage, us in stages.items() if stage not in _RESOLVING),
    }
    return {
        name: {"us": round(us, 1), "budget_us": BUDGET[name], "kept": us <= BUDGET[name]}
        for name, us in spent.items()
    }


def latency(live_run: LiveRun) -> dict[str, Any]:
    """The figures of the live run."""
    return {
        "p50": round(percentile(live_run.visible, 0.50), 1),
        "p99": round(percentile(live_run.visible, 0.99), 1),
        "max": round(live_run.visible[-1], 1),
        "at_events_per_second": round(live_run.offered),
        "events": live_run.events,
        "from_append_p50": round(percentile(live_run.from_append, 0.50), 1),
        "from_append_p99": round(percentile(live_run.from_append, 0.99), 1),
        "publisher_late_ms_max": round(live_run.publishers_late_ms, 1),
        "cores_busy": dict(live_run.cores),
    }


def pipeline_goals(result: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Each goal of the pipeline, the measurement, and whether it is reached."""
    rate, naive = result["signed_events_per_second"], result["naive_faust_events_per_second"]
    batches = result["batch_signed_events_per_second"]
    asked: Sequence[Goal] = (
        ("signed_events_per_second", 8_000, rate, True),
        # 1.4 times the 8,000, and 1.4 times what was measured: the second gets harder the cheaper a signature of its own is.
        ("batch_signed_events_per_second", 11_200, batches, True),
        ("batch_to_signed", 1.4, batches / max(rate, 1), True),
        ("signed_to_naive", 5.0, rate / max(naive, 1), True),
        ("publish_to_visible_p99_ms", 500, result["publish_to_visible_ms"]["p99"], False),
        ("replay_events_per_second", 15_000, result["replay_events_per_second"], True),
    )
    return goal_results(asked)


def drain_figures(drains: Sequence[Drained]) -> dict[str, Any]:
    """The rates of drains of one kind, and what an event cost over all of them."""
    spent = {
        who: None if any(d.cpu[who] is None for d in drains) else sum(d.cpu[who] or 0.0 for d in drains)
        for who in drains[0].cpu
    }
    return {
        "events_per_second": round(per_second(drains)),
        "of_each": [round(d.per_second) for d in drains],
        "cpu_us_per_event": per_event(spent, sum(d.covered for d in drains)),
    }


def projections(compared: ProjectionCost) -> dict[str, Any]:
    """The figures of the drains with and without projections."""
    return {
        "projections": {
            "without": drain_figures(compared.bare),
            "with": drain_figures(compared.projected),
            "cost_share": round(compared.share, 3),
            "stored": compared.stored,
            "followed": compared.followed,
            "followed_per_second": round(
                compared.followed / max(sum(d.covered_seconds for d in compared.projected), 0.001)
            ),
            "watched": compared.watched,
        }
    }


def projection_goals(result: Mapping[str, Any]) -> Sequence[Goal]:
    """The goals of the projections."""
    return (("projections_cost_share", 0.25, result["projections"]["cost_share"], False),)


Goal = tuple[str, float, float | None, bool]
"""Name, goal, measurement, and whether more is better."""


def goal_results(asked: Sequence[Goal]) -> dict[str, dict[str, Any]]:
    """Each goal with its measurement and whether it is reached."""
    return {
        name: {
            "asked": goal,
            "measured": None if value is None else round(value, 2),
            "reached": value is not None and (value >= goal if more else value <= goal),
        }
        for name, goal, value, more in asked
    }


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

    ``projections`` measures what credit and financing cost, and nothing else. Raises StackError, WrongCount, WorkersFailed, SendingFailed, NaiveFailed.
    """
    scale = scale or Scale()
    began = time.monotonic()
    hardware = machine.hardware()

    def progress(line: str) -> None:
        say(f"[{time.monotonic() - began:6.1f} s] {line}")

    with TemporaryDirectory(prefix="lianyun-bench-") as folder, LocalStack() as stack:
        progress("Kafka and Postgres run")
        fixture = Fixture(stack, Path(folder))
        result = (_cost if projections else _measure)(fixture, scale, progress)
        result |= {
            "hardware": hardware,
            "versions": machine.versions(stack.dsn, KAFKA_VERSION),
            "postgres_settings": machine.postgres_settings(stack.dsn),
            "commit": machine.commit(),
            "meaning": {name: meant for name, meant in MEANING.items() if name in result},
            "wall_seconds": round(time.monotonic() - began, 1),
        }
    return result


def _founded(fixture: Fixture, scale: Scale, progress: Say) -> World:
    world = World(scale.consignments)
    founded = write_signed(base(world), Scheme.ED25519_BATCH, fixture.folder / "base")
    took = load_base(fixture, founded, scale.workers)
    progress(f"{scale.consignments} consignments stand ({founded.events} events in {took:.0f} s)")
    return world


def _cost(fixture: Fixture, scale: Scale, progress: Say) -> dict[str, Any]:
    world = _founded(fixture, scale, progress)
    compared = compare(fixture, world, scale.events, scale.workers, scale.batch_events, scale.seed, progress)
    result = projections(compared)
    return {**result, "asked": goal_results(projection_goals(result))}


def _measure(fixture: Fixture, scale: Scale, progress: Say) -> dict[str, Any]:
    world = _founded(fixture, scale, progress)
    singles, batches = _drains(fixture, world, scale, progress)
    single = singles[0]
    live_run = _live(fixture, world, scale, progress)
    again = replayed(single.dsn, scale.workers)
    progress(f"replay: {again.per_second:.0f} events/s, workers held for {again.longest_hold:.2f} s at most")
    messages = sample(single.shelf, max(scale.naive_events, 1))
    few = list(islice(messages, 4_000))
    admission = admission_stages(few)
    copied = copy_rows_per_second(fixture.stack.dsn, few, scale.copied_rows)
    naive = {
        processes: naive_events_per_second(
            fixture.stack.bootstrap,
            fixture.stack.dsn,
            messages,
            processes,
            fixture.folder / f"naive-{processes}",
        )
        for processes in sorted({1, scale.workers})
    }
    progress(f"naive agents: {', '.join(f'{n}: {rate:.0f} events/s' for n, rate in naive.items())}")
    progress(f"copy: {copied:.0f} rows/s")
    result: dict[str, Any] = {
        "signed_events_per_second": round(per_second(singles)),
        "batch_signed_events_per_second": round(per_second(batches)),
        **rates(single),
        "drains": {"ed25519": drain_figures(singles), "ed25519-batch": drain_figures(batches)},
        "naive_faust_events_per_second": round(naive[1]),
        "naive_faust_events_per_second_by_processes": {str(n): round(rate) for n, rate in naive.items()},
        "copy_rows_per_second": round(copied),
        "publish_to_visible_ms": latency(live_run),
        "replay_events_per_second": round(again.per_second),
        "replay": {
            "events": again.events,
            "seconds": round(again.seconds, 2),
            "longest_hold_seconds": round(again.longest_hold, 3),
            "rows_compared": again.compared,
        },
        "cpu_us_per_event": cpu(single, admission),
        "budget": budget(single, admission),
        "mix": {
            **MIX.shares(),
            "workers": scale.workers,
            "consignments": world.consignments,
            "trains": world.trains,
            "seed": scale.seed,
            "drawn": dict(sorted(single.counts.items())),
        },
    }
    return result | {"asked": pipeline_goals(result)}


def _drains(
    fixture: Fixture, world: World, scale: Scale, progress: Say
) -> tuple[list[Drained], list[Drained]]:
    """Two drains under single signatures and two under those of batches, in the order 1 2 2 1.

    What the machine gains or loses over the minutes then falls on both alike.
    """
    found: dict[Scheme, list[Drained]] = {Scheme.ED25519: [], Scheme.ED25519_BATCH: []}
    for scheme in (Scheme.ED25519, Scheme.ED25519_BATCH, Scheme.ED25519_BATCH, Scheme.ED25519):
        name = f"bench_{'single' if scheme is Scheme.ED25519 else 'batch'}_{len(found[scheme]) + 1}"
        found[scheme].append(_drain(fixture, world, scale, scheme, name, progress))
    return found[Scheme.ED25519], found[Scheme.ED25519_BATCH]


def _drain(fixture: Fixture, world: World, scale: Scale, scheme: Scheme, name: str, progress: Say) -> Drained:
    plan = Plan(world, scale.events, scale.seed, name)
    drained = drain(fixture, plan, scheme, name, scale.workers, scale.batch_events)
    progress(f"{scheme}: {drained.per_second:.0f} events/s over {drained.seconds:.1f} s")
    return drained


def _live(fixture: Fixture, world: World, scale: Scale, progress: Say) -> LiveRun:
    wanted = int(scale.rate * (scale.seconds + WARM_UP) * 1.02) + 1
    live_run = live(
        fixture, Plan(world, wanted, scale.seed, "live"), scale.rate, scale.seconds, scale.workers
    )
    figures = latency(live_run)
    progress(f"live at {live_run.offered:.0f}/s: p50 {figures['p50']} ms, p99 {figures['p99']} ms")
    return live_run
