"""A format of the tests alone: ``gate list NUMBER OF-TIME``, a header, and one box a line, on the partner's clock."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from schemas.reasons import Reason, Refusal
from services.producers.formats.model import (
    EventDraft,
    Format,
    Interpretation,
    PassedOver,
    Position,
    ReadOutcome,
    Record,
    Remark,
    Settings,
    Unread,
)

TITLE = b"gate list "
HEADER = "box;moved;place"


def gate_list(number: int, *rows: str, made: str = "2025-09-12T18:00") -> bytes:
    return "\n".join([f"gate list {number} {made}", HEADER, *rows, ""]).encode()


def _recognise(content: bytes) -> int:
    return 80 if content.startswith(TITLE) else 0


def _read(content: bytes, settings: Settings) -> ReadOutcome:
    title, header, *rows = content.decode().splitlines()
    if header != HEADER:
        raise Refusal(Reason.UNREADABLE_FILE, "The list has no header.", "line 2", "Send the list with it.")
    _, _, number, made = title.split()
    taken = tuple(
        Interpretation(Position(row=2, column=column), label, meaning, "read")
        for column, label, meaning in zip(
            "ABC", HEADER.split(";"), ("object", "happened", "place"), strict=True
        )
    )
    return ReadOutcome(
        "gate_list", taken, _records(number, made, rows, settings), (Remark(Position(row=1), "A list."),)
    )


def _records(number: str, made: str, rows: list[str], settings: Settings) -> Iterator[Record]:
    for row, text in enumerate(rows, start=3):
        if text.startswith("total"):
            yield PassedOver(Position(row=row), "a total")
            continue
        box, moved, place = text.split(";")
        if not moved:
            refusal = Refusal(Reason.INVALID_TIME, "The cell is empty.", "/happened", "Give date and time.")
            yield Unread(Position(row=row, column="B"), refusal)
            continue
        data = {
            "classifier": "ACT",
            "happened": _at(moved, settings),
            "happened_as_written": moved,
            "place": place,
            "objects": [{"kind": "container", "id": box}],
        }
        yield EventDraft(
            Position(row=row), f"gate-{number}-{box}", "cre.movement.gated_in.v1", _at(made, settings), data
        )


def _at(text: str, settings: Settings) -> str:
    zone = settings.zones.get("gate_list", settings.zone)
    return datetime.fromisoformat(text).replace(tzinfo=zone).isoformat(timespec="seconds")


GATE_LIST = Format("gate_list", "Gate list of the tests", _recognise, _read)
