"""The stand-alone examples against a real broker: what they publish is read, verified and decoded like any event."""

from __future__ import annotations

import ast
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka.admin import NewTopic

from schemas.envelope import read_headers, require_payload, signed_bytes
from schemas.events.decode import decode_payload
from schemas.signing import Scheme, SigningKey, parse_header, verify
from services.testbed.localstack.engine import BrokerAddress

pytestmark = pytest.mark.integration

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
PYTHON, GO = EXAMPLES / "publish.py", EXAMPLES / "go"
KEY = SigningKey.from_seed(Scheme.ED25519, bytes(range(32, 64)))
SOURCE = "urn:cre:ktz"
DEPARTED = {
    "classifier": "ACT",
    "happened": "2026-03-05T14:20:00+05:00",
    "place": "railnet:dostyk",
    "occurrence": "1",
    "objects": [{"kind": "container", "id": "CSQU3054383"}],
    "remark": "晚点 <5 мин> & ready",
}
LINES = [
    {"id": "dep-1", "type": "cre.movement.departed.v1", "time": "2026-03-05T14:31:07+05:00", "data": DEPARTED},
    {"id": "到-2", "type": "cre.movement.arrived.v1", "time": "2026-03-05T16:00:00Z", "subject": "Достык", "data": DEPARTED},
]  # fmt: skip
Record = tuple[list[tuple[str, bytes]], bytes]


@pytest.fixture(scope="session")
def go_program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Go example, compiled; skips, saying why, where the toolchain or its modules are out of reach."""
    if shutil.which("go") is None:
        pytest.skip("the Go example needs `go`, which is not installed here")
    fetched = subprocess.run(["go", "mod", "download"], cwd=GO, capture_output=True, text=True, check=False)
    if fetched.returncode and any(
        word in fetched.stderr for word in ("dial tcp", "lookup", "timeout", "toolchain")
    ):
        pytest.skip(f"the modules of the Go example cannot be fetched here: {fetched.stderr.strip()[-200:]}")
    program = tmp_path_factory.mktemp("go") / "publish"
    subprocess.run(["go", "build", "-o", str(program), "."], cwd=GO, check=True)
    return program


@pytest.fixture
def publish(broker: BrokerAddress, tmp_path: Path) -> Callable[[list[str], str], list[Record]]:
    """Run an example with the test's events against a new topic; returns what the topic then holds, in order."""
    seed = tmp_path / "seed.hex"
    seed.write_text(KEY.seed.hex() + "\n")

    def run(command: list[str], topic: str) -> list[Record]:
        admin = KafkaAdminClient(bootstrap_servers=broker.bootstrap)
        admin.create_topics([NewTopic(topic, num_partitions=1, replication_factor=1)])
        admin.close()
        lines = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in LINES)
        done = subprocess.run(
            [*command, broker.bootstrap, topic, "demo", SOURCE, str(seed)],
            input=lines.encode(),
            cwd=tmp_path,
            capture_output=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode()
        assert done.stdout.decode().split("\n")[:-1] == [
            f"{line['id']} stored at offset {offset}" for offset, line in enumerate(LINES)
        ]
        return read(broker.bootstrap, topic)

    return run


def read(bootstrap: str, topic: str) -> list[Record]:
    consumer = KafkaConsumer(
        bootstrap_servers=bootstrap, auto_offset_reset="earliest", consumer_timeout_ms=15_000
    )
    partition = TopicPartition(topic, 0)
    consumer.assign([partition])
    expected = consumer.end_offsets([partition])[partition]
    records = []
    for record in consumer:
        records.append((list(record.headers), record.value))
        if len(records) == expected:
            break
    consumer.close()
    return records


def require_good(records: list[Record]) -> None:
    """Every line arrived once, in order, signed by the key over exactly what is there, with a payload of its type."""
    assert len(records) == len(LINES)
    for (headers, payload), line in zip(records, LINES, strict=True):
        envelope, signature = read_headers(headers)
        expected = (line["id"], line["type"], line["time"], line.get("subject"), SOURCE)
        assert (envelope.id, envelope.type, envelope.time, envelope.subject, envelope.source) == expected
        header = parse_header(signature)
        assert header.key_id == KEY.key_id
        verify(header, KEY.public, signed_bytes("demo", envelope, require_payload(payload)))
        decoded = decode_payload(envelope.type, payload)
        assert decoded.remark == DEPARTED["remark"]


def test_the_python_example_publishes_signed_events(
    publish: Callable[[list[str], str], list[Record]],
) -> None:
    first = publish([sys.executable, str(PYTHON)], "example-python-1")
    require_good(first)
    assert publish([sys.executable, str(PYTHON)], "example-python-2") == first, (
        "the same lines give the same bytes"
    )


def test_the_go_example_publishes_the_same_bytes(
    go_program: Path, publish: Callable[[list[str], str], list[Record]]
) -> None:
    records = publish([str(go_program)], "example-go")
    require_good(records)
    assert records == publish([sys.executable, str(PYTHON)], "example-python-3")


def test_the_examples_are_short_and_need_nothing_of_ours() -> None:
    for program in (PYTHON, GO / "publish.go"):
        assert len(program.read_text(encoding="utf-8").splitlines()) < 60
    tree = ast.parse(PYTHON.read_text(encoding="utf-8"))
    imported = {
        name.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (
            [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
        )
    }
    assert imported - set(sys.stdlib_module_names) == {"kafka", "nacl"}
