"""Native records: one JSON object a line, with our event types.

A line is ``{"id", "type", "time", "subject"?, "data"}``. ``time`` is when the partner's system made the record, never
the clock of this machine; every time in it has an offset, so a native file needs no declared zone. ``data`` is the
payload without its salt.
"""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from itertools import islice
from typing import Any

import orjson

from schemas.reasons import Reason, Refusal
from schemas.strict_json import loads
from services.producers.formats.model import (
    EventDraft,
    Format,
    Position,
    ReadOutcome,
    Record,
    Settings,
    Unread,
)

_FIELDS = frozenset({"id", "type", "time", "subject", "data"})
_BOM = b"\xef\xbb\xbf"
_LOOKED_AT = 5


def record(line: bytes, where: Position) -> EventDraft:
    """The draft of one line; raises Refusal with a pointer into the line. The payload is validated later."""
    found = loads(line)
    if not isinstance(found, dict):
        raise _refuse("the line is not a JSON object", "", "write one JSON object a line")
    unknown = sorted(set(found) - _FIELDS)
    if unknown:
        raise _refuse(
            f"unknown field {unknown[0]!r}", f"/{unknown[0]}", f"the fields are {', '.join(sorted(_FIELDS))}"
        )
    for name in ("id", "type", "time"):
        if not isinstance(found.get(name), str):
            raise _refuse(f"{name} is missing or no text", f"/{name}", f"give {name} as a string")
    data, subject = found.get("data"), found.get("subject")
    if not isinstance(data, dict):
        raise _refuse("data is missing or no object", "/data", "give the payload of the type as an object")
    if subject is not None and not isinstance(subject, str):
        raise _refuse("subject is no text", "/subject", "give subject as a string, or leave it out")
    return EventDraft(where, found["id"], found["type"], found["time"], data, subject)


def line_of(draft: EventDraft) -> bytes:
    """``draft`` as a native line without its line end; :func:`record` reads it back equal."""
    body: dict[str, Any] = {"id": draft.id, "type": draft.type, "time": draft.time}
    if draft.subject is not None:
        body["subject"] = draft.subject
    return orjson.dumps({**body, "data": draft.data})


def _recognise(content: bytes) -> int:
    """Sure where one of the first lines is an object with our fields and a type of ours."""
    best = 0
    lines = (line.strip() for line in BytesIO(content.removeprefix(_BOM)))
    for line in islice((line for line in lines if line), _LOOKED_AT):
        try:
            found = orjson.loads(line)
        except orjson.JSONDecodeError:
            continue
        if isinstance(found, dict):
            ours = len(_FIELDS & found.keys())
            typed = str(found.get("type", "")).startswith("cre.")
            best = max(best, 95 if typed and ours > 2 else 50 if ours > 3 else 0)
    return best


def _read(content: bytes, _settings: Settings) -> ReadOutcome:
    """Every non-blank line in order; raises Refusal where the file ends in the middle of a line."""
    end = content.rstrip(b" \t").rpartition(b"\n")[2]
    if end.strip():
        try:
            orjson.loads(end.strip().removeprefix(_BOM))
        except orjson.JSONDecodeError:
            raise Refusal(
                Reason.UNREADABLE_FILE,
                "The file ends in the middle of its last line, so it is probably not complete.",
                f"line {content.count(10) + 1}",
                "Send the file whole; if it is whole, mend the last line or end it with a line break.",
            ) from None
    return ReadOutcome("native", (), _records(content))


def _records(content: bytes) -> Iterator[Record]:
    for number, raw in enumerate(BytesIO(content.removeprefix(_BOM)), start=1):
        text, where = raw.strip(), Position(row=number)
        if not text:
            continue
        try:
            yield record(text, where)
        except Refusal as refusal:
            yield Unread(where, refusal)


def _refuse(detail: str, pointer: str, remedy: str) -> Refusal:
    return Refusal(Reason.INVALID_SCHEMA, detail, pointer, remedy)


NATIVE = Format("native", "Native records, one JSON object a line", _recognise, _read)
