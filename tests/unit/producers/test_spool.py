"""The spool keeps what it took, once, and knows a changed message under a used id."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from services.producers.spool import Amendment, Message, PutResult, Spool, SpoolBusy, SpoolError, status


def message(n: int, content: bytes = b"x") -> Message:
    return Message(bytes([n]) * 16, content * 16, "t", b"k", (("ce_id", str(n).encode()),), b"value")


def test_a_repetition_is_recognised_and_a_changed_message_is_told_apart(tmp_path: Path) -> None:
    with Spool(tmp_path / "s") as spool:
        assert spool.put([message(1), message(2)]) == [PutResult.QUEUED, PutResult.QUEUED]
        assert spool.put([message(1), message(1, b"y")]) == [PutResult.ALREADY, PutResult.DIFFERENT]
        spool.acknowledge([(1, 0, 5)])
        assert spool.put([message(1)]) == [PutResult.ALREADY]
        assert [m.identity[0] for _, m in spool.waiting(0, 10)] == [2]
        assert spool.counts() == (1, 1)


def test_a_correction_stands_in_place_of_what_it_mends(tmp_path: Path) -> None:
    with Spool(tmp_path / "s") as spool:
        spool.put([message(1)])
        assert spool.current(message(2).identity) is None
        for n, content in ((2, b"b"), (3, b"c")):
            spool.put([message(n)], [Amendment(message(1).identity, content, message(n).identity)])
            assert spool.current(message(1).identity) == message(n)
        assert spool.amendment(message(1).identity, b"b") == message(2).identity
        assert spool.amendment(message(1).identity, b"d") is None
        with pytest.raises(sqlite3.IntegrityError):
            spool.put([message(4)], [Amendment(message(1).identity, b"b", message(4).identity)])
        assert spool.known(message(4).identity) is None  # both or neither


def test_its_status_is_told_while_it_is_in_use(tmp_path: Path) -> None:
    assert status(tmp_path / "none").last is None
    with Spool(tmp_path / "s") as spool:
        headers = (("ce_id", b"a"), ("ce_type", b"t"))
        messages = [replace(message(n), headers=headers) for n in (1, 2, 3)]
        spool.put(messages, [Amendment(message(1).identity, b"b", message(2).identity)])
        spool.acknowledge([(2, 1, 77)])
        found = status(tmp_path / "s", limit=1)
        assert (found.waiting, found.acknowledged, found.corrections, len(found.oldest)) == (2, 1, 1, 1)
        assert found.last is not None
        assert (found.last.id, found.last.partition, found.last.offset) == ("a", 1, 77)
        assert found.oldest[0].queued_us <= found.last.at_us
        assert spool.unacknowledged([message(n).identity for n in (1, 2, 9)]) == {message(1).identity}


def test_a_spool_of_the_first_release_is_taken_over(tmp_path: Path) -> None:
    old = sqlite3.connect(tmp_path / "s")
    old.executescript("""
        CREATE TABLE message (seq INTEGER PRIMARY KEY, identity BLOB NOT NULL UNIQUE, digest BLOB NOT NULL,
            topic TEXT NOT NULL, key BLOB NOT NULL, headers TEXT NOT NULL, value BLOB NOT NULL,
            partition INTEGER, offset INTEGER) STRICT;
        CREATE INDEX waiting ON message (seq) WHERE offset IS NULL;
        INSERT INTO message VALUES (1, x'01', x'02', 't', x'', '[]', x'03', 0, 9), (2, x'04', x'05', 't', x'', '[]', x'06', NULL, NULL);
    """)
    old.close()
    for _ in range(2):
        with Spool(tmp_path / "s") as spool:
            assert spool.counts() == (1, 1)
            assert [m.value for _, m in spool.waiting(0, 10)] == [b"\x06"]
    newer = sqlite3.connect(tmp_path / "s")
    newer.execute("PRAGMA user_version = 99")
    newer.close()
    with pytest.raises(SpoolError, match="newer"):
        Spool(tmp_path / "s")


def test_a_second_process_is_told_that_the_spool_is_busy(tmp_path: Path) -> None:
    with Spool(tmp_path / "s"), pytest.raises(SpoolBusy):
        Spool(tmp_path / "s")


def test_what_was_put_survives_a_kill(tmp_path: Path) -> None:
    program = (
        "import os, signal, sys; from pathlib import Path; from services.producers.spool import *\n"
        "s = Spool(Path(sys.argv[1])); s.put([Message(b'a'*16, b'b'*16, 't', b'', (), b'v')])\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path / "s")], env=os.environ, check=False)
    assert done.returncode == -9
    with Spool(tmp_path / "s") as spool:
        assert [m.value for _, m in spool.waiting(0, 10)] == [b"v"]
