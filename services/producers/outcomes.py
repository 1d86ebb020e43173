"""The last word on what went into the spool: whether the broker has it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from schemas.reasons import Refusal
from services.producers.formats.model import Remarked, Where
from services.producers.spool import Spool


class Fate(StrEnum):
    """What became of one record. ``SPOOLED`` is on its way: PUBLISHED when the broker has it, WAITING until then."""

    SPOOLED = "spooled"
    PUBLISHED = "published"
    WAITING = "waiting"
    ALREADY = "already"  # published before, the same content
    CORRECTED = "corrected"  # published as a correction of what was published before
    REFUSED = "refused"
    WITHHELD = "withheld"  # good, and not published because another record of the run was not
    PASSED_OVER = "passed_over"


@dataclass(frozen=True, slots=True)
class Outcome:
    """One record: where it stood, what it says, and its fate; ``identity`` is that of the event in the spool, if any."""

    where: Where
    fate: Fate
    id: str = ""
    type: str = ""
    identity: bytes | None = None
    refusal: Refusal | None = None
    note: str = ""
    remarks: tuple[Remarked, ...] = ()


@dataclass(slots=True)
class FileOutcome:
    """One file: its format, what a person should know of it, and its records; ``refusal`` where it could not be read."""

    path: str
    format: str = ""
    sha256: str = ""
    remarks: tuple[Remarked, ...] = ()
    refusal: Refusal | None = None
    records: list[Outcome] = field(default_factory=list)

    @property
    def counts(self) -> Counter[Fate]:
        """How many records met which fate."""
        return Counter(record.fate for record in self.records)

    @property
    def refused(self) -> bool:
        """Whether the file or one of its records needs a person."""
        return self.refusal is not None or any(
            record.fate in (Fate.REFUSED, Fate.WITHHELD) for record in self.records
        )

    @property
    def identities(self) -> frozenset[bytes]:
        """The events of this file that are in the spool."""
        return frozenset(record.identity for record in self.records if record.identity is not None)


@dataclass(slots=True)
class Run:
    """One run over some files: what the broker acknowledged meanwhile, and what waits in the spool after it."""

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


def plain_run(run: Run) -> dict[str, Any]:
    """The whole run: counts, every refusal in one list, and per file every record."""
    counts: Counter[Fate] = sum((file.counts for file in run.files), Counter())
    refusals = [row for file in run.files for row in _refusals(file)]
    return {
        "acknowledged": run.acknowledged,
        "waiting": run.waiting,
        **{fate.value: counts[fate] for fate in _COUNTED},
        "refused": len(refusals),
        "refusals": refusals,
        "files": [plain_file(file) for file in run.files],
    }


def plain_file(file: FileOutcome) -> dict[str, Any]:
    """One file: how it was read, and per record its place, fate and, where it has one, its refusal."""
    return {
        "path": file.path,
        "format": file.format,
        "sha256": file.sha256,
        "refusal": None if file.refusal is None else plain_refusal(file.refusal),
        "remarks": [plain_remark(each) for each in file.remarks],
        "records": [plain_record(each) for each in file.records],
    }


def plain_record(record: Outcome) -> dict[str, Any]:
    """One record, with its place in the file."""
    return {
        **place(record.where),
        "outcome": record.fate.value,
        "id": record.id,
        "type": record.type,
        "note": record.note,
        "refusal": None if record.refusal is None else plain_refusal(record.refusal),
        "remarks": [plain_remark(each) for each in record.remarks],
    }


def place(where: Where) -> dict[str, Any]:
    """Sheet, row (from 1, 0 for none), column letter and element path; "" where the file has no such thing."""
    return {"sheet": where.sheet, "row": where.row, "column": where.column, "element": where.path}


_COUNTED = (Fate.PUBLISHED, Fate.ALREADY, Fate.CORRECTED, Fate.WITHHELD, Fate.PASSED_OVER)


def _refusals(file: FileOutcome) -> Iterator[dict[str, Any]]:
    if file.refusal is not None:
        yield {"path": file.path, **place(Where()), **plain_refusal(file.refusal)}
    for record in file.records:
        if record.refusal is not None:
            yield {"path": file.path, **place(record.where), **plain_refusal(record.refusal)}


def plain_refusal(refusal: Refusal) -> dict[str, Any]:
    """Why something makes no event, and what to do."""
    return {
        "reason": refusal.reason.value,
        "pointer": refusal.pointer,
        "detail": refusal.detail,
        "remedy": refusal.remedy,
    }


def plain_remark(remark: Remarked) -> dict[str, Any]:
    """What a person should know, with its place."""
    return {**place(remark.where), "text": remark.text, "remedy": remark.remedy}


def settle(files: Iterable[FileOutcome], spool: Spool) -> None:
    """Tell of every spooled record whether the broker has it: PUBLISHED, or WAITING. The last word, said once."""
    files = list(files)
    waiting = spool.unacknowledged(identity for file in files for identity in file.identities)
    for file in files:
        file.records = [_settled(record, waiting) for record in file.records]


def _settled(record: Outcome, waiting: frozenset[bytes]) -> Outcome:
    if record.identity in waiting:
        return replace(record, fate=Fate.WAITING)
    return replace(record, fate=Fate.PUBLISHED) if record.fate is Fate.SPOOLED else record
