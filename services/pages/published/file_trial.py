"""A partner's file read in a process of its own, under limits: which event each record would become, or why it becomes none.

Nothing is signed or stored, and the process has no setting of the platform: no address of the database, no key. The salts are thrown away
with it, so what it says of a record is compared without them. ``read_file`` runs it; the process itself is ``python -m`` of this module.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypedDict

import orjson

MOST_ROWS: Final = 2_000
"""Records that are shown; those behind them are counted."""
SECONDS: Final = 20
"""Processor time and time in all of one file."""
_MEMORY: Final = 1 << 30
_OUTPUT: Final = 64 << 20
_AT_ONCE: Final = 2
_ROOT: Final = Path(__file__).resolve().parents[3]
_BUSY = threading.BoundedSemaphore(_AT_ONCE)


class Row(TypedDict, total=False):
    """One record: its place, then ``refused`` (reason, detail, pointer, remedy), ``passed`` (why) or the event that it would become.

    A remark is (where, text, remedy, code, found); the last two are of ``schemas.remarks``, "" where the reader of the file remarks something.
    """

    where: str
    passed: str
    refused: list[str]
    id: str
    type: str
    time: str
    subject: str | None
    identity: str
    data: dict[str, Any]
    objects: list[str]
    place: str
    happened: int | None
    remarks: list[list[str]]


class Trial(TypedDict, total=False):
    """What was read: ``refused`` where the file as a whole could not be, else its format, notes on it, and its rows."""

    refused: list[str]
    format: str
    sha256: str
    remarks: list[list[str]]
    rows: list[Row]
    more: int


class TooMany(Exception):
    """As many files as may be are being read."""


class NotRead(Exception):
    """The file could not be read within the limits of time and memory."""


def read_file(content: bytes, party: str, source: str, files: Mapping[str, Any] | None, name: str) -> Trial:
    """What ``content`` becomes as a file of ``party`` published under ``source``; blocks for up to SECONDS.

    ``files`` is the section [files] of a profile, None for none; ``name`` the format, "" to have it recognised. Raises TooMany and NotRead.
    """
    request = {"party": party, "source": source, "files": files, "format": name}
    if not _BUSY.acquire(blocking=False):
        raise TooMany
    try:
        done = subprocess.run(
            [sys.executable, "-m", __spec__.name],
            input=orjson.dumps(request) + b"\n" + content,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=SECONDS,
            check=False,
            cwd=_ROOT,
            env={"PATH": os.defpath, "PYTHONDONTWRITEBYTECODE": "1", "LC_ALL": "C.UTF-8"},
        )
    except subprocess.TimeoutExpired:
        raise NotRead from None
    finally:
        _BUSY.release()
    if done.returncode != 0 or len(done.stdout) > _OUTPUT:
        raise NotRead
    trial: Trial = orjson.loads(done.stdout)
    return trial


def main() -> None:
    """Read the request and the file from standard input, and write what became of it to standard output."""
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    request = orjson.loads(sys.stdin.buffer.readline())
    content = sys.stdin.buffer.read()
    sys.stdout.buffer.write(orjson.dumps(_trial(content, **request)))


def _trial(content: bytes, party: str, source: str, files: Mapping[str, Any] | None, format: str) -> Trial:
    from dataclasses import replace

    from schemas.reasons import Refusal
    from schemas.schemes import Scheme
    from services.producers import file_reader, profile
    from services.producers.formats import declarations

    settings = None if files is None else declarations.read(files, party)
    who = replace(profile.create(party, source, "none", "trial", Scheme.ED25519), files=settings)
    try:
        file = file_reader.read(content, who, format)
    except Refusal as refusal:
        return {"refused": _refusal(refusal)}
    rows: list[Row] = []
    more = 0
    for record in file.records:
        if len(rows) < MOST_ROWS:
            rows.append(_row(record, party))
        else:
            more += 1
    remarks = list(map(_remark, file.remarks))
    return {"format": file.format.name, "sha256": file.sha256, "remarks": remarks, "rows": rows, "more": more}


def _remark(remark: Any) -> list[str]:
    return [str(remark.where), remark.text, remark.remedy, remark.code, remark.found]


def _row(record: Any, party: str) -> Row:
    from schemas.events.decode import decode_payload
    from services.domain.interpretation import Attribution, interpret
    from services.domain.publisher import Publisher

    where, draft, event = str(record.where), record.draft, record.event
    if record.refusal is not None:
        row: Row = {"where": where, "refused": _refusal(record.refusal)}
        return row if draft is None else {**row, "id": draft.id, "type": draft.type}
    if event is None:
        return {"where": where, "passed": record.passed_over}
    envelope = event.envelope
    statement = Attribution(
        event.identity, envelope.source, Publisher(party, frozenset()), envelope.published_micros
    )
    facts = interpret(statement, event.digest, decode_payload(envelope.type, event.payload))
    claims = sorted(facts.claims)
    things = dict.fromkeys(
        [
            *(str(claim.thing) for claim in claims),
            *(str(end) for link in sorted(facts.links, key=str) for end in (link.left, link.right)),
            *(str(founding.consignment) for founding in facts.foundings),
        ]
    )
    data = orjson.loads(event.payload)
    del data["salt"]
    return {
        "where": where,
        "id": envelope.id,
        "type": envelope.type,
        "time": envelope.time,
        "subject": envelope.subject,
        "identity": event.identity.hex(),
        "data": data,
        "objects": list(things),
        "place": claims[0].place if claims else "",
        "happened": claims[0].happened if claims else None,
        "remarks": list(map(_remark, record.remarks)),
    }


def _refusal(refusal: Any) -> list[str]:
    return [refusal.reason.value, refusal.detail, refusal.pointer, refusal.remedy]


def differences(before: Any, after: Any, most: int = 5) -> Sequence[str]:
    """The JSON pointers at which two contents differ, at most ``most``; () where they are the same. Pure."""
    found: list[str] = []
    left: list[tuple[str, Any, Any]] = [("", before, after)]
    while left and len(found) < most:
        at, one, other = left.pop()
        if one == other:
            continue
        if isinstance(one, dict) and isinstance(other, dict):
            left += [
                (f"{at}/{name}", one.get(name), other.get(name)) for name in sorted({*one, *other})[::-1]
            ]
        elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
            left += [(f"{at}/{n}", one[n], other[n]) for n in range(len(one) - 1, -1, -1)]
        else:
            found.append(at or "/")
    return found


if __name__ == "__main__":
    main()
