"""Reading a partner's file: its format, and per record the unsigned event or the reason why there is none."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from schemas.reasons import Reason, Refusal
from services.producers.formats import declarations
from services.producers.formats.catalogue import FORMATS, MAX_FILE_BYTES, understand
from services.producers.formats.model import (
    EventDraft,
    Format,
    Interpretation,
    PassedOver,
    Position,
    Remark,
    Unread,
    with_event_remarks,
)
from services.producers.formats.model import Record as FormatRecord
from services.producers.profile import Profile
from services.producers.unsigned_event import UnsignedEvent, assemble


@dataclass(frozen=True, slots=True)
class EventRecord:
    """One record of a file: its draft with the event, a refusal, or the reason why it was passed over."""

    where: Position
    draft: EventDraft | None = None
    event: UnsignedEvent | None = None
    refusal: Refusal | None = None
    passed_over: str = ""

    @property
    def remarks(self) -> tuple[Remark, ...]:
        """What the reader remarks, and what is doubtful about the event."""
        if self.draft is None:
            return ()
        on_event = () if self.event is None else self.event.remarks
        return with_event_remarks(self.draft.remarks, self.where, on_event)


@dataclass(frozen=True, slots=True)
class PartnerFile:
    """A file as it was read: its format, the interpretation of its labels, and its records, to be iterated once."""

    format: Format
    sha256: str
    interpretations: tuple[Interpretation, ...]
    remarks: tuple[Remark, ...]
    records: Iterator[EventRecord]


@dataclass(frozen=True, slots=True)
class FileVersion:
    """Identity of one version of a file on disk: inode, size and modification time."""

    inode: int
    size: int
    modified_ns: int

    @classmethod
    def of(cls, stat: os.stat_result) -> FileVersion:
        return cls(stat.st_ino, stat.st_size, stat.st_mtime_ns)


class FileChanged(Refusal):
    """The file was written while it was read."""

    def __init__(self) -> None:
        super().__init__(
            Reason.UNREADABLE_FILE,
            "The file was written while it was read.",
            remedy="Read it again when its writer is done.",
        )


def load(path: Path) -> tuple[bytes, FileVersion]:
    """The bytes of ``path`` and their version. Raises Refusal where they cannot be had, Changed where it is being written."""
    try:
        with path.open("rb") as file:
            before = FileVersion.of(os.fstat(file.fileno()))
            content = file.read(MAX_FILE_BYTES + 1)
            after = FileVersion.of(os.fstat(file.fileno()))
    except OSError as problem:
        raise Refusal(
            Reason.UNREADABLE_FILE,
            f"The file cannot be opened: {problem.strerror}.",
            remedy="Check that it is there and that this user may read it.",
        ) from None
    if before != after:
        raise FileChanged()
    return content, before


def read(
    content: bytes, profile: Profile, name: str = "", formats: Sequence[Format] = FORMATS
) -> PartnerFile:
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
    records = (_record(record, profile) for record in reading.records)
    return PartnerFile(
        found, hashlib.sha256(content).hexdigest(), reading.interpretations, reading.remarks, records
    )


def _record(record: FormatRecord, profile: Profile) -> EventRecord:
    if isinstance(record, Unread):
        return EventRecord(record.where, refusal=record.refusal)
    if isinstance(record, PassedOver):
        return EventRecord(record.where, passed_over=record.reason)
    try:
        event = assemble(profile, record.id, record.type, record.time, record.data, record.subject)
    except Refusal as refusal:
        return EventRecord(record.where, record, refusal=refusal)
    return EventRecord(record.where, record, event)
