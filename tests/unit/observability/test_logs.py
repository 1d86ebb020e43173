"""Log lines: no secrets, no storms."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator

import pytest

from services.observability.logs import JsonFormatter, TextFormatter, configure, masked


@pytest.fixture(autouse=True)
def _logging() -> Iterator[None]:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = before, level


def record(message: str, **extra: object) -> logging.LogRecord:
    made = logging.LogRecord("services.x", logging.INFO, __file__, 1, message, (), None)
    vars(made).update(extra)
    return made


@pytest.mark.parametrize(
    "text",
    [
        "connecting to postgresql://lianyun:hunter2@127.0.0.1:5432/lianyun failed",
        "sasl_plain_password='hunter2'",
        "password=hunter2 user=x",
        'Secret: "hunter2"',
    ],
)
def test_passwords_are_masked_wherever_they_stand(text: str) -> None:
    assert "hunter2" not in masked(text)
    assert "hunter2" not in TextFormatter().format(record(text, detail=text))
    assert "hunter2" not in JsonFormatter().format(record(text, detail=text))


def test_a_json_line_carries_the_fields() -> None:
    entry = json.loads(JsonFormatter().format(record("seek", action="seek", topic="t", offset=5)))
    assert (entry["message"], entry["action"], entry["offset"], entry["level"]) == ("seek", "seek", 5, "INFO")
    assert entry["time"].endswith("Z")


def test_an_exception_is_one_json_line() -> None:
    try:
        raise ValueError("postgresql://a:hunter2@h/d")
    except ValueError:
        made = record("failed")
        made.exc_info = sys.exc_info()
    line = JsonFormatter().format(made)
    assert "\n" not in line
    assert "ValueError" in json.loads(line)["exception"]
    assert "hunter2" not in line


def test_what_the_kafka_client_repeats_ten_times_a_second_is_said_once(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure("text", "INFO")
    client = logging.getLogger("aiokafka.consumer.fetcher")
    for node in range(100):
        client.error("Failed fetch messages from %s: %s", 1, f"try {node}")
        client.info("chatter")
    client.error("something else")
    ours = logging.getLogger("services.processors.seam")
    for _ in range(3):
        ours.info("ours")
    lines = capsys.readouterr().err.splitlines()
    assert len([line for line in lines if "Failed fetch" in line]) == 1
    assert len([line for line in lines if "something else" in line]) == 1
    assert not [line for line in lines if "chatter" in line]
    assert len([line for line in lines if "ours" in line]) == 3
