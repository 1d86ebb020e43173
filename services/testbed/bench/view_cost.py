"""`bench views`: what showing a consignment costs, by how many events stand behind it.

A simulated world is admitted and applied as a worker does; then consignments with about so many events are read and rendered, cold
(nothing kept in the process, as the first reader finds it) and warm (its events were read before). ``judged`` reads each event as
fsck does.
"""

from __future__ import annotations

import gc
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median, quantiles
from typing import Any, Final, Self

import orjson
import psycopg

from services.api.serving import spare_garbage
from services.ledger.admission.evaluation import admit
from services.ledger.admission.model import Admitted, Record
from services.ledger.registry import store
from services.ledger.registry.registry import Registry
from services.ledger.storage import event_reader
from services.ledger.storage.batch import Advance, Batch, Event
from services.ledger.storage.batch_transaction import Projection
from services.ledger.storage.claims import AssignedPartition
from services.ledger.storage.event_reader import Stored
from services.ledger.storage.migrate import migrate
from services.ledger.storage.session import Session, open_session
from services.ledger.storage.writer import Writer
from services.processors.settings import admission_settings
from services.query.stored_events import Reread, RereadCache, read_admitted, reread
from services.query.view_cache import StateMark, ViewCache
from services.query.view_json import view_json
from services.query.views import SourcedView, read_view
from services.testbed.bench import machine
from services.testbed.localstack.platform import register
from services.testbed.localstack.stack import LocalStack
from services.testbed.simulator.parties import GATEWAY
from services.testbed.simulator.signed_messages import Outgoing, members, profiles, sign_all
from services.testbed.simulator.simulate import Scale as WorldScale
from services.testbed.simulator.simulate import simulate

NETWORK: Final = "demo"
_BATCH: Final = 1_500
APPENDED_MS: Final = 1_893_456_000_000
"""When the broker took everything: later than anything in the world."""
Reader = Callable[[Stored, Registry], Reread]
Show = Callable[[bytes], SourcedView | None]
MEANING: Final = {
    "events": "events that the view was read from, and how many of the consignments have about so many",
    "cold": "nothing kept: each event is read from its bytes, and taken as admitted",
    "first": "the process shows the consignment for the first time, having shown others: of a train's events each is read once for all that it carries",
    "warm": "the process has read the consignment's events before; the database is asked all the same",
    "judged": "nothing kept, and each event judged again as at admission",
    "renewed": "the process has kept the view, and something else was stored since: which events concern it is asked",
    "kept": "the process has kept the view, and nothing was stored since",
    "p50_ms": "wall time of one view (statements, reading, deriving, rendering to JSON) on one thread, and p95_ms, whatever else the machine does",
    "cpu_ms": "processor time of the reading process for one view, the median of the rounds; database_cpu_ms is that of its server process",
    "statements": "statements that one view sends to the database",
}


@dataclass(frozen=True, slots=True)
class Scale:
    """How large the world is, how many consignments of each size are read, and how often."""

    trains: int = 10
    boxes: int = 50
    sizes: tuple[int, ...] = (20, 60, 200)
    consignments: int = 20
    rounds: int = 10


def bench_views(scale: Scale = Scale(), say: Callable[[str], None] = lambda _line: None) -> dict[str, Any]:
    """Measure and return the report; starts and stops a database of its own. Blocks for some minutes."""
    hardware = machine.hardware()
    with LocalStack(kafka=False) as stack:
        now = fill(stack.dsn, scale)
        with psycopg.connect(stack.dsn, autocommit=True) as session:
            session.execute("VACUUM (ANALYZE)")
        with open_session(stack.dsn, "lianyun-bench") as session:
            by_size = sizes(session, now)
            say(f"{sum(map(len, by_size.values()))} consignments")
            measured = []
            for wanted in scale.sizes:
                found = of_size(session, by_size, wanted, now, scale)
                say(orjson.dumps(found).decode())
                measured.append(found)
        return {
            "views": measured,
            "world": {"trains": scale.trains, "boxes_per_train": scale.boxes},
            "hardware": hardware,
            "versions": machine.versions(stack.dsn, "none"),
            "commit": machine.commit(),
            "meaning": MEANING,
            "simulated": True,
        }


def of_size(
    session: Session, by_size: dict[int, list[bytes]], wanted: int, now: int, scale: Scale = Scale()
) -> dict[str, Any]:
    """The measurement of the consignments with about ``wanted`` events among those of ``by_size``."""
    registry = store.read_snapshot(session)
    size, chosen = _nearest(by_size, wanted, scale.consignments)
    spare_garbage()  # as the processes that show views do
    return {
        "wanted": wanted,
        "events": size,
        "consignments": len(chosen),
        "statements": _statements(session, chosen[0], now, registry),
        **_measure(session, chosen, now, registry, scale.rounds),
    }


def fill(dsn: str, scale: Scale, appended_ms: int = APPENDED_MS) -> int:
    """Store a simulated world, taken by the broker at ``appended_ms``, and return its moment (UTC microseconds)."""
    migrate(dsn)
    known = profiles(1, network=NETWORK)
    register(dsn, members(known))
    simulation = simulate(WorldScale(trains=scale.trains, boxes=scale.boxes))
    apply(dsn, sign_all(simulation.publication.messages, known), appended_ms=appended_ms)
    return simulation.scale.now


