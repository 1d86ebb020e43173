"""Runbooks for a platform that runs, walked through on a real broker, database and worker processes."""

from __future__ import annotations

import json
import sys
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from kafka import KafkaAdminClient, TopicPartition
from kafka.admin import OffsetSpec

from services.monitoring.artefacts import ROOT
from services.producers import profile
from services.testbed.localstack import LocalStack
from services.testbed.localstack.broker_settings import BACK_SOON
from services.testbed.localstack.database import postgres_programs
from services.testbed.localstack.engine import DatabaseAddress
from tests.integration.runbooks.ground import Ground, box
from tests.support.releases.previous import next_release
from tests.support.runbooks.walk import Walk

pytestmark = pytest.mark.integration
Begin = Callable[..., Walk]
AGAIN = {"LIANYUN_WORKER_OWNER": "worker-1"}
"""Who ends and is started again under this name takes its old place, as in a container; nobody waits until Kafka has missed it."""


def generations(ground: Ground) -> dict[int, str]:
    return dict(ground.query("SELECT number, state FROM lianyun.generation"))


@pytest.mark.long
def test_replay(ground: Ground, walk: Begin) -> None:
    page = walk("replay")
    with page.running("lianyun worker", **AGAIN) as worker:
        ground.publish(40)
        ground.applied()
        page.do("Look first")
        before = ground.state()
        page.do("Replay")
        assert generations(ground) == {1: "RETIRED", 2: "CURRENT"}
        assert ground.state() == before
        page.do("Check")
        ground.publish(10)
        assert worker.wait(180) == 77, "it begins again with the new generation"
    with page.running("lianyun worker", **AGAIN):
        ground.applied()
        after = ground.state()
        page.do("Go back")
        assert generations(ground) == {1: "CURRENT", 2: "RETIRED"}
        assert ground.state() == after, "what came since the switch is in the old one too"
        page.do("Tidy up")
        assert generations(ground) == {1: "CURRENT"}
    page.whole()


@pytest.mark.long
def test_workers_and_partitions(ground: Ground, walk: Begin) -> None:
    page = walk("workers-and-partitions", PARTITIONS="4")

    def read_by() -> dict[int, str]:
        return dict(ground.query("SELECT part, owner FROM lianyun.kafka_offset"))

    with page.running("lianyun worker"):
        ground.publish(30)
        ground.applied()
        with page.beside("Add a worker"):
            ground.until(lambda: len(set(read_by().values())) == 2, "second worker with partitions")
            assert "walk-" in page.do("Look")
            page.do("Add partitions")
            ground.until(lambda: len(read_by()) == 4, "readers of the new partitions")
            ground.publish(30)
            ground.applied()
            page.do("Check")
            used = ground.query("SELECT part FROM lianyun.kafka_offset WHERE part >= 2 AND next_offset > 0")
            assert used, "events came by the new partitions"
        ground.publish(10)
        ground.applied()
        ground.until(lambda: len(set(read_by().values())) == 1, "all partitions with the worker that stays")
    page.whole()


@pytest.mark.long
def test_accept_loss(ground: Ground, walk: Begin) -> None:
    page = walk("accept-loss", TOPIC=ground.topic, PARTY="ktz", WHY="retention was faster than the workers")
    with page.running("lianyun worker"):
        ground.publish(20)
        ground.applied()
    lost = ground.publish(20, "published-since/lost.jsonl")
    ends = truncated(ground)
    late = ground.publish(10, "published-since/late.jsonl")
    with page.running("lianyun worker"):
        stopped = [part for part, end in ends.items() if end]
        for number, part in enumerate(stopped):
            page.set(PARTITION=str(part), NEXT=str(ends[part]))
            if number == 0:
                ground.until(lambda: len(ground.query("SELECT 1 FROM lianyun.worker_slot")) > 0, "worker")
                page.do("Look")
                told = {
                    c["name"]: c for c in json.loads((ground.folder / "doctor.json").read_text())["checks"]
                }
                assert "OFFSET_TRUNCATED" in told["stopped partitions"]["found"]
                assert f"the log starts at {ends[part]}" in told["stopped partitions"]["found"]
                page.do("Decide")
            else:
                ground.run(
                    "offsets", "accept-loss", ground.topic, str(part), "--next", str(ends[part]), "--why", "so", "--yes"
                )  # fmt: skip
        ground.applied(30)
        assert "retention was faster" in page.do("Decide")
        assert "night-shift" in str(ground.query("SELECT detail FROM lianyun.platform_event"))
        page.do("The partner publishes again")
        ground.applied()
        page.do("Check")
    assert len(lost.read_text().splitlines()) + len(late.read_text().splitlines()) == 30
    page.whole()


