"""What `lianyun doctor` checks where a platform is started on this machine: the broker's jars and its Java."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from services.cli.checks.check import Check, judged
from services.testbed.localstack import kafka_runtime
from services.testbed.localstack.home import cache_home
from services.testbed.localstack.kafka_runtime import java_executable
from services.testbed.localstack.process import StackError


def look() -> Iterator[Check]:
    """Check what the local servers are started from."""
    yield broker_jars()
    yield java()


def broker_jars() -> Check:
    """Kafka's own jars, by the list of their hashes."""
    given = os.environ.get("LIANYUN_KAFKA_LIBS")
    folder = Path(given).expanduser() if given else cache_home() / f"kafka-{kafka_runtime.KAFKA_VERSION}"
    wrong = kafka_runtime.differences(folder)
    found = f"{len(wrong)} of {len(kafka_runtime.expected_hashes())} jars are missing or wrong in {folder}"
    return judged(
        "kafka jars",
        not wrong,
        found if wrong else f"Kafka {kafka_runtime.KAFKA_VERSION}, every hash right",
        "make setup",
    )


def java() -> Check:
    """The Java that runs the local broker."""
    try:
        return Check("java", True, str(java_executable()))
    except StackError as missing:
        return Check("java", False, missing.problem, missing.remedy or "make setup")
