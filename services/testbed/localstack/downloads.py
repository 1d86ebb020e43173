"""Brings everything that the local stack downloads or copies, so that the first start needs no network."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from services.testbed.localstack.broker import Broker
from services.testbed.localstack.broker_settings import JAVA_OPTIONS
from services.testbed.localstack.database import postgres_programs
from services.testbed.localstack.home import MEGABYTE, say, unprivileged_account
from services.testbed.localstack.kafka_runtime import broker_jars, java_executable, startup_archive
from services.testbed.localstack.process import Guard, StackError, run_tool

TOPIC = "training"


def train(jars: Path) -> None:
    """Make the archive for ``jars`` where it is missing or does not fit any more; 10 to 20 s of two cores, or nothing.

    Says so and goes on where it cannot be made: it saves time and nothing else.
    """
    archive = startup_archive()
    if archive is None or fits(archive, jars):
        return
    say("Starting Kafka once so that every later start is quick (70 MB in .venv)")
    try:
        with tempfile.TemporaryDirectory(prefix=".kafka-", dir=archive.parent) as scratch:
            made = Path(scratch) / archive.name
            _assemble(_observed(Path(scratch)), made, jars)
            if not fits(made, jars):
                raise StackError("Java does not take the archive that it made")
            made.replace(archive)
    except (StackError, OSError) as failure:
        say(f"  not made, Kafka starts slower without: {failure}")
        return
    say(f"  done: {archive.stat().st_size / MEGABYTE:.0f} MB")


def fits(archive: Path, jars: Path) -> bool:
    """Whether this Java starts with ``archive`` and the jars of the folder ``jars``."""
    if not archive.is_file():
        return False
    # With this mode Java refuses to start where it would otherwise go on without the archive.
    command = [*_java(jars), "-XX:AOTMode=on", f"-XX:AOTCache={archive}", "-version"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _java(jars: Path) -> list[str]:
    return [str(java_executable()), *JAVA_OPTIONS, "-cp", f"{jars}/*"]


def _observed(scratch: Path) -> Path:
    """Run a broker from its start over a topic with a record to its end; return what Java noted."""
    from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
    from kafka.admin import NewTopic
    from kafka.errors import KafkaError

    notes = scratch / "notes"
    guard = Guard()
    broker = Broker(
        scratch / "kafka", guard, java_options=("-XX:AOTMode=record", f"-XX:AOTConfiguration={notes}")
    )
    try:
        broker.start(timeout=120.0)
        with contextlib.closing(KafkaAdminClient(bootstrap_servers=broker.bootstrap)) as admin:
            admin.create_topics([NewTopic(TOPIC, 1, 1)])
        with contextlib.closing(KafkaProducer(bootstrap_servers=broker.bootstrap)) as producer:
            for _ in range(100):
                producer.send(TOPIC, b"x" * 800)
            producer.flush(timeout=30)
        consumer = KafkaConsumer(TOPIC, bootstrap_servers=broker.bootstrap, auto_offset_reset="earliest")
        with contextlib.closing(consumer):
            consumer.poll(timeout_ms=5_000)
        broker.stop()
    except KafkaError as failure:
        raise StackError(f"{type(failure).__name__}: {failure}") from failure
    finally:
        if broker.process.running:
            broker.kill()
        guard.release()
    return notes


def _assemble(notes: Path, archive: Path, jars: Path) -> None:
    options = ["-XX:AOTMode=create", f"-XX:AOTConfiguration={notes}", f"-XX:AOTCache={archive}"]
    run_tool([*_java(jars), *options], {}, archive.parent, None)


def prepare() -> None:
    """Fetch the broker's jars, make its starts quick, lay out the database's programs; quick when done before. Raises StackError.

    Skips what the settings make unnecessary: containers, or the address of a server that runs elsewhere.
    """
    if os.environ.get("LIANYUN_STACK") == "containers":
        return
    if not os.environ.get("LIANYUN_BOOTSTRAP"):
        java_executable()
        train(broker_jars())
    if not os.environ.get("LIANYUN_DSN"):
        postgres_programs(unprivileged_account() is not None)


if __name__ == "__main__":
    try:
        prepare()
    except StackError as failure:
        say(f"error: {failure}")
        sys.exit(1)
