"""What became of files and their records: the words that every report speaks."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum

from schemas.reasons import Refusal
from services.producers.formats.model import Remarked, Where


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
