"""What the store costs per event and stage, without broker, signatures and JSON: facts from memory into real Postgres.

    python tests/system/bench/bench_store.py --dsn postgresql://... [--consignments 100000] [--events 100000] [--writers 1 2]

The role must be allowed to create databases. Prints one JSON object: for each number of writers the events per second,
microseconds per event and stage (as a writer sees them), and processor time of writers and of their sessions where the
server runs on this machine. The mix: 10 % about trains, 5 % links (a fifth of them later than the facts that they
lead on), 1 % corrections, 2 % duplicates; of the rest one in ten answers a question that somebody else has answered.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import multiprocessing
import os
import random
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import psycopg

from schemas.events import catalogue
from schemas.events.base import Classifier, ObjectKind
from services.domain.facts import Assurance, Claim, Facts, Founding, Link, LinkKind, Withdrawal
from services.domain.objects import Thing
from services.ledger.admission.model import Record
from services.ledger.storage.batch import Advance, Batch, Event
from services.ledger.storage.claims import AssignedPartition
from services.ledger.storage.migrate import migrate
from services.ledger.storage.writer import Writer
from services.testbed.localstack.database import fresh_database

TOPIC = "cre.bench.store.v1"
MINUTE = 60_000_000
PARTIES = ("operator", "forwarder", "railway", "customs", "terminal")
STEPS = (
    100,
    200,
    201,
    202,
    203,
    300,
    301,
    302,
    304,
    400,
    401,
    402,
    500,
    600,
    1000,
    1005,
    1200,
    1205,
    2000,
    2010,
)
HEADERS = [
    ("ce_id", b"x" * 36),
    ("ce_source", b"x" * 24),
    ("ce_type", b"x" * 28),
    ("lianyun-signature", b"x" * 120),
]
PAYLOAD = b"x" * 845


def event(facts: Facts, identity: bytes, partition: int, offset: int) -> Event:
    content = hashlib.sha256(identity).digest()[:16]
    record = Record(TOPIC, partition, offset, 1_700_000_000_000, HEADERS, PAYLOAD)
    return Event(record, identity, content, PAYLOAD, "operator", "00" * 8, 0, facts)


def thing(kind: ObjectKind, number: int) -> Thing:
    return Thing(kind, f"bench/{number}")


def opened(number: int) -> Facts:
    """A consignment with its box, note and booking: three links of the founder, who names everybody."""
    identity = b"base" + number.to_bytes(12, "big")
    cons = thing(ObjectKind.CONSIGNMENT, number)
    names = frozenset(PARTIES)
    ends = (
        (LinkKind.CONTAINER_CARRIES, ObjectKind.CONTAINER),
        (LinkKind.NOTE_COVERS, ObjectKind.NOTE),
        (LinkKind.BOOKING_OF, ObjectKind.BOOKING),
    )
    links = (
        Link(identity, "operator", 0, kind, thing(left, number), cons, 0, None, False) for kind, left in ends
    )
    return Facts(
        foundings=frozenset({Founding(identity, "operator", 0, cons, names)}), links=frozenset(links)
    )


def stream(seed: int, consignments: int) -> Iterator[tuple[bytes, Facts]]:
    """Events of the mix for ever; two streams of different seeds draw on the same objects."""
    rng = random.Random(seed)
    past: list[tuple[bytes, Facts]] = []
    count = 0
    while True:
        count += 1
        identity = rng.randbytes(16)
        draw = rng.random()
        if draw < 0.02 and past:
            yield rng.choice(past)
            continue
        if draw < 0.03 and past:
            target, _ = rng.choice(past)
            facts = Facts(withdrawals=frozenset({Withdrawal(identity, target, replaces=False)}))
        elif draw < 0.08:
            facts = _link(rng, identity, consignments)
        elif draw < 0.18:
            facts = _claim(rng, identity, thing(ObjectKind.TRAIN, rng.randrange(consignments // 50)), count)
        else:
            number = rng.randrange(consignments)
            kind = rng.choice((4, 4, 4, 4, 4, 4, 3, 3, 2, 1))
            facts = _claim(rng, identity, thing(ObjectKind(kind), number), count)
        if len(past) < 20_000:
            past.append((identity, facts))
        else:
            past[rng.randrange(20_000)] = identity, facts
        yield identity, facts


def _claim(rng: random.Random, identity: bytes, about: Thing, count: int) -> Facts:
    milestone = rng.choice(STEPS)
    spec = catalogue.by_number(milestone)
    # One in ten repeats a question that somebody has answered: few places and runs make it likely.
    run = "" if rng.random() < 0.1 else str(count)
    claim = Claim(
        identity, rng.choice(PARTIES), count * MINUTE, rng.randrange(40_000) * MINUTE, about, milestone, spec.region,
        rng.choice(("CN", "KZ", "PL")) if spec.region == 2 else "", f"locode:BENCH{rng.randrange(200)}", run,
        Classifier.ACT if rng.random() < 0.9 else Classifier.EST, Assurance.ASSERTED, False,
    )  # fmt: skip
    return Facts(claims=frozenset({claim}))


def _link(rng: random.Random, identity: bytes, consignments: int) -> Facts:
    number = rng.randrange(consignments)
    draw = rng.random()
    # One in five starts before facts that are there already; trains and wagons are most of the rest.
    start = 0 if draw < 0.2 else rng.randrange(40_000) * MINUTE
    if draw < 0.3:
        kind, left, right = (
            LinkKind.DECLARATION_COVERS,
            thing(ObjectKind.DECLARATION, rng.randrange(consignments)),
            thing(ObjectKind.NOTE, number),
        )
    elif draw < 0.5:
        kind = LinkKind.CONTAINER_CARRIES
        left, right = thing(ObjectKind.CONTAINER, number), thing(ObjectKind.CONSIGNMENT, number)
    elif draw < 0.8:
        kind = LinkKind.WAGON_CARRIES
        left, right = thing(ObjectKind.WAGON, rng.randrange(20_000)), thing(ObjectKind.CONTAINER, number)
    else:
        kind = LinkKind.TRAIN_CARRIES
        left, right = thing(ObjectKind.TRAIN, number // 50), thing(ObjectKind.WAGON, rng.randrange(20_000))
    link = Link(identity, rng.choice(PARTIES), 0, kind, left, right, start, None, False)
    return Facts(links=frozenset({link}))


def write(writer: Writer, epoch: int, partition: int, first: int, told: Sequence[tuple[bytes, Facts]]) -> Any:
    events = tuple(event(facts, identity, partition, first + n) for n, (identity, facts) in enumerate(told))
    advance = Advance(TOPIC, partition, epoch, first, first + len(events))
    return writer.apply(Batch((advance,), events, (), 0))


def processor_seconds(pid: int) -> float:
    """User and system time of a process of this machine, 0 where it is not here."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def fill(dsn: str, consignments: int, size: int = 2_000) -> float:
    began = time.perf_counter()
    with Writer(dsn, lambda _session, _refused: None) as writer:
        claim = writer.claim_partitions("fill", [AssignedPartition(TOPIC, 0)])[0]
        for first in range(0, consignments, size):
            told = [
                (b"base" + n.to_bytes(12, "big"), opened(n))
                for n in range(first, min(first + size, consignments))
            ]
            write(writer, claim.epoch, 0, first, told)
        while writer.pending():
            writer.tick()
    with psycopg.connect(dsn, autocommit=True) as session:
        session.execute("ANALYZE")
    return time.perf_counter() - began


