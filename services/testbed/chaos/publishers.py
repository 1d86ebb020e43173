"""The journaled publishers of a run as processes: started, paced, killed, started again, finished."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from random import Random

from services.runtime.parent_process import VARIABLE as PARENT
from services.testbed.chaos import journal
from services.testbed.chaos.journal import Journal
from services.testbed.simulator.signatures import Outgoing

LEAST = 20.0
"""Messages a second that keep every partition moving."""


class PublishersFailed(Exception):
    """A publisher ended by itself or did not finish; its log says why."""


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
            journal.prepare(folder, name, share)

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
        return {name: (share, journal.read(self._folder, name)) for name, share in self._shares.items()}

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
                    "services.testbed.chaos.journal",
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
