"""Journaled publishers: processes that send prepared messages and write down what became of each, and their control.

The journal is append-only text, one line per step: ``t <number>`` before a message is sent, ``o <number>`` once the
broker has acknowledged it. A message tried and not acknowledged has an unknown fate; after a restart it is sent
again. Lines are written by single calls to the operating system, so a SIGKILL loses none of them.

``python -m services.testbed.chaos.publishers <folder> <name> <bootstrap>`` sends ``<folder>/<name>.messages`` at the pace in
``<folder>/pace`` (messages a second). When all is sent it repeats earlier ones, so that the platform stays under load,
until ``<folder>/finish`` exists; then whatever is left goes out at full speed.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from kafka.errors import KafkaError

from services.producers import publisher
from services.producers.publisher import BrokerUnreachable
from services.runtime.parent_process import VARIABLE as PARENT
from services.runtime.parent_process import end_with_parent
from services.testbed.simulator.signed_messages import Outgoing

IN_FLIGHT = 400
_SETTLE_SECONDS = 12


@dataclass(frozen=True, slots=True)
class Journal:
    """The content of a journal: the numbers tried and the numbers acknowledged."""

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
        """Send until ``finish`` exists and everything is acknowledged."""
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
            with contextlib.suppress(KafkaError):  # raised when something could not be sent any more
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


LEAST = 20.0
"""Messages a second that keep every partition moving."""


class PublishersFailed(Exception):
    """A publisher ended by itself or did not finish; the text names its log."""


def divide(outgoing: Sequence[Outgoing], count: int) -> dict[str, list[Outgoing]]:
    """Give each party's messages to one of ``count`` publishers, in their order, about equally much to each."""
    of_party: dict[str, list[Outgoing]] = {}
    for out in outgoing:
        of_party.setdefault(out.party, []).append(out)
    shares: dict[str, list[str]] = {f"publisher-{number}": [] for number in range(count)}
    weight = dict.fromkeys(shares, 0)
    for party, messages in sorted(of_party.items(), key=lambda item: (-len(item[1]), item[0])):
        lightest = min(weight, key=lambda name: (weight[name], name))
        shares[lightest].append(party)
        weight[lightest] += len(messages)
    return {name: [out for out in outgoing if out.party in parties] for name, parties in shares.items()}


def paced(new: int, seconds: float, most: float) -> float:
    """Messages a second at which ``new`` ones last for ``seconds``, but a load is kept up and never more than ``most``."""
    return most if seconds <= 0 else max(min(most, new / seconds), min(most, LEAST))


class Publishers:
    """Runs one process per share; they end with this one. Not for several threads."""

    def __init__(self, folder: Path, shares: Mapping[str, Sequence[Outgoing]], bootstrap: str) -> None:
        self._folder, self._bootstrap = folder, bootstrap
        self._shares = {name: list(share) for name, share in shares.items()}
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._most = LEAST
        folder.mkdir(parents=True, exist_ok=True)
        for name, share in self._shares.items():
            prepare(folder, name, share)

    def start(self, pace: float) -> None:
        """Start all of them, together at ``pace`` messages a second."""
        self._most = pace
        self.pace(pace)
        for name in self._shares:
            self._start(name)

    def pace(self, pace: float) -> None:
        """From now on send ``pace`` messages a second, all together."""
        new = self._folder / "pace.new"
        new.write_text(str(pace / len(self._shares)))
        new.rename(self._folder / "pace")

    def spread(self, seconds: float) -> None:
        """Slow down where what is still new would not last for ``seconds``: what is sent again folds no head."""
        new = sum(len(share) - len(read.acknowledged) for share, read in self.journals().values())
        self.pace(paced(new, seconds, self._most))

    def kill_one(self, random: Random) -> float:
        """SIGKILL one and start it again; return after how many seconds it had something acknowledged again."""
        name = random.choice(sorted(self._shares))
        self._processes[name].kill()
        self._processes[name].wait()
        return self._until_acknowledged(name, lambda: self._start(name))

    def freeze_one(self, random: Random, seconds: float) -> float:
        """SIGSTOP one for ``seconds``; return after how many more it had something acknowledged again."""
        name = random.choice(sorted(self._shares))
        process = self._processes[name]
        process.send_signal(signal.SIGSTOP)
        time.sleep(seconds)
        return self._until_acknowledged(name, lambda: process.send_signal(signal.SIGCONT))

    def _until_acknowledged(self, name: str, begin: Callable[[], None]) -> float:
        path = self._folder / f"{name}.journal"
        before, began = path.stat().st_size, time.monotonic()
        begin()
        while b"\no " not in path.read_bytes()[before - 1 :]:
            self._check()
            if time.monotonic() - began > 60:
                raise PublishersFailed(f"{name} did not come back; see {self._log(name)}")
            time.sleep(0.05)
        return time.monotonic() - began

    def finish(self, patience: float = 300.0) -> None:
        """Let them send what is left and end. Raises PublishersFailed."""
        (self._folder / "finish").touch()
        until = time.monotonic() + patience
        for name, process in self._processes.items():
            try:
                code = process.wait(max(0.1, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                raise PublishersFailed(f"{name} did not finish; see {self._log(name)}") from None
            if code:
                raise PublishersFailed(f"{name} ended with {code}; see {self._log(name)}")

    def stop(self) -> None:
        """End what still runs."""
        for process in self._processes.values():
            if process.poll() is None:
                process.kill()
                process.wait()

    def journals(self) -> dict[str, tuple[list[Outgoing], Journal]]:
        """What each one had to send, and what it wrote down."""
        return {name: (share, read(self._folder, name)) for name, share in self._shares.items()}

    def _check(self) -> None:
        for name, process in self._processes.items():
            if process.poll() is not None:
                raise PublishersFailed(f"{name} ended with {process.returncode}; see {self._log(name)}")

    def _log(self, name: str) -> Path:
        return self._folder / f"{name}.log"

    def _start(self, name: str) -> None:
        with self._log(name).open("ab") as log:
            self._processes[name] = subprocess.Popen(
                (
                    sys.executable,
                    "-m",
                    "services.testbed.chaos.publishers",
                    str(self._folder),
                    name,
                    self._bootstrap,
                ),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, PARENT: str(os.getpid())},
                start_new_session=True,
            )


if __name__ == "__main__":
    end_with_parent(os.environ)
    _Publisher(Path(sys.argv[1]), sys.argv[2], sys.argv[3]).run()
