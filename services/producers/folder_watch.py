"""Publishing from a watched folder: complete files are read into the spool, published, and archived with their outcome.

A file is complete when two scans at least ``settle`` seconds apart find the same version of it (inode, size, modification
time); one that appears truncated has to rest for ``grace`` seconds. It is archived when the broker has acknowledged every
event of it. After a kill at any point the next run reads the remaining files again: ids are derived from the records, so
nothing is lost or published twice. Between rounds the spool is unlocked.
"""

from __future__ import annotations

import fcntl
import os
import stat
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

import orjson

from schemas.reasons import Refusal
from services.producers.file_reader import FileChanged, FileVersion, load
from services.producers.formats.catalogue import FORMATS
from services.producers.formats.model import Format
from services.producers.intake import Intake
from services.producers.outcomes import FileOutcome, plain_file, settle
from services.producers.profile import Profile
from services.producers.publisher import BrokerUnreachable, MessageRefused, drain
from services.producers.spool import Spool, SpoolBusy
from services.producers.unsigned_event import TraceSource, no_trace

DONE, FAILED = "done", "failed"
REPORT = ".outcome.json"
_LOCK = ".lianyun-watch.lock"
_UNFINISHED = (".tmp", ".part", ".partial", ".filepart", ".crdownload", ".swp", ".lock", REPORT)
_AT_ONCE = 64


class InboxBusy(Exception):
    """Another process watches this folder."""


@dataclass(frozen=True, slots=True)
class _Observation:
    version: FileVersion
    since: float


@dataclass(frozen=True, slots=True)
class Candidate:
    """A file unchanged for ``rested`` seconds of the caller's clock."""

    path: Path
    version: FileVersion
    rested: float


class Inbox:
    """The folder, locked by one process at a time; use as a context manager."""

    def __init__(self, folder: Path, settle: float, grace: float) -> None:
        self.folder, self.settle, self.grace = folder, settle, grace
        self._seen: dict[str, _Observation] = {}

    def __enter__(self) -> Self:
        for name in (DONE, FAILED):
            (self.folder / name).mkdir(exist_ok=True)
        self._lock = (self.folder / _LOCK).open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._lock.close()
            raise InboxBusy(f"another process watches {self.folder}") from None
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._lock.close()

    def scan(self, now: float) -> list[Candidate]:
        """The files that have lain still for ``settle`` seconds at ``now`` (any steady clock), oldest first, at most 64."""
        found: dict[str, _Observation] = {}
        with os.scandir(self.folder) as entries:
            for entry in entries:
                name = entry.name
                if name.startswith((".", "~$")) or name.lower().endswith(_UNFINISHED):
                    continue
                try:
                    status = entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue
                if not stat.S_ISREG(status.st_mode):
                    continue
                version = FileVersion.of(status)
                before = self._seen.get(name)
                found[name] = before if before and before.version == version else _Observation(version, now)
        self._seen = found
        still = [(name, seen) for name, seen in found.items() if now - seen.since >= self.settle]
        still.sort(key=lambda each: (each[1].version.modified_ns, each[0]))
        return [
            Candidate(self.folder / name, seen.version, now - seen.since) for name, seen in still[:_AT_ONCE]
        ]

    @property
    def unsettled(self) -> int:
        """How many files of the last scan are still in the folder."""
        return len(self._seen)

    def archive(self, candidate: Candidate, good: bool, report: dict[str, Any]) -> Path | None:
        """Move a file to done/ or failed/ with ``report`` beside it; None, and nothing moved, where it has changed since.

        The report is on disk before the file moves: a kill in between leaves only a report, which the next run overwrites. A name
        in use gets a number; no other file is overwritten.
        """
        target = self._free(candidate.path, DONE if good else FAILED)
        beside = target.with_name(target.name + REPORT)
        if not self._same(candidate.path, candidate.version):
            return None
        _write(beside, orjson.dumps(report, option=orjson.OPT_INDENT_2))
        candidate.path.rename(target)
        if not self._same(
            target, candidate.version
        ):  # written in the last instant: it was not read like this
            if not candidate.path.exists():
                target.rename(candidate.path)
            beside.unlink()
            return None
        _sync(target.parent)
        _sync(self.folder)
        self._seen.pop(candidate.path.name, None)
        return target

    def _free(self, path: Path, shelf: str) -> Path:
        target = self.folder / shelf / path.name
        number = 1
        while target.exists():
            number += 1
            target = target.with_name(f"{path.stem}~{number}{path.suffix}")
        return target

    @staticmethod
    def _same(path: Path, version: FileVersion) -> bool:
        try:
            return FileVersion.of(path.lstat()) == version
        except FileNotFoundError:
            return False


def looks_complete(content: bytes) -> bool:
    """Whether ``content`` ends as complete files do: a line end, the end of a document, or a binary format's own end.

    False means perhaps not: many lists have no line end at theirs.
    """
    end = content[-64:].rstrip(b" \t\x00")
    return (
        end.endswith((b"\n", b"\r", b">", b"}", b"]", b"\x1a"))
        or content[:2] == b"PK"
        or content[:4] == b"\xd0\xcf\x11\xe0"
    )


def _write(path: Path, content: bytes) -> None:
    half = path.with_name(path.name + ".tmp")
    with half.open("wb") as file:
        file.write(content + b"\n")
        file.flush()
        os.fsync(file.fileno())
    half.replace(path)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


_SPOOL_PATIENCE = 10.0
_SLICE = 0.1


