"""Outcomes of publishing: the status of records and files, and their report as plain JSON values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from schemas.reasons import Refusal
from services.producers.formats.model import Position, Remark
from services.producers.spool import Spool


class RecordStatus(StrEnum):
    """The status of one record. ``SPOOLED`` is transient: PUBLISHED once the broker has acknowledged it, WAITING until then."""

    SPOOLED = "spooled"
    PUBLISHED = "published"
    WAITING = "waiting"
    ALREADY = "already"  # published before, the same content
    CORRECTED = "corrected"  # published as a correction of what was published before
    REFUSED = "refused"
    WITHHELD = "withheld"  # good, and not published because another record of the run was not
    PASSED_OVER = "passed_over"


@dataclass(frozen=True, slots=True)
class RecordOutcome:
    """One record: position, draft id and type, status; ``identity`` is that of the event in the spool, if any."""

    where: Position
    status: RecordStatus
    id: str = ""
    type: str = ""
    identity: bytes | None = None
    refusal: Refusal | None = None
    note: str = ""
    remarks: tuple[Remark, ...] = ()


@dataclass(slots=True)
class FileOutcome:
    """One file: its format, remarks and records; ``refusal`` where it could not be read."""

    path: str
    format: str = ""
    sha256: str = ""
    remarks: tuple[Remark, ...] = ()
    refusal: Refusal | None = None
    records: list[RecordOutcome] = field(default_factory=list)

    @property
    def counts(self) -> Counter[RecordStatus]:
        """Number of records by status."""
        return Counter(record.status for record in self.records)

    @property
    def refused(self) -> bool:
        """Whether the file or one of its records was refused or withheld."""
        return self.refusal is not None or any(
            record.status in (RecordStatus.REFUSED, RecordStatus.WITHHELD) for record in self.records
        )

    @property
    def remarked(self) -> int:
        """Number of remarks on the file and on its records."""
        return len(self.remarks) + sum(len(record.remarks) for record in self.records)

    @property
    def identities(self) -> frozenset[bytes]:
        """The events of this file that are in the spool."""
        return frozenset(record.identity for record in self.records if record.identity is not None)


@dataclass(slots=True)
class PublishOutcome:
    """One run: its files, how many events were acknowledged meanwhile, and how many wait in the spool."""

    files: list[FileOutcome]
    acknowledged: int = 0
    waiting: int = 0

    @property
    def refused(self) -> bool:
        return any(file.refused for file in self.files)

    @property
    def failed(self) -> bool:
        """Whether anything is left to do: a record refused, or an event that the broker does not have yet."""
        return self.refused or bool(self.waiting)


def plain_run(run: PublishOutcome) -> dict[str, Any]:
    """The whole run: counts, every refusal in one list, and per file every record."""
    counts: Counter[RecordStatus] = sum((file.counts for file in run.files), Counter())
    refusals = [row for file in run.files for row in _refusals(file)]
    return {
        "acknowledged": run.acknowledged,
        "waiting": run.waiting,
        **{status.value: counts[status] for status in _COUNTED},
        "refused": len(refusals),
        "remarks": sum(file.remarked for file in run.files),
        "refusals": refusals,
        "files": [plain_file(file) for file in run.files],
    }


def plain_file(file: FileOutcome) -> dict[str, Any]:
    """One file: its format, and per record position, status and refusal."""
    return {
        "path": file.path,
        "format": file.format,
        "sha256": file.sha256,
        "refusal": None if file.refusal is None else plain_refusal(file.refusal),
        "remarks": [plain_remark(each) for each in file.remarks],
        "records": [plain_record(each) for each in file.records],
    }


def plain_record(record: RecordOutcome) -> dict[str, Any]:
    """One record, with its place in the file."""
    return {
        **place(record.where),
        "outcome": record.status.value,
        "id": record.id,
        "type": record.type,
        "note": record.note,
        "refusal": None if record.refusal is None else plain_refusal(record.refusal),
        "remarks": [plain_remark(each) for each in record.remarks],
    }


def place(where: Position) -> dict[str, Any]:
    """Sheet, row (from 1, 0 for none), column letter and element path; "" where the position has none."""
    return {"sheet": where.sheet, "row": where.row, "column": where.column, "element": where.path}


_COUNTED = (
    RecordStatus.PUBLISHED,
    RecordStatus.ALREADY,
    RecordStatus.CORRECTED,
    RecordStatus.WITHHELD,
    RecordStatus.PASSED_OVER,
)


def _refusals(file: FileOutcome) -> Iterator[dict[str, Any]]:
    if file.refusal is not None:
        yield {"path": file.path, **place(Position()), **plain_refusal(file.refusal)}
    for record in file.records:
        if record.refusal is not None:
            yield {"path": file.path, **place(record.where), **plain_refusal(record.refusal)}


def plain_refusal(refusal: Refusal) -> dict[str, Any]:
    """A refusal: reason, pointer, detail and remedy."""
    return {
        "reason": refusal.reason.value,
        "pointer": refusal.pointer,
        "detail": refusal.detail,
        "remedy": refusal.remedy,
    }


def plain_remark(remark: Remark) -> dict[str, Any]:
    """A remark with its position; one on the event itself also with code, pointer and what was found."""
    shown = {**place(remark.where), "text": remark.text, "remedy": remark.remedy}
    return {**shown, "code": remark.code, "pointer": remark.pointer, "found": remark.found}


def settle(files: Iterable[FileOutcome], spool: Spool) -> None:
    """Set each spooled record to PUBLISHED or WAITING, by whether the broker has acknowledged it."""
    files = list(files)
    waiting = spool.unacknowledged(identity for file in files for identity in file.identities)
    for file in files:
        file.records = [_settled(record, waiting) for record in file.records]


def _settled(record: RecordOutcome, waiting: frozenset[bytes]) -> RecordOutcome:
    if record.identity in waiting:
        return replace(record, status=RecordStatus.WAITING)
    return replace(record, status=RecordStatus.PUBLISHED) if record.status is RecordStatus.SPOOLED else record