@pytest.mark.long
def test_redrive_log(durable_postgres: DatabaseAddress, tmp_path: Path) -> None:
    """On a broker of its own, whose volume is cut while it is down."""
    with LocalStack(postgres=False, broker_settings=BACK_SOON) as own:
        dsn = durable_postgres.fresh_database(f"walk_{uuid.uuid4().hex[:12]}")
        ground = Ground(own.bootstrap, dsn, tmp_path)
        ground.found()
        programs = postgres_programs(needs_to_be_shared=False)
        why = {"PARTY": "ktz", "WHY": "the broker lost its tail", "TOPIC": ground.topic}
        page = Walk("redrive-log", tmp_path, ground.environment(**why), programs)
        files = [ground.publish(10, f"published-since/{wave}.jsonl") for wave in range(4)]
        with page.running("lianyun worker", **AGAIN):
            ground.applied()
        own.broker.kill()
        ends = {part: cut(own, f"{ground.topic}-{part}") for part in range(2)}
        own.broker.start()
        late = ground.publish(60, "published-since/late.jsonl")
        with page.running("lianyun worker"):
            for number, part in enumerate(part for part, was_cut in ends.items() if was_cut):
                ground.until(
                    lambda part=part: (
                        ground.query(  # type: ignore[misc]
                            f"SELECT stopped FROM lianyun.kafka_offset WHERE part = {part}"  # noqa: S608
                        )
                        == [("LOG_DIVERGED",)]
                    ),
                    "stop",
                )
                page.set(PARTITION=str(part))
                if number == 0:
                    page.do("Look")
                    told = {
                        c["name"]: c for c in json.loads((tmp_path / "doctor.json").read_text())["checks"]
                    }
                    assert "LOG_DIVERGED" in told["stopped partitions"]["found"]
                    assert "offsets redrive" in told["stopped partitions"]["mend"]
                    page.do("Decide")
                else:
                    ground.run("offsets", "redrive", ground.topic, str(part), "--why", "so", "--yes")
            ground.applied()
            assert "the broker lost its tail" in page.do("Decide")
            assert "night-shift" in str(ground.query("SELECT detail FROM lianyun.platform_event"))
            page.do("What is lost")
            ground.applied()
            page.do("Check")
        assert sum(len(file.read_text().splitlines()) for file in (*files, late)) == 100
        page.whole()


