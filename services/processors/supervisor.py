"""Runs N worker processes and restarts each that ends, with back-off and in its previous slot."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from services.runtime.exit_codes import Exit
from services.runtime.parent_process import VARIABLE as PARENT
from services.telemetry import metrics as names
from services.telemetry.http import Health, HealthServer
from services.telemetry.instruments import Instruments


class SupervisorMetrics:
    """Metrics of one supervisor."""

    def __init__(self, workers: int = 0) -> None:
        self.instruments = Instruments()
        self._exits = self.instruments.counter(names.WORKER_EXITS)
        for worker in range(workers):
            for exit_name in (*(code.name for code in Exit), "SIGKILL"):
                self._exits.labels(str(worker), exit_name)  # shown as 0 before the first

    def ended(self, worker: int, exit_name: str) -> None:
        """Count the end of a worker process."""
        self._exits.labels(str(worker), exit_name).inc()


log = logging.getLogger(__name__)

COMMAND = (sys.executable, "-m", "services.processors")
_FIRST_WAIT, _LONGEST_WAIT, _HEALTHY_AFTER = 0.2, 15.0, 30.0
_STOP_SECONDS = 20.0


@dataclass(slots=True)
class _Member:
    index: int
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    wait: float = 0.0
    due: float = 0.0


@dataclass(frozen=True, slots=True)
class WorkerExit:
    """A worker process that ended by itself: its number, exit code (negative: a signal) and lifetime in seconds."""

    worker: int
    code: int
    after: float

    @property
    def name(self) -> str:
        """The name of the exit, as in metrics."""
        if self.code < 0:
            return signal.Signals(-self.code).name
        return Exit(self.code).name if self.code in list(Exit) else f"EXIT_{self.code}"


class Supervisor:
    """A context manager over `workers` processes with the settings in `environment` (LIANYUN_* variables).

    Their output goes to `logs`/worker-<n>.log, else to this process's standard error. They never outlive this
    process. With LIANYUN_METRICS_PORT, worker n serves its metrics on that port + n, and the supervisor its own on
    the port after those. All methods may be called from any thread; `start` and `stop` block.
    """

    def __init__(
        self,
        environment: Mapping[str, str],
        workers: int = 2,
        *,
        logs: Path | None = None,
        command: Sequence[str] = COMMAND,
    ) -> None:
        self._environment, self._logs, self._command = dict(environment), logs, tuple(command)
        self._id = uuid.uuid4().hex[:12]
        self._members = [_Member(index) for index in range(workers)]
        self._lock = threading.RLock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self.ended: list[WorkerExit] = []
        self._port = int(self._environment.get("LIANYUN_METRICS_PORT") or 0)
        self._metrics = SupervisorMetrics(workers)
        self._health: HealthServer | None = None

    def start(self) -> Self:
        """Start the workers; returns when the processes run, which is before they are ready."""
        if self._port:
            registry = self._metrics.instruments.registry
            port = self._port + len(self._members)
            self._health = HealthServer(registry, lambda: Health(True), self._ready, port=port)
            self._health.start()
        started = threading.Event()
        # One thread starts them all and lives as long as they: the kernel's death signal goes by the thread.
        self._thread = threading.Thread(target=self._run, args=(started,), name="supervisor", daemon=True)
        self._thread.start()
        started.wait(30)
        return self

    def stop(self) -> None:
        """Stop the workers in order (SIGTERM, after 20 s SIGKILL). Harmless when called twice."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        if self._health is not None:
            self._health.stop()
            self._health = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def pids(self) -> dict[int, int]:
        """Return the process ids of the running workers by number."""
        with self._lock:
            return {m.index: m.process.pid for m in self._members if m.process and m.process.poll() is None}

    def signal(self, worker: int, number: signal.Signals) -> bool:
        """Send a signal to a worker (for fault injection); False when it is not running."""
        with self._lock:
            process = self._members[worker].process
            if process is None or process.poll() is not None:
                return False
            process.send_signal(number)
            return True

    @property
    def restarts(self) -> int:
        """Number of workers that ended by themselves so far."""
        return len(self.ended)

    def _ready(self) -> Health:
        running = len(self.pids())
        return Health(running == len(self._members), {"workers": running, "restarts": self.restarts})

    def _run(self, started: threading.Event) -> None:
        for member in self._members:
            self._start(member)
        started.set()
        while not self._stop.wait(0.05):
            with self._lock:
                for member in self._members:
                    self._restart_if_ended(member)
        self._end_all()

    def _restart_if_ended(self, member: _Member) -> None:
        now = time.monotonic()
        if member.process is not None and (code := member.process.poll()) is not None:
            lived = now - member.started
            ended = WorkerExit(member.index, code, lived)
            self.ended.append(ended)
            self._metrics.ended(member.index, ended.name)
            member.process = None
            # A kill from outside is no sign of a fault: back at once. A worker that fails again and again waits.
            quick = code < 0 or lived > _HEALTHY_AFTER
            member.wait = 0.0 if quick else min(max(member.wait * 2, _FIRST_WAIT), _LONGEST_WAIT)
            member.due = now + member.wait
            log.warning(
                "worker %d ended (%s); starting it again in %.1f s",
                member.index,
                ended.name,
                member.wait,
                extra={"action": "worker_ended", "worker": member.index, "exit": ended.name},
            )
        if member.process is None and now >= member.due:
            self._start(member)

    def _start(self, member: _Member) -> None:
        environment = {
            **os.environ,
            **self._environment,
            "LIANYUN_WORKER_OWNER": f"{self._id}/{member.index}",
            PARENT: str(os.getpid()),
        }
        if self._port:
            environment["LIANYUN_METRICS_PORT"] = str(self._port + member.index)
        with contextlib.ExitStack() as stack:
            output = None
            if self._logs is not None:
                self._logs.mkdir(parents=True, exist_ok=True)
                output = stack.enter_context((self._logs / f"worker-{member.index}.log").open("ab"))
            # A session of its own: Ctrl-C at the terminal reaches the program, which stops its workers in order.
            member.process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=environment,
                start_new_session=True,
            )
        member.started = time.monotonic()

    def _end_all(self) -> None:
        with self._lock:
            running = [m.process for m in self._members if m.process is not None and m.process.poll() is None]
            for process in running:
                process.send_signal(signal.SIGCONT)  # a stopped process does not receive SIGTERM
                process.terminate()
            until = time.monotonic() + _STOP_SECONDS
            for process in running:
                try:
                    process.wait(max(until - time.monotonic(), 0.1))
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
