"""The last word on what went into the spool: whether the broker has it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from services.producers.outcomes import Fate, FileOutcome, Outcome
from services.producers.spool import Spool


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