def apply(
    dsn: str,
    outgoing: Sequence[Outgoing],
    projections: Sequence[Projection] = (),
    appended_ms: int = APPENDED_MS,
) -> None:
    """Admit ``outgoing`` and store it as a worker does, whatever partners' topics they would have come by."""
    settings = admission_settings(NETWORK)
    with psycopg.connect(dsn) as session:
        registry = store.load(session)
    with Writer(dsn, lambda _session, _refused: None, projections=projections) as writer:
        (claim,) = writer.claim_partitions("bench", [AssignedPartition(GATEWAY, 0)])
        place = claim.next_offset
        for chunk in _chunks(outgoing, _BATCH):
            records = [
                Record(GATEWAY, 0, place + number, appended_ms, list(out.message.headers), out.message.value)
                for number, out in enumerate(chunk)
            ]
            judged = (admit(record, registry, settings) for record in records)
            events = tuple(Event.of(each, registry.version) for each in judged if isinstance(each, Admitted))
            place += len(chunk)
            advance = Advance(GATEWAY, 0, claim.epoch, place - len(chunk), place)
            writer.apply(Batch((advance,), events, (), registry.version))
        for _ in range(1_000):
            writer.tick()
            if not writer.pending():
                break


def sizes(session: Session, now: int) -> dict[int, list[bytes]]:
    """The founded consignments by how many events their views are read from."""
    found: dict[int, list[bytes]] = defaultdict(list)
    for head in event_reader.heads(session, limit=100_000):
        found[len(event_reader.load_facts(session, [head.consignment], now))].append(head.consignment)
    return found


def _nearest(by_size: dict[int, list[bytes]], wanted: int, most: int) -> tuple[float, list[bytes]]:
    """At most ``most`` consignments of the sizes nearest to ``wanted``, and their mean size."""
    ordered = sorted(
        ((size, each) for size, every in by_size.items() for each in every),
        key=lambda one: abs(one[0] - wanted),
    )[:most]
    return round(sum(size for size, _ in ordered) / len(ordered), 1), [each for _, each in ordered]


def _measure(
    session: Session, chosen: Sequence[bytes], now: int, registry: Registry, rounds: int
) -> dict[str, dict[str, float]]:
    """What a view takes by how its events are read, the ways taking turns so that a slower minute favours none."""
    readers: dict[str, Reader] = {
        "judged": reread,
        "cold": read_admitted,
        "first": RereadCache(),
        "warm": RereadCache(),
    }
    views, mark = ViewCache(), StateMark(0, registry.version, 1, 0, 0, 0)

    def read_by(reader: Reader) -> Show:
        return lambda each: read_view(session, each, now, registry, reader)

    def kept(state: StateMark | None) -> Show:
        return lambda each: views.read(session, [each], now, registry, state)[0]

    ways = {
        **{name: read_by(reader) for name, reader in readers.items()},
        "renewed": kept(None),
        "kept": kept(mark),
    }
    for show in ways.values():
        for each in chosen:
            _show(show, each)
    taken: dict[str, _Taken] = {name: _Taken() for name in ways}
    for _ in range(rounds):
        ways["first"] = read_by(RereadCache())
        for name, show in ways.items():
            for each in chosen:
                views.read(session, [each], now, registry, mark)
            gc.collect()
            spent, asked = time.process_time(), _cpu_of(session)
            for each in chosen:
                started = time.perf_counter()
                _show(show, each)
                taken[name].wall.append((time.perf_counter() - started) * 1_000)
            taken[name].own.append((time.process_time() - spent) * 1_000 / len(chosen))
            taken[name].database.append((_cpu_of(session) - asked) * 1_000 / len(chosen))
    return {name: each.figures() for name, each in taken.items()}


@dataclass(slots=True)
class _Taken:
    """Milliseconds: of each view, and of the processor in each round, a view on average."""

    wall: list[float] = field(default_factory=list)
    own: list[float] = field(default_factory=list)
    database: list[float] = field(default_factory=list)

    def figures(self) -> dict[str, float]:
        cuts = quantiles(self.wall, n=20)
        return {
            "p50_ms": round(cuts[9], 2),
            "p95_ms": round(cuts[18], 2),
            "cpu_ms": round(median(self.own), 2),
            "database_cpu_ms": round(median(self.database), 2),
        }


def _cpu_of(session: Session) -> float:
    """Seconds of the processor that the session's server process has used; 0 where the system does not say."""
    try:
        told = Path(f"/proc/{session.info.backend_pid}/schedstat").read_text(encoding="ascii")
    except OSError:
        return 0.0
    return int(told.split()[0]) / 1e9


def _show(show: Show, consignment: bytes) -> None:
    sourced = show(consignment)
    assert sourced is not None
    orjson.dumps(view_json(sourced))


class _Counting(psycopg.Cursor[Any]):
    """Counts what is executed."""

    executed = 0

    def execute(self, *arguments: Any, **options: Any) -> Self:
        """As the class above does."""
        _Counting.executed += 1
        return super().execute(*arguments, **options)


def _statements(session: Session, consignment: bytes, now: int, registry: Registry) -> int:
    before, usual = _Counting.executed, session.cursor_factory
    session.cursor_factory = _Counting
    try:
        read_view(session, consignment, now, registry)
    finally:
        session.cursor_factory = usual
    return _Counting.executed - before


def _chunks(items: Sequence[Outgoing], size: int) -> Iterator[Sequence[Outgoing]]:
    return (items[start : start + size] for start in range(0, len(items), size))