class Listener(Protocol):
    """Receives the events of a watch, for a terminal or a log."""

    def archived(self, outcome: FileOutcome, target: Path) -> None:
        """A file was archived."""

    def broker(self, problem: str, waiting: int) -> None:
        """The broker became unreachable (``problem`` describes why) or reachable again ("")."""

    def busy(self, problem: str) -> None:
        """Another process holds the spool; the next round retries."""


@dataclass(frozen=True, slots=True)
class WatchOptions:
    """How files are read: format, corrections, all or nothing; ``patience`` bounds sending per round, in seconds.

    ``trace_source`` gives each event its trace context.
    """

    format: str = ""
    amend: bool = False
    whole: bool = False
    patience: float = 5.0
    trace_source: TraceSource = no_trace


@dataclass(slots=True)
class _Pending:
    candidate: Candidate
    outcome: FileOutcome


class FolderWatch:
    """One partner's watch over one folder; ``round`` does the work that is due, ``run`` repeats it until stopped."""

    def __init__(
        self,
        inbox: Inbox,
        profile: Profile,
        spool: Path,
        bootstrap: str,
        listener: Listener,
        options: WatchOptions = WatchOptions(),
        formats: Sequence[Format] = FORMATS,
        security: dict[str, Any] | None = None,
    ) -> None:
        self._inbox, self._profile, self._spool, self._bootstrap = inbox, profile, spool, bootstrap
        self._security = security
        self._listener, self._options, self._formats = listener, options, formats
        self._pending: dict[Path, _Pending] = {}
        self._later: dict[Path, FileVersion] = {}  # seemed cut short; looked at again after the grace
        self._connected = True
        self.waiting = 1  # in the spool; not known before the first look, so look
        self.acknowledged = 0
        self.failed = 0

    def run(self, stop: Callable[[], bool], every: float = 1.0, once: bool = False) -> None:
        """Repeat rounds until ``stop``; with ``once``, until the folder is empty and nothing waits, or the broker is unreachable."""
        while not stop():
            self.round(stop)
            if once and (not self._connected or not (self.waiting or self._inbox.unsettled)):
                return
            until = time.monotonic() + every
            while not stop() and (left := until - time.monotonic()) > 0:
                time.sleep(min(_SLICE, left))

    def round(self, stop: Callable[[], bool] = lambda: False) -> None:
        """Read complete files, send what waits, archive what is acknowledged; duration bounded by the patience of its parts."""
        candidates = {each.path: each for each in self._inbox.scan(time.monotonic())}
        self._pending = {
            path: each
            for path, each in self._pending.items()
            if path in candidates and candidates[path].version == each.candidate.version
        }
        fresh = [each for path, each in candidates.items() if path not in self._pending and self._due(each)]
        if not (fresh or self._pending or self.waiting):
            return
        try:
            with Spool(self._spool, _SPOOL_PATIENCE) as spool:
                spool.readdress(self._profile.topic)
                for candidate in fresh:
                    if stop():
                        break
                    self._take(candidate, spool)
                self._send(spool, stop)
                unsent = spool.unacknowledged(
                    identity for each in self._pending.values() for identity in each.outcome.identities
                )
                arrived = {
                    path: each for path, each in self._pending.items() if not each.outcome.identities & unsent
                }
                settle((each.outcome for each in arrived.values()), spool)
        except SpoolBusy as busy:
            self._listener.busy(str(busy))
            return
        for path, pending in arrived.items():
            self._shelve(path, pending)

    def _due(self, candidate: Candidate) -> bool:
        return self._later.get(candidate.path) != candidate.version or candidate.rested >= self._inbox.grace

    def _take(self, candidate: Candidate, spool: Spool) -> None:
        """Read a file into the spool, or leave it where it may still be incomplete."""
        patient = candidate.rested < self._inbox.grace
        outcome = FileOutcome(str(candidate.path))
        try:
            content, version = load(candidate.path)
        except FileChanged:
            return
        except Refusal as refusal:
            outcome.refusal = refusal
        else:
            if version != candidate.version:
                return
            if patient and not looks_complete(content):
                self._later[candidate.path] = candidate.version
                return
            options = self._options
            intake = Intake(
                self._profile,
                spool,
                format=options.format,
                amend=options.amend,
                whole=options.whole,
                formats=self._formats,
                trace_source=options.trace_source,
            )
            outcome = intake.content(str(candidate.path), content)
            intake.close()
        if outcome.refusal is not None and patient:
            self._later[candidate.path] = candidate.version
            return
        self._later.pop(candidate.path, None)
        self._pending[candidate.path] = _Pending(candidate, outcome)

    def _send(self, spool: Spool, stop: Callable[[], bool]) -> None:
        problem = ""
        before = spool.counts()[1]
        try:
            drain(
                spool,
                self._bootstrap,
                patience=self._options.patience,
                security=self._security,
                stop=stop,
                party=self._profile.party,
            )
        except BrokerUnreachable as unreachable_detail:
            problem = str(unreachable_detail)
        except MessageRefused as refusal:
            problem = f"{refusal} To do: {refusal.remedy}."
        self.waiting, acknowledged = spool.counts()
        self.acknowledged += acknowledged - before
        connected = not problem and not (self.waiting and not stop())
        if connected != self._connected:
            self._listener.broker(
                "" if connected else problem or "the broker does not acknowledge everything.", self.waiting
            )
        self._connected = connected

    def _shelve(self, path: Path, pending: _Pending) -> None:
        good = not pending.outcome.refused
        target = self._inbox.archive(pending.candidate, good, plain_file(pending.outcome))
        del self._pending[path]
        if target is not None:
            self.failed += not good
            self._listener.archived(replace(pending.outcome), target)