def cut(own: LocalStack, name: str) -> bool:
    """Cut the log of a partition in half, as a crash before the disk had it does; whether it had any."""
    folder = own.folder / "kafka" / "data" / name
    segment = folder / "00000000000000000000.log"
    size = segment.stat().st_size
    with segment.open("r+b") as file:
        file.truncate(size // 2)
    for file_ in (*folder.glob("*.index"), *folder.glob("*.timeindex"), *folder.glob("*.snapshot")):
        file_.unlink()
    return size > 0


def truncated(ground: Ground) -> dict[int, int]:
    """Take everything out of the log that it holds, as retention does; returns where each partition begins now."""
    admin = KafkaAdminClient(bootstrap_servers=ground.bootstrap)
    try:
        parts = [TopicPartition(ground.topic, part) for part in range(2)]
        ends = {
            tp: end.offset
            for tp, end in admin.list_partition_offsets(dict.fromkeys(parts, OffsetSpec.LATEST)).items()
        }
        admin.delete_records({tp: offset for tp, offset in ends.items() if offset})
    finally:
        admin.close()
    return {tp.partition: offset for tp, offset in sorted(ends.items())}


@pytest.mark.long
def test_key_compromise(ground: Ground, walk: Begin) -> None:
    partners = ground.folder / ".lianyun" / "partners"
    page = walk("key-compromise", PARTY="ktz", KEY=profile.load(partners, "ktz").key.key_id)
    with page.running("lianyun worker"):
        ground.publish(20)
        ground.applied()
        page.set(SINCE=datetime.now(UTC).isoformat())
        true = ground.state()
        ground.publish(10)
        ground.applied()
        full = {name: view for name, (_, view) in ground.state().items() if view}
        assert page.environment["KEY"] in page.do("Look")
        assert "10 stored events were put aside" in page.do("Revoke")
        seen = {name: view for name, (_, view) in ground.state().items() if view}
        assert seen == {name: view for name, (_, view) in true.items() if view}, (
            "as if they had never been accepted"
        )
        refused = ground.records("refused.jsonl", 4)
        assert ground.send(refused) == 4
        letters = "SELECT count(*) FROM lianyun.dead_letter WHERE reason = 'KEY_REVOKED' AND state = 'OPEN'"
        ground.until(lambda: ground.query(letters) == [(4,)], "refused messages")
        aside = page.do("See what it changes")
        assert " 10 " in aside
        assert "KEY_REVOKED" in aside
        page.do("Give it a new key")
        ground.published = 20
        ground.records("again.jsonl", 10, suffix="-b")
        page.do("The partner publishes again what was true")
        ground.applied(40)
        seen = {name: view for name, (_, view) in ground.state().items() if view}
        assert set(seen) == set(full), "every consignment is there again"
        assert box(14) in ground.run("track", box(14))
        page.do("Check")
    page.whole()


@pytest.fixture
def releases(tmp_path: Path) -> tuple[str, str]:
    """The release that runs, and the next one, whose rules have another version."""
    old, new = tmp_path / "old", tmp_path / "new"
    for folder, path in ((old, str(ROOT)), (new, next_release(tmp_path / "rules"))):
        folder.mkdir()
        script = folder / "lianyun"
        script.write_text(
            f'#!/bin/sh\nexport PYTHONPATH="{path}"\nexec "{sys.executable}" -m services.cli "$@"\n'
        )
        script.chmod(0o755)
    return str(old), str(new)


@pytest.mark.long
def test_rolling_upgrade(ground: Ground, walk: Begin, releases: tuple[str, str]) -> None:
    page = walk("rolling-upgrade", OLD=releases[0], NEW=releases[1])
    with page.running('"$OLD"/lianyun worker', **AGAIN) as old:
        ground.publish(20)
        ground.applied()
        page.do("Prepare")
        page.do("Migrate")
        told = {c["name"]: c for c in json.loads((ground.folder / "doctor.json").read_text())["checks"]}
        assert not told["fold version"]["ok"]
        page.do("A new worker refuses")
        ground.publish(10)
        ground.applied()
        before = ground.state()
        page.do("Build and switch")
        assert generations(ground) == {1: "RETIRED", 2: "CURRENT"}
        assert ground.state() == before
        ground.publish(10)  # the old worker meets them, and refuses
        assert old.wait(180) == 77
        assert ground.stored() == 30, "they wait in Kafka"
    page.set(**AGAIN)
    with page.beside("Start the new workers"):
        ground.applied()
        page.do("Check")
    current = ground.state()
    page.do("Go back")
    assert generations(ground) == {1: "CURRENT", 2: "RETIRED"}
    assert ground.state() == current, "the old generation has what the new release accepted"
    with page.running('"$OLD"/lianyun worker', **AGAIN) as old:
        ground.publish(10)
        ground.applied()
        page.do("Forward again")
        ground.publish(10)
        assert old.wait(180) == 77
    assert generations(ground)[3] == "CURRENT"
    with page.running('"$NEW"/lianyun worker', **AGAIN):
        ground.applied()
        page.do("Tidy up")
        assert generations(ground) == {3: "CURRENT"}
    page.whole()