def run(
    dsn: str, partition: int, events: int, size: int, consignments: int, start: Any, results: Any
) -> None:
    source = stream(partition * 1_000 + time.time_ns() % 997, consignments)
    batches = [[next(source) for _ in range(size)] for _ in range(events // size)]
    totals: dict[str, float] = {}
    retries = heads = 0
    with Writer(dsn, lambda _session, _refused: None) as writer:
        claim = writer.claim_partitions(f"bench-{partition}", [AssignedPartition(TOPIC, partition)])[0]
        first, backend = claim.next_offset, writer.session.info.backend_pid
        start.wait()
        own, server, began = time.process_time(), processor_seconds(backend), time.perf_counter()
        for told in batches:
            done = write(writer, claim.epoch, partition, first, told)
            first, retries, heads = first + size, retries + done.retries, heads + done.heads
            for stage, seconds in done.seconds.items():
                totals[stage] = totals.get(stage, 0.0) + seconds
        wall = time.perf_counter() - began
        results.put(
            {
                "seconds": wall,
                "events": len(batches) * size,
                "retries": retries,
                "heads": heads,
                "client_us": (time.process_time() - own) / len(batches) / size * 1e6,
                "server_us": (processor_seconds(backend) - server) / len(batches) / size * 1e6,
                "stages_us": {s: round(t / len(batches) / size * 1e6, 2) for s, t in totals.items()},
            }
        )


def measure(dsn: str, writers: int, events: int, size: int, consignments: int) -> dict[str, Any]:
    context = multiprocessing.get_context("spawn")
    start, results = context.Barrier(writers), context.Queue()
    processes = [
        context.Process(target=run, args=(dsn, n + 1, events // writers, size, consignments, start, results))
        for n in range(writers)
    ]
    for process in processes:
        process.start()
    found = [results.get() for _ in processes]
    for process in processes:
        process.join()
    return {
        "writers": writers,
        "events_per_second": round(sum(f["events"] / f["seconds"] for f in found)),
        "client_us": round(sum(f["client_us"] for f in found) / writers, 1),
        "server_us": round(sum(f["server_us"] for f in found) / writers, 1),
        "retries": sum(f["retries"] for f in found),
        "heads_per_event": round(sum(f["heads"] for f in found) / sum(f["events"] for f in found), 3),
        "stages_us": found[0]["stages_us"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--dsn", required=True)
    parser.add_argument("--consignments", type=int, default=100_000)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--batch", type=int, default=2_000)
    parser.add_argument("--writers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--keep", action="store_true", help="use the filled database of an earlier run")
    given = parser.parse_args()
    dsn = given.dsn.rpartition("/")[0] + "/bench_store"
    filled = 0.0
    if not given.keep:
        dsn = fresh_database(given.dsn, "bench_store")
        migrate(dsn)
        filled = fill(dsn, given.consignments)
    runs = [measure(dsn, n, given.events, given.batch, given.consignments) for n in given.writers]
    print(
        json.dumps(
            {"consignments": given.consignments, "fill_seconds": round(filled, 1), "runs": runs}, indent=1
        )
    )


if __name__ == "__main__":
    main()
