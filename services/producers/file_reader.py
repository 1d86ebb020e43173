"""From a partner's file to its events: which format it has, and per record the event or why there is none."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from schemas.reasons import Reason, Refusal
from services.producers.formats import declarations
from services.producers.formats.catalogue import FORMATS, MAX_FILE_BYTES, understand
from services.producers.formats.model import Format, PassedOver, Remarked, Said, Taken, Unread, Where
from services.producers.formats.model import Record as Told
from services.producers.profile import Profile
from services.producers.unsigned_event import Unsigned, assemble


@dataclass(frozen=True, slots=True)
class Record:
    """One record of a file: its event with what it says, or a refusal, or the reason why it says nothing."""

    where: Where
    said: Said | None = None
    event: Unsigned | None = None
    refusal: Refusal | None = None
    passed_over: str = ""


@dataclass(frozen=True, slots=True)
class File:
    """A file as it was read: how it was understood, and its records, to be walked once."""

    format: Format
    sha256: str
    taken: tuple[Taken, ...]
    remarks: tuple[Remarked, ...]
    records: Iterator[Record]


@dataclass(frozen=True, slots=True)
class Version:
    """Which writing of a file this is; another size, date or file under the name is another version."""

    inode: int
    size: int
    modified_ns: int

    @classmethod
    def of(cls, stat: os.stat_result) -> Version:
        return cls(stat.st_ino, stat.st_size, stat.st_mtime_ns)


class Changed(Refusal):
    """The file was written while it was read."""

    def __init__(self) -> None:
        super().__init__(
            Reason.UNREADABLE_FILE,
            "The file was written while it was read.",
            remedy="Read it again when its writer is done.",
        )


def load(path: Path) -> tuple[bytes, Version]:
    """The bytes of ``path`` and their version. Raises Refusal where they cannot be had, Changed where it is being written."""
    try:
        with path.open("rb") as file:
            before = Version.of(os.fstat(file.fileno()))
            content = file.read(MAX_FILE_BYTES + 1)
            after = Version.of(os.fstat(file.fileno()))
    except OSError as problem:
        raise Refusal(
            Reason.UNREADABLE_FILE,
            f"The file cannot be opened: {problem.strerror}.",
            remedy="Check that it is there and that this user may read it.",
        ) from None
    if before != after:
        raise Changed()
    return content, before


def read(content: bytes, profile: Profile, name: str = "", formats: Sequence[Format] = FORMATS) -> File:
    """Read ``content`` for ``profile``, as the format ``name`` or as what it is; raises Refusal for the whole file."""
    if profile.files is not None:
        known = {each.name for each in formats}
        for key, named in declarations.formats_named(profile.files):
            if named not in known:
                raise Refusal(
                    Reason.UNKNOWN_FORMAT,
                    f"The profile declares {key}, and there is no format {named!r}.",
                    key,
                    f"Mend the section [files] of the profile; the formats are {', '.join(sorted(known))}.",
                )
    found, reading = understand(content, profile.files, name, formats)
    records = (_record(told, profile) for told in reading.records)
    return File(found, hashlib.sha256(content).hexdigest(), reading.taken, reading.remarks, records)


def _record(told: Told, profile: Profile) -> Record:
    if isinstance(told, Unread):
        return Record(told.where, refusal=told.refusal)
    if isinstance(told, PassedOver):
        return Record(told.where, passed_over=told.reason)
    try:
        event = assemble(profile, told.id, told.type, told.time, told.data, told.subject)
    except Refusal as refusal:
        return Record(told.where, told, refusal=refusal)
    return Record(told.where, told, event)
