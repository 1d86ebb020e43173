"""`lianyun top`: one frame of the border board from a real store, plain where there is no terminal."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from services.cli.database import session
from services.cli.exits import Exit, Failure
from services.cli.settings import CliSettings
from services.testbed.localstack.database import Database
from services.testbed.localstack.engine import DatabaseAddress
from tests.support.cases.border_night import border_night, night_server, play
from tests.support.databases import migrated_database

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def dsn(postgres: DatabaseAddress) -> str:
    address = migrated_database(postgres, "top")
    play(address)
    return address


def lianyun(dsn: str, *words: str) -> str:
    """The real command in a process of its own, with no terminal."""
    done = subprocess.run(
        [str(Path(sys.executable).with_name("lianyun")), "top", "--at", border_night().as_of, *words],
        env={**os.environ, "LIANYUN_DSN": dsn},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_board_tells_of_each_train_where_it_stands_and_what_keeps_its_boxes(dsn: str) -> None:
    told = json.loads(lianyun(dsn, "--json"))
    (crossing,) = [each for each in told["crossings"] if each["trains"]]
    assert crossing["crossing"] == "alashankou-dostyk"
    assert (crossing["due"], crossing["queued"], crossing["handed_over"]) == (1, 1, 1)
    due, queued, over = crossing["trains"]
    assert [due["phase"], queued["phase"], over["phase"]] == ["DUE", "QUEUED", "HANDED_OVER"]
    assert due["numbers"] == ["CR/X8026/2026-03-04/railnet:xian"]
    assert (due["bound"], due["expected_by"]) == ("去程", "running time")
    assert (queued["ready"], queued["boxes"]) == (1, 3)
    assert queued["waits_for"] == {"release": 1, "prior information": 1, "seal": 1}
    assert queued["not_ready"] == [
        {"container": "LYNU7300021", "waits_for": ["release", "prior information"]},
        {"container": "LYNU7300037", "waits_for": ["seal"]},
    ]
    assert queued["last"]["milestone"] == "arrived"
    assert [case["owner"] for case in queued["cases"] if case["what"] == "TRAIN_HELD"] == [
        "cr/alashankou-shift"
    ]
    assert over["numbers"] == ["CR/X8022/2026-03-03/railnet:xian", "KTZ/1402/2026-03-05/railnet:dostyk"]
    assert (over["ready"], over["boxes"]) == (1, 1)
    control, works = crossing["restrictions"], crossing["announced"]
    assert [(each["kind"], each["to"]) for each in control] == [("TIGHTENED_CONTROL", "2026-03-06T03:00:00Z")]
    assert [(each["kind"], each["from"]) for each in works] == [("BORDER_CLOSED", "2026-03-07T19:00:00Z")]
    assert told["pipeline"]["workers"] == 0
    assert told["pipeline"]["cases_up_to"]


def test_a_frame_without_a_terminal_is_plain_text(dsn: str) -> None:
    frame = lianyun(dsn, "--once", "--lang", "zh")
    assert "\x1b" not in frame
    for part in (
        "阿拉山口–",
        "due in 12 h 1   queued 1   handed over 1",
        "CR X8022 03-03 = KTZ 1402 03-05",
        "去程",
        "1/3",
        "release 1, prior information 1, seal 1",
        "HELD cr/alashankou-shift",
        "03-05 20:00 Beijing",
        "03-05 15:00 Moscow",
        "03-05 17:00 local",
    ):
        assert part in frame, frame


def test_a_crossing_can_be_asked_for_alone_and_a_wrong_one_is_named(dsn: str) -> None:
    told: dict[str, Any] = json.loads(lianyun(dsn, "--json", "--crossing", "brest-malaszewicze"))
    assert [(each["crossing"], each["trains"]) for each in told["crossings"]] == [("brest-malaszewicze", [])]
    wrong = subprocess.run(
        [str(Path(sys.executable).with_name("lianyun")), "top", "--crossing", "atlantis"],
        env={**os.environ, "LIANYUN_DSN": dsn},
        capture_output=True,
        text=True,
        check=False,
    )
    assert wrong.returncode == 2
    assert "alashankou-dostyk" in wrong.stderr


def test_it_is_live_on_a_terminal_and_leaves_it_as_it_was(dsn: str) -> None:
    """As over SSH: frames on a screen of their own, which Ctrl-C takes away again."""
    own, other = pty.openpty()
    fcntl.ioctl(other, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 180, 0, 0))
    command = [
        str(Path(sys.executable).with_name("lianyun")),
        "top",
        "--every",
        "0.5",
        "--at",
        border_night().as_of,
    ]
    with subprocess.Popen(
        command,
        env={**os.environ, "LIANYUN_DSN": dsn, "TERM": "xterm-256color"},
        stdin=other,
        stdout=other,
        stderr=other,
    ) as running:
        os.close(other)
        seen = b""
        while seen.count(b"CR X8024") < 2:  # a second frame came
            assert running.poll() is None, seen
            seen += os.read(own, 65_536)
        running.send_signal(signal.SIGINT)
        with contextlib.suppress(OSError):  # the terminal is closed at its end
            while more := os.read(own, 65_536):
                seen += more
    os.close(own)
    assert running.returncode == 130
    assert seen.index(b"\x1b[?1049h") < seen.index(b"lianyun top")
    assert seen.rindex(b"\x1b[?1049l") > seen.rindex(b"CR X8024")


@pytest.fixture
def server() -> Iterator[Database]:
    """A database server of the test's own, with the night at the border; it may be stopped and started."""
    with night_server("top") as database:
        yield database


