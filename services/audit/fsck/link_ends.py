"""Where links end: the domain's rule over each carried object, compared with what the store keeps up to date."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
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
from services.domain.links import ONE_RUN, spans
from services.domain.objects import Thing
from services.ledger.storage.arrays import bigints
from services.ledger.storage.batch import MOST_EVENTS

_TIMED = """
SELECT l.no, l.carried, l.kind, l.publisher, l.left_id, l.right_id, l.right_kind, l.start_at, l.end_at, l.until, l.shared, (
    SELECT n.start_at FROM link n
    WHERE l.kind = 6 AND n.left_id = l.left_id AND n.kind = 6 AND n.publisher = l.publisher AND n.territorial
      AND n.start_at > l.start_at + %(run)s AND n.no <> ALL (%(aside)s::bigint[])
    ORDER BY n.start_at LIMIT 1
)
FROM link l WHERE l.carried IS NOT NULL ORDER BY l.carried, l.kind, l.publisher
"""
_LISTS = """
SELECT DISTINCT l.left_id, l.publisher, l.start_at FROM unnest(%s::bigint[]) AS n (no)
JOIN link l ON l.no = n.no AND l.kind = 6 AND l.territorial
"""
_UNTIMED = "SELECT no, until FROM link WHERE carried IS NULL AND until <> %s"


class TimedLink(NamedTuple):
    """A timed link as a row; ``until`` is None where the row is one that should be there and is not.

    ``listed`` is where its publisher, as the authority of the place, listed the wagon for a later run.
    """

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
    listed: int | None = None


class WagonLists:
    """The lists of wagons that the rows of links do not tell for good: those that wait to be settled, and those of missing rows."""

    def __init__(self, snapshot: Snapshot, evidence: Evidence, dead: DeadEvents, waiting: Backlog) -> None:
        self._waiting: dict[tuple[bytes, int], set[int]] = defaultdict(set)
        self._missing: dict[tuple[bytes, int], set[int]] = defaultdict(set)
        if waiting.numbers:
            for left, publisher, start in snapshot.rows(_LISTS, (bigints(sorted(waiting.numbers)),)):
                self._waiting[left, publisher].add(start)
        for no, values in evidence.repaired.get("link", ()):
            named = dict(zip(FIELDS["link"], values, strict=True))
            if named["kind"] == LinkKind.WAGON_CARRIES and named["territorial"] and no not in dead.numbers:
                self._missing[named["left_id"], named["publisher"]].add(named["start_at"])

    def ends(self, row: TimedLink) -> set[int]:
        """Where a later list may have ended ``row``: at one moment, FOREVER for none, but for what waits to be settled."""
        key = row.left_id, row.publisher
        known = {FOREVER if row.listed is None else row.listed, *_later(row, self._missing.get(key, ()))}
        settled = min(known)
        return {settled, *(start for start in _later(row, self._waiting.get(key, ())) if start < settled)}


def _later(row: TimedLink, starts: Iterable[int]) -> Iterator[int]:
    if row.kind == LinkKind.WAGON_CARRIES:
        yield from (start for start in starts if start > row.start_at + ONE_RUN)


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
    lists = WagonLists(snapshot, evidence, dead, waiting)
    aside = dead.numbers | evidence.damaged | waiting.numbers
    timed = snapshot.stream(_TIMED, {"run": ONE_RUN, "aside": bigints(sorted(aside))})
    for key, group in groupby(timed, key=lambda row: row[1:4]):
        rows = [TimedLink(*row) for row in group if row[0] not in evidence.damaged]
        findings.counts["timed_links"] += len(rows)
        live = [row for row in (*rows, *missing.get(key, ())) if row.no not in dead.numbers]
        allowed: dict[int, set[int]] = {}
        if any(row.no in waiting.numbers for row in live):
            findings.counts["links_waiting"] += len(live)
            allowed = _earlier_ends(live, waiting.numbers)
        for row, until in _ends(live):
            if row.until is None:
                continue
            ends = {until, *allowed.get(id(row), ())}
            if row.end_at is None:
                ends = {min(end, listed) for end in ends for listed in lists.ends(row)}
            if row.until not in ends:
                _note(findings, row.no, row.kind, row.carried, row.until, min(ends), names(row.publisher))
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
