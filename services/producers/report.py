"""A run's outcome as plain JSON values: what ``--json`` prints and what lies beside a file that was moved aside."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from schemas.reasons import Refusal
from services.producers.formats.model import Remarked, Where
from services.producers.outcomes import Fate, FileOutcome, Outcome, Run


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
