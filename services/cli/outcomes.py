"""How the outcome of publishing is shown: what needs a person first, then the counts of each file."""

from __future__ import annotations

from collections.abc import Iterator

from services.cli.output import out, print_table
from services.producers.formats.model import Remarked, Where
from services.producers.outcomes import Fate, FileOutcome, Run

_COLUMNS = ("where", "outcome", "record", "what", "to do")
_FATES = (
    Fate.PUBLISHED,
    Fate.CORRECTED,
    Fate.ALREADY,
    Fate.WAITING,
    Fate.REFUSED,
    Fate.WITHHELD,
    Fate.PASSED_OVER,
)
_SHOWN = 100


def show(run: Run, every: bool) -> None:
    """Print per file the records that need a person, with ``every`` all of them, then one line of counts per file."""
    for file in run.files:
        if file.refusal is not None:  # no table: a remedy may be a line to copy
            out.print(f"{file.path}: {file.refusal.detail}", markup=False)
            out.print(f"to do: {file.refusal.remedy}", markup=False)
        rows = list(_rows(file, every))
        if rows:
            shown = rows if every else rows[:_SHOWN]
            print_table(_COLUMNS, shown, title=file.path)
            if len(shown) < len(rows):
                out.print(f"... and {len(rows) - len(shown)} more: --every or --json shows all")
    columns = ("file", "format", *(fate.value.replace("_", " ") for fate in _FATES))
    print_table(columns, [_counts(file) for file in run.files])
    if run.waiting:
        out.print(f"{run.waiting} events wait in the spool; they go out with the next run")


def line(file: FileOutcome) -> str:
    """A file in one line: how many records met which fate."""
    if file.refusal is not None:
        return f"{file.refusal.detail} {file.refusal.remedy}".strip()
    counted = ", ".join(
        f"{count} {fate.value.replace('_', ' ')}" for fate, count in sorted(file.counts.items())
    )
    return f"{file.format}: {counted or 'no records'}"


def _counts(file: FileOutcome) -> tuple[object, ...]:
    counts = file.counts
    return (file.path, file.format or "not read", *(counts[fate] or "" for fate in _FATES))


def _rows(file: FileOutcome, every: bool) -> Iterator[tuple[object, ...]]:
    yield from (_remark("", each, Where()) for each in file.remarks)
    for record in file.records:
        if record.refusal is not None:
            why = record.refusal
            at = f"{why.detail} ({why.pointer})" if why.pointer else why.detail
            yield record.where, why.reason, record.id, at, why.remedy
        elif every or record.fate in (Fate.CORRECTED, Fate.WITHHELD):
            yield record.where, record.fate.value.replace("_", " "), record.id, record.note, ""
        yield from (_remark(record.id, each, record.where) for each in record.remarks)


def _remark(record: str, remark: Remarked, where: Where) -> tuple[object, ...]:
    place = remark.where if str(remark.where) else where
    return place, "remark", record, remark.text, remark.remedy
