"""A log, its witnesses and a receipt as their users have them: by the commands, over real processes, some of them killed."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from schemas.merkle import MerkleTree, leaf_hash
from services.runtime.ports import free_port, listening
from services.testbed.demo.transparency import fork, rewrite
from services.testbed.localstack.engine import DatabaseAddress
from services.transparency.domain.note import Note
from services.transparency.domain.policy import Policy
from tests.stories.story import NETWORK
from tests.support.databases import migrated_database
from tests.support.producers.condition import until
from tests.support.receipts import build_referee
from tests.support.signed_stories import Desk, all_stories, record, register, rubbish

pytestmark = [pytest.mark.integration, pytest.mark.long]


class Place:
    """A folder with settings, and the commands run in it."""

    def __init__(self, folder: Path, dsn: str) -> None:
        self.folder = folder
        self._environment = {**os.environ, "LIANYUN_DSN": dsn, "LIANYUN_NETWORK": NETWORK}

    def run(self, *arguments: str, code: int = 0) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "services.cli", *arguments],
            cwd=self.folder, env=self._environment, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == code, done.stderr
        return done.stdout if code == 0 else done.stderr

    def start(self, *arguments: str, **settings: str) -> subprocess.Popen[bytes]:
        environment = {**self._environment, **settings}
        return subprocess.Popen(
            [sys.executable, "-m", "services.cli", *arguments], cwd=self.folder, env=environment
        )

    @contextmanager
    def running(self, *arguments: str, **settings: str) -> Iterator[subprocess.Popen[bytes]]:
        process = self.start(*arguments, **settings)
        try:
            yield process
        finally:
            process.terminate()
            process.wait(60)


def test_from_nothing_to_a_receipt_that_outlives_the_platform(
    postgres: DatabaseAddress, tmp_path: Path
) -> None:
    dsn = migrated_database(postgres, "transparency_e2e")
    place = Place(tmp_path, dsn)
    told = all_stories("x")[::4]
    with psycopg.connect(dsn) as session:
        register(session, told)
    key = place.run("transparency", "create", "log.example/lianyun").strip()
    assert "already" in place.run("transparency", "create", "log.example/lianyun", code=1)
    lines, witnesses = [f"log {key}"], []
    for name in ("rail", "customs"):
        own, port = (
            place.run("witness", "key", f"{name}.example", "--file", f"{name}.key").strip(),
            free_port(),
        )
        lines.append(f"witness {name} {own} http://127.0.0.1:{port}")
        witnesses.append(
            ("witness", "serve", f"{name}.example", "--file", f"{name}.key", "--log", key, "--state", f"{name}.db", "--port", str(port))
        )  # fmt: skip
    (tmp_path / "policy").write_text("\n".join([*lines, "group both all rail customs", "quorum both", ""]))
    sequencing = {"LIANYUN_TRANSPARENCY_POLICY": "policy", "LIANYUN_TRANSPARENCY_TICK": "0.05"}
    with place.running(*witnesses[0]), place.running(*witnesses[1]):
        # While events are accepted, the sequencer is killed again and again; another one stands by all the time.
        filling = threading.Thread(target=fill, args=(dsn, told))
        filling.start()
        draw = random.Random(5)
        with place.running("transparency", "run", **sequencing):
            for _ in range(4):
                process = place.start("transparency", "run", **sequencing)
                time.sleep(draw.uniform(1.0, 3.0))
                process.send_signal(signal.SIGKILL)
                process.wait(60)
            filling.join()
            until(lambda: whole(dsn, place), "everything has joined and is cosigned", 120)
        event = told[0].told[0].envelope
        place.run("transparency", "receipt", event.source, event.id, "--to", "receipt.json")
        place.run("fsck")
    assert len((tmp_path / "receipt.json").read_bytes()) <= 4096
    shown = json.loads(place.run("verify", "receipt.json", "--policy", "policy", "--json"))["receipts"]
    assert [each["witnesses"] for each in shown] == [["customs", "rail"]]
    found = json.loads((tmp_path / "receipt.json").read_text())
    (tmp_path / "changed.json").write_text(json.dumps({**found, "at": found["at"] + 1}))
    assert "not proven" in place.run("verify", "changed.json", "--policy", "policy", code=3)
    port = free_port()
    with place.running("transparency", "serve", LIANYUN_TRANSPARENCY_PORT=str(port)):
        until(lambda: listening(port), "the log is served")
        judge = build_referee(tmp_path)
        assert judge("receipt", "policy", "receipt.json").stdout.startswith("proven: event ")
        assert judge("receipt", "policy", "changed.json").returncode == 1
        assert judge("log", f"http://127.0.0.1:{port}", key).stdout.startswith("sound: ")


def whole(dsn: str, place: Place) -> bool:
    """Each document has one entry, the root is that of the entries, and the whole was cosigned."""
    with psycopg.connect(dsn) as session:
        documents = session.execute(
            "SELECT (SELECT count(*) FROM lianyun.body) + (SELECT count(*) FROM lianyun.dead_letter)"
            " + (SELECT count(*) FROM lianyun.audit_trail)"
        ).fetchone()
        rows = session.execute("SELECT entry FROM lianyun.transparency_entry ORDER BY index").fetchall()
        head = session.execute("SELECT cosigned FROM lianyun.transparency_head").fetchone()
    assert documents is not None
    assert head is not None
    assert len(rows) <= documents[0]
    if len(rows) < documents[0] or head[0] is None:
        return False
    trusted = Policy.parse((place.folder / "policy").read_bytes()).trusted(Note.parse(head[0].encode()))
    root = MerkleTree.over([leaf_hash(bytes(row[0])) for row in rows]).root
    return (trusted.checkpoint.size, trusted.checkpoint.root) == (len(rows), root)


def fill(dsn: str, told: tuple[object, ...]) -> None:
    desk = Desk(dsn)
    events = [each for story in told for each in story.told]  # type: ignore[attr-defined]
    for at in range(0, len(events), 7):
        desk.apply([*(record(each, at + n) for n, each in enumerate(events[at : at + 7]))])
        time.sleep(0.05)
    desk.apply([rubbish(len(events))])
    desk.settle()
    desk.close()


def test_two_histories_for_two_banks_are_noticed() -> None:
    outcome = fork(lambda _line: None)
    assert outcome["detected"]
    assert outcome["noticed_by"] == ["monitors", "bank A", "bank B", "railway-cn", "customs-cn"]
    first, second = (Note.parse(each.encode()) for each in outcome["evidence"])
    assert first.text.split("\n")[:2] == second.text.split("\n")[:2]
    assert first.text != second.text


def test_history_made_anew_is_noticed() -> None:
    outcome = rewrite(1, lambda _line: None)
    assert outcome["detected"]
    assert outcome["noticed_by"] == ["witnesses", "mirror"]
