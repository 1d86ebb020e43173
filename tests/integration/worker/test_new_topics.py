"""A topic that the registry begins to name is read by workers that run, every partition of it, nothing lost or applied twice."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterable
from random import Random

import pytest

from services.processors.supervisor import Supervisor
from tests.integration.worker.harness import Arena
from tests.integration.worker.test_chaos import stream

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]
PATIENCE = 60.0
DECLARED = """
[defaults]
partitions = 4
replication_factor = 1
config = {{ "message.timestamp.type" = "LogAppendTime" }}

[[topics]]
name = "{name}"
partner = "the one that is declared"
parties = ["declared"]
"""


class Network:
    """One declared topic, and the file by which the probe's registry names further ones."""

    def __init__(self, arena: Arena) -> None:
        self.arena = arena
        self.named = arena.folder / "named"
        self.declaration = arena.folder / "topics.toml"
        self.create(["declared"])
        self.declaration.write_text(DECLARED.format(name=arena.topics[0]))

    def topic(self, name: str) -> str:
        return f"cre.test-{self.arena.mark}.{name}.v1"

    def create(self, names: Iterable[str]) -> None:
        """Create topics at the broker and remember them as those to write to."""
        full = [self.topic(name) for name in names]
        options = {"message.timestamp.type": "LogAppendTime"}
        with self.arena.admin() as admin:
            admin.create_topics(
                {name: {"num_partitions": 4, "replication_factor": 1, "configs": options} for name in full},
                wait_for_metadata=True,
            )
        self.arena.topics += full

    def name(self, *names: str) -> None:
        """Have the registry name topics."""
        draft = self.named.with_suffix(".draft")
        draft.write_text("\n".join(map(self.topic, names)))
        draft.replace(self.named)

    def workers(self, count: int) -> Supervisor:
        following = {
            "LIANYUN_WORKER_TOPICS": "",
            "LIANYUN_TOPICS": str(self.declaration),
            "PROBE_TOPICS": str(self.named),
        }
        return self.arena.supervisor(count, following)

    def claimed(self) -> set[tuple[str, int]]:
        return {
            (topic, part) for topic, part in self.arena.query("SELECT topic, part FROM lianyun.kafka_offset")
        }

    def await_read(self, topics: int) -> float:
        """Wait until every partition of so many topics is read; the seconds that took."""
        return self.arena.wait_for(
            lambda: len(self.claimed()) == 4 * topics, PATIENCE, "claim of every partition"
        )


@pytest.fixture
def network(arena: Arena) -> Network:
    return Network(arena)


def test_a_topic_is_read_by_running_workers(network: Network) -> None:
    arena = network.arena
    with network.workers(2) as workers, stream(arena) as sent:
        network.await_read(1)
        network.create(["new"])
        network.name("new")
        seconds = network.await_read(2)
        arena.wait_for(lambda: arena.stored(network.topic("new")) > 100, PATIENCE, "records of the new topic")
        print(f"read after {seconds:.1f} s")
    with network.workers(2):
        arena.await_stored(sent[0], PATIENCE)
    assert workers.ended == [], "nobody had to start again"
    arena.check_exactly_once()


def test_a_topic_that_nobody_created_yet_holds_nobody_up(network: Network) -> None:
    arena = network.arena
    with network.workers(2) as workers:
        network.await_read(1)
        network.name("late")
        arena.produce(40)
        arena.await_stored(40, PATIENCE)
        network.create(["late"])
        arena.produce(80)
        print(f"read after {network.await_read(2):.1f} s")
        arena.await_stored(120, PATIENCE)
        assert workers.ended == []
    arena.check_exactly_once()


def test_a_worker_that_comes_back_with_a_topic_more_reads_it(network: Network) -> None:
    """The broker gives a static member what it had before, and calls for no rebalance."""
    arena = network.arena
    with network.workers(1) as workers:
        network.await_read(1)
        network.create(["new"])
        workers.signal(0, signal.SIGKILL)
        network.name("new")
        arena.produce(80)
        print(f"read after {network.await_read(2):.1f} s")
        arena.await_stored(80, PATIENCE)
        assert [ended.name for ended in workers.ended] == ["SIGKILL"]
    arena.check_exactly_once()


@pytest.mark.long
@pytest.mark.chaos
def test_workers_are_killed_while_topics_appear(network: Network) -> None:
    arena, random, names = network.arena, Random("new topics"), []
    with network.workers(2) as workers, stream(arena) as sent:
        network.await_read(1)
        for number in range(4):
            names.append(f"n{number}")
            network.create(names[-1:])
            network.name(*names)
            time.sleep(random.uniform(0.0, 3.0))
            workers.signal(random.choice((0, 1)), signal.SIGKILL)
            network.await_read(len(names) + 1)
    with network.workers(2):
        arena.await_stored(sent[0], PATIENCE)
    assert {ended.name for ended in workers.ended} == {"SIGKILL"}
    arena.check_exactly_once()
