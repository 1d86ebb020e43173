"""What is observed from outside while workers work: the ledger's progress, sessions that wait, processor time used."""

from __future__ import annotations

import os
import socket
import threading
import time
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit, urlunsplit

import psycopg

_LEDGER = "SELECT topic, part, next_offset FROM lianyun.kafka_offset"
_SESSIONS = """
    SELECT coalesce(wait_event_type, 'running'), coalesce(wait_event, state), count(*)
    FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'lianyun' AND state <> 'idle'
    GROUP BY 1, 2
"""

Place = tuple[str, int]
"""A topic and one of its partitions."""


class Sampler(threading.Thread):
    """A reader with a session of its own that looks every ``interval`` seconds; a context manager around what it watches."""

    def __init__(self, dsn: str, interval: float) -> None:
        super().__init__(name=type(self).__name__, daemon=True)
        self._session = psycopg.connect(dsn, autocommit=True, application_name="lianyun bench")
        self._interval = interval
        self._done = threading.Event()

    def look(self, session: psycopg.Connection[tuple[object, ...]]) -> None:
        """Look once."""
        raise NotImplementedError

    def run(self) -> None:
        """Look until the block ends; the last look comes after its end."""
        last = False
        while not last:
            last = self._done.wait(self._interval)
            self.look(self._session)

    def __enter__(self) -> Self:
        self.look(self._session)
        self.start()
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._done.set()
        self.join()
        self._session.close()


class LedgerSampler(Sampler):
    """Follows the offsets of the ledger as another session reads them: what lies below one is committed and readable."""

    def __init__(self, dsn: str, interval: float) -> None:
        super().__init__(dsn, interval)
        self._steps: dict[Place, tuple[list[int], list[float]]] = defaultdict(lambda: ([], []))
        self._totals: list[tuple[float, int]] = []

    def look(self, session: psycopg.Connection[tuple[object, ...]]) -> None:
        total = 0
        rows = session.execute(_LEDGER).fetchall()
        now = time.time()
        for topic, part, reached in rows:
            offsets, times = self._steps[str(topic), int(str(part))]
            offset = int(str(reached))
            total += offset
            if not offsets or offset > offsets[-1]:
                offsets.append(offset)
                times.append(now)
        if not self._totals or total > self._totals[-1][1]:
            self._totals.append((now, total))

    @property
    def applied(self) -> int:
        """How many messages have been applied, over all partitions and since their beginning."""
        return self._totals[-1][1] if self._totals else 0

    def visible(self, topic: str, partition: int, offset: int) -> float | None:
        """When (``time.time``) the event at ``offset`` was first seen to be readable; None: not yet."""
        offsets, times = self._steps[topic, partition]
        place = bisect_left(offsets, offset + 1)
        return times[place] if place < len(times) else None

    def span(self) -> tuple[float, int]:
        """Seconds from the first commit seen to the last, and the messages applied between them; zeros where one look saw all."""
        moved = self._totals[1:]
        if len(moved) < 2:
            return 0.0, 0
        return moved[-1][0] - moved[0][0], moved[-1][1] - moved[0][1]

    def await_applied(self, wanted: int, patience: float, check: Callable[[], None]) -> None:
        """Block until ``wanted`` messages are applied; TimeoutError when ``patience`` seconds pass without progress.

        ``check`` is called again and again meanwhile and may raise.
        """
        seen, since = self.applied, time.monotonic()
        while self.applied < wanted:
            time.sleep(0.02)
            check()
            if self.applied > seen:
                seen, since = self.applied, time.monotonic()
            elif time.monotonic() - since > patience:
                raise TimeoutError(
                    f"{seen} of {wanted} messages applied, and none in the last {patience:.0f} s"
                )


