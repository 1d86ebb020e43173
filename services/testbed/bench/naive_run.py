"""Measures the naive agent: its own topics and database, as many processes as the pipeline has workers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import psycopg
from kafka.admin import KafkaAdminClient

from services.testbed.bench.naive import TABLE
from services.testbed.bench.senders import fill
from services.testbed.bench.signed import Message, Shelf, store

_PATIENCE = 600.0


class NaiveFailed(Exception):
    """The naive agent ended without a result; the text is the end of its output."""


def naive_events_per_second(
    bootstrap: str, dsn: str, messages: Sequence[Message], processes: int, folder: Path
) -> float:
    """Events a second of ``processes`` naive agents together, each over a topic of its own filled beforehand.

    ``messages`` are dealt out to them; counted is from the first event done to the last. Blocks. Raises NaiveFailed.
    """
    topics = [f"bench.naive.{processes}.{number}" for number in range(processes)]
    dealt = [messages[number::processes] for number in range(processes)]
    with psycopg.connect(dsn) as session:
        session.execute(TABLE)
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    admin.create_topics({topic: {"num_partitions": 4, "replication_factor": 1} for topic in topics})
    admin.close()
    moved = [[m._replace(topic=topic) for m in own] for topic, own in zip(topics, dealt, strict=True)]
    shelf: Shelf = store([message for own in moved for message in own], folder)
    fill(bootstrap, shelf)
    agents = [_start(bootstrap, dsn, topic, len(own)) for topic, own in zip(topics, dealt, strict=True)]
    try:
        results = [_result(agent) for agent in agents]
    finally:
        for agent in agents:
            agent.kill()
            agent.wait()
    seconds = max(result["last"] for result in results) - min(result["first"] for result in results)
    return sum(result["events"] for result in results) / max(seconds, 1e-9)


def _start(bootstrap: str, dsn: str, topic: str, events: int) -> subprocess.Popen[str]:
    settings = {
        "BENCH_BOOTSTRAP": bootstrap,
        "BENCH_DSN": dsn,
        "BENCH_TOPIC": topic,
        "BENCH_EVENTS": str(events),
    }
    return subprocess.Popen(
        [sys.executable, "-m", "services.testbed.bench.naive"],
        env={**os.environ, **settings},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _result(agent: subprocess.Popen[str]) -> dict[str, float]:
    output, _ = agent.communicate(timeout=_PATIENCE)
    for line in reversed(output.splitlines()):
        if line.startswith('{"events"'):
            found: dict[str, float] = json.loads(line)
            return found
    raise NaiveFailed("\n".join(output.splitlines()[-15:]))


def sample(shelf: Shelf, events: int) -> list[Message]:
    """The first messages of a shelf, over its publishers in turn."""
    lanes = [shelf.lane(number) for number in range(shelf.lanes)]
    mixed = (message for chunks in zip(*lanes, strict=True) for chunk in chunks for message in chunk)
    return list(islice(mixed, events))
