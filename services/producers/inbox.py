"""A folder that a partner drops files into: which of them are complete, and where they go when they are done.

A file counts as complete when two looks at least ``settle`` seconds apart find the same version of it (inode, size,
date). A writer on a weak link may pause for longer, so a file that ends in the middle of something has to lie still
for ``grace`` seconds. Clocks play no part: only this process's own looks do. Names of unfinished uploads are left
alone; renaming a file to its final name when it is whole is the surest way.
"""

from __future__ import annotations

import fcntl
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import orjson

from services.producers.file_reader import Version

DONE, FAILED = "done", "failed"
REPORT = ".outcome.json"
_LOCK = ".lianyun-watch.lock"
_UNFINISHED = (".tmp", ".part", ".partial", ".filepart", ".crdownload", ".swp", ".lock", REPORT)
_AT_ONCE = 64


class InboxBusy(Exception):
    """Another process watches this folder."""


@dataclass(frozen=True, slots=True)
class _Seen:
    version: Version
    since: float


@dataclass(frozen=True, slots=True)
class Candidate:
    """A file that lay still; ``rested`` is how long, in seconds of the caller's clock."""

    path: Path
    version: Version
    rested: float


class Inbox:
    """The folder, held by one process at a time; use as a context manager."""

    def __init__(self, folder: Path, settle: float, grace: float) -> None:
        self.folder, self.settle, self.grace = folder, settle, grace
        self._seen: dict[str, _Seen] = {}

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

    def look(self, now: float) -> list[Candidate]:
        """The files that have lain still for ``settle`` seconds at ``now`` (any steady clock), oldest first, at most 64."""
        found: dict[str, _Seen] = {}
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
                version = Version.of(status)
                before = self._seen.get(name)
                found[name] = before if before and before.version == version else _Seen(version, now)
        self._seen = found
        still = [(name, seen) for name, seen in found.items() if now - seen.since >= self.settle]
        still.sort(key=lambda each: (each[1].version.modified_ns, each[0]))
        return [
            Candidate(self.folder / name, seen.version, now - seen.since) for name, seen in still[:_AT_ONCE]
        ]

    @property
    def unsettled(self) -> int:
        """How many files of the last look are still here."""
        return len(self._seen)

    def shelve(self, candidate: Candidate, good: bool, report: dict[str, Any]) -> Path | None:
        """Move a file to done/ or failed/ with ``report`` beside it; None, and nothing moved, where it has changed since.

        The report is on disk before the file moves: a kill in between leaves a report alone, and the next run, which
        reads the file again, writes it anew. A name that is taken gets a number; nothing is overwritten.
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
    def _same(path: Path, version: Version) -> bool:
        try:
            return Version.of(path.lstat()) == version
        except FileNotFoundError:
            return False


def ends_whole(content: bytes) -> bool:
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