class SessionSampler(Sampler):
    """Samples what the writers' sessions do: on the processor, waiting for the client, for a lock, for the disk."""

    def __init__(self, dsn: str, interval: float = 0.05) -> None:
        super().__init__(dsn, interval)
        self._samples: Counter[str] = Counter()
        self._looks, self._begun = 0, time.monotonic()
        self._seconds = 0.0

    def look(self, session: psycopg.Connection[tuple[object, ...]]) -> None:
        self._looks += 1
        self._seconds = time.monotonic() - self._begun
        for kind, event, count in session.execute(_SESSIONS).fetchall():
            self._samples[f"{kind}/{event}"] += int(str(count))

    def seconds(self) -> dict[str, float]:
        """Seconds of all sessions together by what they did, the longest first."""
        each = self._seconds / max(self._looks, 1)
        return {what: count * each for what, count in self._samples.most_common()}

    def lock_seconds(self) -> float:
        """Seconds that sessions waited for locks on rows, transactions and tables."""
        return sum(seconds for what, seconds in self.seconds().items() if what.startswith("Lock/"))


def cpu_seconds(pids: Iterable[int], with_children: bool = False) -> float | None:
    """Processor time that the processes have used so far, also by children that have ended and been waited for.

    None where there is no /proc.
    """
    wanted = set(pids)
    if not Path("/proc/self/stat").exists():
        return None
    if with_children:
        parents = {pid: int(fields[1]) for pid, fields in _processes().items()}
        wanted |= {pid for pid, parent in parents.items() if parent in wanted}
    ticks = os.sysconf("SC_CLK_TCK")
    table = _processes()
    # Of itself in user and kernel mode, then of the children that it has waited for.
    return sum(int(used) / ticks for pid in wanted if pid in table for used in table[pid][11:15])


def resident_mb(pids: Iterable[int]) -> list[float]:
    """Resident memory of each process in megabytes; empty where there is no /proc."""
    page = os.sysconf("SC_PAGE_SIZE")
    table = _processes()
    return [round(int(table[pid][21]) * page / 1e6, 1) for pid in pids if pid in table]


def _processes() -> Mapping[int, list[str]]:
    """The fields of /proc/<pid>/stat behind the command's name: state, parent, ..."""
    found: dict[int, list[str]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = path.read_text(encoding="ascii", errors="replace")
        except OSError:
            continue
        found[int(path.parent.name)] = text[text.rindex(")") + 2 :].split()
    return found


_CHUNK = 1 << 16
_FLUSH = b"H\x00\x00\x00\x04"
"""A message that asks for nothing: the client sends it behind a pipeline, whether it was answered meanwhile or not."""


class RoundTripCounter:
    """A context manager: whoever connects to ``dsn`` here reaches the database of the given URL, and is counted.

    A round trip is counted when a client speaks after the server did. Statements that are sent together count once.
    """

    def __init__(self, dsn: str) -> None:
        where = urlsplit(dsn)
        self._server = (where.hostname or "127.0.0.1", where.port or 5_432)
        self._listening = socket.create_server(("127.0.0.1", 0))
        port = self._listening.getsockname()[1]
        account = where.netloc.rpartition("@")[0]
        self.dsn = urlunsplit(where._replace(netloc=f"{account}@127.0.0.1:{port}"))
        self._lock = threading.Lock()
        self._count = 0

    @property
    def count(self) -> int:
        """Round trips so far, over all connections."""
        return self._count

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, name="crossings", daemon=True).start()
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._listening.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return  # closed
            server = socket.create_connection(self._server)
            answered = threading.Event()
            for source, target, asks in ((client, server, True), (server, client, False)):
                source.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                threading.Thread(
                    target=self._pass_on, args=(source, target, asks, answered), daemon=True
                ).start()

    def _pass_on(
        self, source: socket.socket, target: socket.socket, asks: bool, answered: threading.Event
    ) -> None:
        try:
            while chunk := source.recv(_CHUNK):
                if not asks:
                    answered.set()
                elif answered.is_set() and chunk != _FLUSH:
                    answered.clear()
                    with self._lock:
                        self._count += 1
                target.sendall(chunk)
        except OSError:
            pass  # either side has gone
        finally:
            for end in (source, target):
                end.close()
