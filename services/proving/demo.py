"""The demo: a small simulated world through real publishers, broker, workers and database, and what became of it.

Good events go through each party's durable spool; what careless and dishonest parties send besides (copies, two
contents under one id, messages that must be refused) goes to the broker directly.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import psycopg

from services.localstack.platform import Platform
from services.producers import publisher
from services.producers.spool import Message, Spool
from services.proving.oracle import consignment_of, differences
from services.query.views import Told, told_of
from services.registry import store
from services.simulator.breaking import expected, sprinkle
from services.simulator.signing import Outgoing, profiles, sign_all
from services.simulator.simulate import Simulation
from services.storage.reading import unsettled

Say = Callable[[str], None]
BROKEN_SHARE = 0.01


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the platform made of the world, beside what the world knows."""

    counts: dict[str, Any]
    mismatches: list[str]
    expected_refusals: dict[str, int]
    disputed: int
    shown: Told | None  # one consignment worth looking at
    seconds: dict[str, float]


def play(simulation: Simulation, platform: Platform, folder: Path, say: Say) -> Outcome:
    """Publish ``simulation`` to the running ``platform`` and compare what can be seen with what really happened.

    ``folder`` takes the spools. Blocks until everything published has been applied. Raises TimeoutError otherwise.
    """
    seed = simulation.scale.seed
    known = profiles(seed, network=platform.network)
    outgoing = sprinkle(sign_all(simulation.telling.messages, known), known, Random(seed), BROKEN_SHARE)
    started = time.monotonic()
    published = publish(outgoing, platform.stack.bootstrap, folder, say)
    sent = time.monotonic()
    wait_applied(platform.stack.dsn, published, say)
    applied = time.monotonic()
    say("comparing every view with the world's own truth ...")
    with psycopg.connect(platform.stack.dsn) as connection:
        counts = counted(connection, published)
        mismatches, disputed, shown = _compare(connection, simulation)
    return Outcome(
        counts,
        mismatches,
        expected(outgoing),
        disputed,
        shown,
        {"publishing": round(sent - started, 2), "applying": round(applied - sent, 2)},
    )


def publish(outgoing: Sequence[Outgoing], bootstrap: str, folder: Path, say: Say) -> int:
    """Send everything, party by party; returns how many messages went out, all acknowledged."""
    spooled: dict[str, list[Message]] = defaultdict(list)
    besides: list[Message] = []
    seen: set[bytes] = set()
    for out in outgoing:
        if out.refused_as or out.message.identity in seen:
            besides.append(out.message)
            continue
        seen.add(out.message.identity)
        spooled[out.party].append(out.message)
    total = 0
    for party, messages in sorted(spooled.items()):
        with Spool(folder / f"{party}.spool") as spool:
            spool.put(messages)
            acknowledged = publisher.drain(spool, bootstrap)
        total += acknowledged
        say(f"{party:<14} published {acknowledged:>6} events")
    producer = publisher.connect(bootstrap)
    futures = [
        producer.send(m.topic, value=m.value, key=m.key or None, headers=list(m.headers)) for m in besides
    ]
    for future in futures:
        future.get(timeout=30)
    producer.close()
    say(f"and {len(besides)} copies, contradictions and messages that must be refused")
    return total + len(besides)


def wait_applied(dsn: str, published: int, say: Say, patience: float = 180.0) -> None:
    """Wait until the ledger has passed every published message and nothing waits to be settled."""
    until = time.monotonic() + patience
    with psycopg.connect(dsn, autocommit=True) as connection:
        while True:
            row = connection.execute(
                "SELECT coalesce(sum(next_offset), 0) FROM lianyun.kafka_offset"
            ).fetchone()
            done = int(row[0]) if row else 0
            if done >= published and not unsettled(connection):
                return
            if time.monotonic() > until:
                raise TimeoutError(
                    f"only {done} of {published} messages were applied within {patience:.0f} s"
                )
            say(f"applied {done} of {published}")
            time.sleep(0.5)


def counted(connection: psycopg.Connection[Any], published: int) -> dict[str, Any]:
    """What is stored, in numbers."""
    letters = connection.execute(
        "SELECT reason, count(*) FROM lianyun.dead_letter GROUP BY reason ORDER BY reason"
    ).fetchall()
    refused = _one(connection, "SELECT coalesce(sum(count), 0) FROM lianyun.dead_letter")
    accepted = _one(connection, "SELECT count(*) FROM lianyun.identity")
    variants = _one(connection, "SELECT count(*) FROM lianyun.variant")
    return {
        "consignments": _one(connection, "SELECT count(*) FROM lianyun.head WHERE founded"),
        "events": {
            "published": published,
            "accepted": accepted,
            "duplicates": published - accepted - variants - refused,
            "equivocations": variants,
            "refused": refused,
            "dead_letters": dict(letters),
        },
    }


def _compare(
    connection: psycopg.Connection[Any], simulation: Simulation
) -> tuple[list[str], int, Told | None]:
    registry = store.load(connection)
    mismatches: list[str] = []
    disputed, best, shown = 0, -1, None
    for truth in simulation.truths.values():
        told = told_of(connection, consignment_of(truth).id, simulation.scale.now, registry)
        mismatches += differences(None if told is None else told.view, truth)
        if told is None:
            continue
        disputed += bool(told.view.disputes)
        interest = 100 * bool(told.view.disputes) + 20 * bool(told.view.exceptions) + len(told.view.arrivals)
        if interest > best:
            best, shown = interest, told
    return mismatches, disputed, shown


def _one(connection: psycopg.Connection[Any], query: str) -> int:
    row = connection.execute(query.encode()).fetchone()
    return 0 if row is None else int(row[0])
