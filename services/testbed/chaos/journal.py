"""A journaled publisher: a process that sends prepared messages and writes down what became of each.

The journal is append-only text, one line per step: ``t <number>`` before a message is sent, ``o <number>`` once the
broker has acknowledged it. A message tried and not acknowledged has an unknown fate; after a restart it is sent
again. Lines are written by single calls to the operating system, so a SIGKILL loses none of them.

``python -m services.testbed.chaos.journal <folder> <name> <bootstrap>`` sends ``<folder>/<name>.messages`` at the pace in
``<folder>/pace`` (messages a second). When all is sent it repeats earlier ones, so that the platform stays under load,
until ``<folder>/finish`` exists; then whatever is left goes out at full speed.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kafka.errors import KafkaError

from services.producers import publisher
from services.producers.publisher import BrokerUnreachable
from services.runtime.parent_process import end_with_parent
from services.testbed.simulator.signatures import Outgoing

IN_FLIGHT = 400
_SETTLE_SECONDS = 12


@dataclass(frozen=True, slots=True)
class Journal:
    """What a journal says: the numbers tried and the numbers acknowledged."""

    tried: frozenset[int]
    acknowledged: frozenset[int]
    attempts: int

    @property
    def unknown(self) -> frozenset[int]:
        """Messages that may or may not have reached the broker."""
        return self.tried - self.acknowledged


def prepare(folder: Path, name: str, messages: Sequence[Outgoing]) -> None:
    """Lay ``messages`` down for the publisher ``name``, in the order in which they are to be sent."""
    (folder / f"{name}.messages").write_bytes(pickle.dumps(list(messages), protocol=5))


def read(folder: Path, name: str) -> Journal:
    """Read what the publisher ``name`` has written down so far; a torn last line does not count."""
    path = folder / f"{name}.journal"
    steps = path.read_bytes().split(b"\n")[:-1] if path.exists() else []
    tried = [int(step[2:]) for step in steps if step.startswith(b"t ")]
    good = frozenset(int(step[2:]) for step in steps if step.startswith(b"o "))
    return Journal(frozenset(tried), good, len(tried))


class _Publisher:
    def __init__(self, folder: Path, name: str, bootstrap: str) -> None:
        self._folder, self._bootstrap = folder, bootstrap
        # Our own file, written by the prover a moment ago for this process alone.
        self._messages: list[Outgoing] = pickle.loads((folder / f"{name}.messages").read_bytes())
        self._done = set(read(folder, name).acknowledged)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
        self._journal = os.open(folder / f"{name}.journal", flags, 0o600)
        self._flying: deque[tuple[int, Any]] = deque()
        self._producer: Any = None
        self._doubtful = False

    def run(self) -> None:
        """Send until told to finish and everything is acknowledged."""
        started, sent, pace = time.monotonic(), 0, self._pace()
        while True:
            for number in self._numbers():
                self._send(number)
                sent += 1
                if sent % 20 == 0:
                    if (new := self._pace()) != pace:
                        started, sent, pace = time.monotonic(), 0, new
                    ahead = sent / pace - (time.monotonic() - started)
                    if ahead > 0 and not self._finishing():
                        time.sleep(min(ahead, 1.0))
                self._collect()
                if len(self._flying) >= IN_FLIGHT:
                    self._settle(IN_FLIGHT // 2)
            self._settle(0)
            if self._finishing() and len(self._done) == len(self._messages):
                return

    def _numbers(self) -> Iterator[int]:
        """What is not acknowledged yet, in order; then, to keep up the load, everything once more."""
        for number in range(len(self._messages)):
            if number not in self._done:
                yield number
        for number in range(len(self._messages)):
            if self._finishing():
                return
            yield number

    def _send(self, number: int) -> None:
        message = self._messages[number].message
        if self._doubtful:
            self._start_again()
        os.write(self._journal, b"t %d\n" % number)
        while True:
            try:
                if self._producer is None:
                    self._producer = publisher.connect(self._bootstrap)
                future = self._producer.send(
                    message.topic, value=message.value, key=message.key or None, headers=list(message.headers)
                )
                self._flying.append((number, future))
                return
            except (KafkaError, BrokerUnreachable):
                self._start_again()

    def _collect(self) -> None:
        """Note what has been acknowledged already, without waiting."""
        while self._flying and self._flying[0][1].is_done:
            self._settle(len(self._flying) - 1)

    def _settle(self, remaining: int) -> None:
        """Wait until no more than ``remaining`` messages are under way; note those that arrived."""
        until = time.monotonic() + _SETTLE_SECONDS  # for all together: after an outage some futures never end
        while len(self._flying) > remaining:
            number, future = self._flying.popleft()
            try:
                future.get(timeout=max(0.0, until - time.monotonic()))
            except KafkaError:
                self._doubtful = True  # its fate is unknown; it goes out again in the next round
                until = min(until, time.monotonic() + 1)  # this client does not get over it
                continue
            os.write(self._journal, b"o %d\n" % number)
            self._done.add(number)

    def _start_again(self) -> None:
        """After an error that leaves the client in doubt: settle what is under way and begin with a new client."""
        print(
            f"{time.time():.1f}: starting again, {len(self._flying)} under way", file=sys.stderr, flush=True
        )
        self._settle(0)
        self._doubtful = False
        if self._producer is not None:
            with contextlib.suppress(KafkaError):  # it says so when something could not be sent any more
                self._producer.close(timeout=1)
            self._producer = None
        print(f"{time.time():.1f}: begins again", file=sys.stderr, flush=True)
        time.sleep(0.2)

    def _pace(self) -> float:
        try:
            return float((self._folder / "pace").read_text())
        except (FileNotFoundError, ValueError):
            return 100.0

    def _finishing(self) -> bool:
        return (self._folder / "finish").exists()


if __name__ == "__main__":
    end_with_parent(os.environ)
    _Publisher(Path(sys.argv[1]), sys.argv[2], sys.argv[3]).run()
