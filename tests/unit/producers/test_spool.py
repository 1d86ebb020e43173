"""The spool keeps what it took, once, and knows a changed message under a used id."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from services.producers.spool import Message, Put, Spool, SpoolBusy


def message(n: int, content: bytes = b"x") -> Message:
    return Message(bytes([n]) * 16, content * 16, "t", b"k", (("ce_id", str(n).encode()),), b"value")


def test_a_repetition_is_recognised_and_a_changed_message_is_told_apart(tmp_path: Path) -> None:
    with Spool(tmp_path / "s") as spool:
        assert spool.put([message(1), message(2)]) == [Put.QUEUED, Put.QUEUED]
        assert spool.put([message(1), message(1, b"y")]) == [Put.ALREADY, Put.DIFFERENT]
        spool.acknowledge([(1, 0, 5)])
        assert spool.put([message(1)]) == [Put.ALREADY]
        assert [m.identity[0] for _, m in spool.waiting(0, 10)] == [2]
        assert spool.counts() == (1, 1)


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
