"""Where links end: the domain's rule over each carried object, compared with what the store keeps up to date."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from schemas.events.base import ObjectKind
from services.audit.fsck.backlog import Backlog
from services.audit.fsck.events import Evidence
from services.audit.fsck.expected_rows import FIELDS, Values
from services.audit.fsck.liveness import DeadEvents
from services.audit.fsck.partial_states import subsets
from services.audit.fsck.snapshot import Snapshot, TermTexts
from services.audit.report import REBUILD, Damage, Findings
from services.domain.facts import FOREVER, Link, LinkKind
from services.domain.links import spans
from services.domain.objects import Thing
from services.ledger.storage.batch import MOST_EVENTS

_TIMED = """
SELECT no, carried, kind, publisher, left_id, right_id, right_kind, start_at, end_at, until, shared
FROM link WHERE carried IS NOT NULL ORDER BY carried, kind, publisher
"""
_UNTIMED = "SELECT no, until FROM link WHERE carried IS NULL AND until <> %s"


class TimedLink(NamedTuple):
    """A timed link as a row; ``until`` is None where the row is one that should be there and is not."""

    no: int
    carried: bytes
    kind: int
    publisher: int
    left_id: bytes
    right_id: bytes
    right_kind: int
    start_at: int
    end_at: int | None
    until: int | None
    shared: bool


def check_link_ends(
    snapshot: Snapshot,
    evidence: Evidence,
    dead: DeadEvents,
    waiting: Backlog,
    findings: Findings,
    names: TermTexts,
) -> None:
    """Stream all timed links by what they carry; memory is that of the links of one object by one publisher."""
    missing = _repaired(evidence)
    for key, group in groupby(snapshot.stream(_TIMED), key=lambda row: row[1:4]):
        rows = [TimedLink(*row) for row in group if row[0] not in evidence.damaged]
        findings.counts["timed_links"] += len(rows)
        live = [row for row in (*rows, *missing.get(key, ())) if row.no not in dead.numbers]
        allowed: dict[int, set[int]] = {}
        if any(row.no in waiting.numbers for row in live):
            findings.counts["links_waiting"] += len(live)
            allowed = _earlier_ends(live, waiting.numbers)
        for row, until in _ends(live):
            if row.until not in {None, until, *allowed.get(id(row), ())}:
                assert row.until is not None
                _note(findings, row.no, row.kind, row.carried, row.until, until, names(row.publisher))
    for no, until in snapshot.stream(_UNTIMED, (FOREVER,)):
        _note(findings, no, 0, b"", until, FOREVER, "")


def _ends(live: Sequence[TimedLink]) -> Iterator[tuple[TimedLink, int]]:
    if len(live) == 1:
        yield live[0], FOREVER if live[0].end_at is None else live[0].end_at
        return
    links = {row: _link(row, place) for place, row in enumerate(live)}
    ends = {span.link.event: span.end for span in spans(links.values())}
    for row, link in links.items():
        yield row, ends[link.event]


def _earlier_ends(live: Sequence[TimedLink], noted: frozenset[int]) -> dict[int, set[int]]:
    """By row, where each may end that was derived without some of the latest transactions."""
    found: dict[int, set[int]] = {}
    for blocks in subsets([row.no for row in live], noted):
        for row, until in _ends([row for row in live if row.no // MOST_EVENTS not in blocks]):
            found.setdefault(id(row), set()).add(until)
    return found


def _link(row: TimedLink, place: int) -> Link:
    return Link(
        event=place.to_bytes(4),
        publisher="",  # one publisher at a time
        published=0,
        kind=LinkKind(row.kind),
        left=Thing(ObjectKind.WAGON, row.left_id.hex()),
        right=Thing(ObjectKind(row.right_kind), row.right_id.hex()),
        start=row.start_at,
        end=row.end_at,
        territorial=False,
        shared=row.shared,
    )


def _repaired(evidence: Evidence) -> dict[tuple[bytes, int, int], list[TimedLink]]:
    found: dict[tuple[bytes, int, int], list[TimedLink]] = {}
    for no, values in evidence.repaired.get("link", ()):
        row = _timed(no, values)
        if row is not None:
            found.setdefault((row.carried, row.kind, row.publisher), []).append(row)
    return found


def _timed(no: int, values: Values) -> TimedLink | None:
    named = dict(zip(FIELDS["link"], values, strict=True))
    if named["carried"] is None:
        return None
    return TimedLink(no, until=None, **{name: named[name] for name in TimedLink._fields if name in named})


def _note(
    findings: Findings, no: int, kind: int, carried: bytes, until: int, expected: int, publisher: str
) -> None:
    what = f" {LinkKind(kind).name.lower()}, carried object {carried.hex()}" if kind else ""
    findings.add(
        Damage.LINK_END,
        f"link of event {no}{what}",
        "until",
        _moment(until),
        _moment(expected),
        REBUILD,
        publisher,
    )


def _moment(at: int) -> str:
    return "open" if at == FOREVER else str(at)