class Screen:
    """What a command draws on a terminal of 180 by 40, picture by picture."""

    def __init__(self, own: int, running: subprocess.Popen[bytes]) -> None:
        self._own, self._running, self._seen = own, running, b""

    def until(self, words: str, *without: str) -> str:
        """Wait for a picture with ``words`` and nothing of ``without``; the command goes on meanwhile."""
        end = time.monotonic() + 90
        while True:
            *_, last, _unfinished = [b"", *self._seen.split(b"\x1b[H")]
            shown = re.sub(r"\x1b\[[\d;?]*[a-zA-Z]", "", last.decode())
            if words in shown and not any(each in shown for each in without):
                return shown
            assert self._running.poll() is None, f"it ended: {self._seen.decode()}"
            assert time.monotonic() < end, shown
            if select.select([self._own], [], [], 1.0)[0]:
                self._seen += os.read(self._own, 65_536)


@contextmanager
def on_a_terminal(dsn: str, *words: str) -> Iterator[Screen]:
    own, other = pty.openpty()
    fcntl.ioctl(other, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 180, 0, 0))
    inherited = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
    with subprocess.Popen(
        [str(Path(sys.executable).with_name("lianyun")), *words],
        env={**inherited, "LIANYUN_DSN": dsn, "TERM": "xterm-256color"},
        stdin=other,
        stdout=other,
        stderr=other,
    ) as running:
        os.close(other)
        try:
            yield Screen(own, running)
        finally:
            running.kill()
            os.close(own)


def test_it_stays_while_the_database_is_away_and_says_how_old_the_board_is(server: Database) -> None:
    with on_a_terminal(server.dsn, "top", "--every", "0.5", "--at", border_night().as_of) as screen:
        screen.until("CR X8024", "does not answer")
        server.stop()
        shown = screen.until("does not answer")
        assert "CR X8024" in shown, "what was read last stays"
        assert re.search(r"last read at \d\d:\d\d:\d\d UTC, \d+ s ago", shown), shown
        server.start()
        screen.until("CR X8024", "does not answer")


def test_a_command_that_loses_its_database_ends_with_what_to_do(
    dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIANYUN_DSN", dsn)
    with (
        pytest.raises(Failure, match="the database does not answer") as failed,
        session(CliSettings()) as lost,
    ):
        lost.execute("SELECT pg_terminate_backend(pg_backend_pid())")
    assert (failed.value.code, failed.value.suggestion) == (Exit.UNREACHABLE, "lianyun doctor")


def test_what_is_followed_goes_on_where_it_was_when_the_database_is_back(server: Database) -> None:
    command = [str(Path(sys.executable).with_name("lianyun")), "events", "tail", "-f", "--limit", "3"]
    with subprocess.Popen(
        command, env={**os.environ, "LIANYUN_DSN": server.dsn}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as tail:  # fmt: skip
        assert tail.stdout is not None
        assert tail.stderr is not None
        try:
            before = [tail.stdout.readline() for _ in range(3)]
            assert all("cre." in line for line in before)
            server.stop()
            assert "does not answer" in tail.stderr.readline()
            server.start()
            assert "answers again" in tail.stderr.readline()
            tail.send_signal(signal.SIGINT)
            rest = tail.stdout.read()
            assert rest == "", "nothing is shown twice"
            assert tail.wait(30) == 130
        finally:
            tail.kill()
