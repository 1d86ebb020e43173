"""Which events count: judged by the domain over all corrections, and compared with ``dead`` and the flags of rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from services.audit.fsck.backlog import Backlog
from services.audit.fsck.events import Evidence
from services.audit.fsck.expected_rows import MORTAL
from services.audit.fsck.snapshot import Snapshot, TermTexts, chunks
from services.audit.report import REBUILD, Damage, Findings
from services.domain.liveness import judge
from services.ledger.storage.arrays import bigints, uuids

_REASONS = {1: "withdrawn", 2: "in a cycle of corrections", 3: "equivocated", 4: "quarantined"}
_CHUNK = 5_000


@dataclass(frozen=True, slots=True)
class DeadEvents:
    """Ids of events that do not count, with the reason's number, and the numbers of their messages."""

    reasons: Mapping[bytes, int]
    numbers: frozenset[int]


def expected_dead(snapshot: Snapshot, evidence: Evidence, unseen: frozenset[int] = frozenset()) -> DeadEvents:
    """Judge every event with withdrawals, differing contents or in quarantine, without the events ``unseen``."""
    variants: dict[bytes, set[int]] = defaultdict(set)
    for event, no in snapshot.stream("SELECT id, no FROM lianyun.variant"):
        if no not in unseen:
            variants[event].add(no)
    quarantined = evidence.quarantined
    doubtful = sorted({*variants, *quarantined.values()})
    contents: dict[bytes, set[int]] = defaultdict(set)
    for event, no in _contents(snapshot, doubtful):
        if no not in unseen:
            contents[event].add(no)
    counting = {event: len(numbers - quarantined.keys()) for event, numbers in contents.items()}
    equivocated = frozenset(event for event, count in counting.items() if count > 1)
    uncounted = frozenset(event for event, count in counting.items() if count == 0)
    withdrawals = [withdrawal for no, withdrawal in evidence.withdrawals if no not in quarantined]
    liveness = judge(withdrawals, equivocated | uncounted)
    reasons = (
        dict.fromkeys(liveness.withdrawn, 1)
        | dict.fromkeys(liveness.cyclic, 2)
        | dict.fromkeys(equivocated, 3)
        | dict.fromkeys(uncounted, 4)
    )
    numbers = {no for _, no in _contents(snapshot, sorted(reasons))}
    return DeadEvents(reasons, frozenset(numbers | quarantined.keys()))


def check_liveness(
    snapshot: Snapshot,
    evidence: Evidence,
    dead: DeadEvents,
    deaths: Sequence[DeadEvents],
    waiting: Backlog,
    findings: Findings,
    names: TermTexts,
) -> None:
    """Compare the table ``dead`` and the ``dead`` flags of rows with ``dead``.

    Events that wait to be judged again may be as in one of ``deaths``.
    """
    _table(snapshot, dead, deaths, waiting, findings)
    maybe = frozenset().union(*(each.numbers for each in deaths))
    surely = dead.numbers.intersection(*(each.numbers for each in deaths))
    for no in sorted(evidence.marked_dead.keys() - dead.numbers):
        if evidence.marked_dead[no] not in waiting.events or no not in maybe:
            _flag(findings, evidence.publishers.get(no, ""), no, "rows", True)
    for chunk in chunks(sorted(dead.numbers), _CHUNK):
        for table in MORTAL:
            rows = snapshot.rows(
                f"SELECT DISTINCT t.no, t.publisher FROM unnest(%(nos)s::bigint[]) AS n (no) JOIN {table} t ON t.no = n.no "  # noqa: S608
                "WHERE NOT t.dead",
                {"nos": bigints(chunk)},
            )
            for no, publisher in rows:
                if no not in waiting.numbers or no in surely:
                    _flag(findings, names(publisher), no, table, False)
    findings.counts["dead_events"] += len(dead.reasons)


def _table(
    snapshot: Snapshot, dead: DeadEvents, deaths: Sequence[DeadEvents], waiting: Backlog, findings: Findings
) -> None:
    stored: dict[bytes, int] = dict(snapshot.stream("SELECT id, reason FROM dead"))
    for event in sorted(stored.keys() | dead.reasons.keys()):
        found, right = stored.get(event), dead.reasons.get(event)
        if found == right:
            continue
        if event in waiting.events and any(each.reasons.get(event) == found for each in deaths):
            continue
        findings.add(
            Damage.LIVENESS,
            f"dead {event.hex()}",
            "row" if found is None or right is None else "reason",
            _reason(found),
            _reason(right),
            REBUILD,
        )


def _reason(number: int | None) -> str:
    return "no row" if number is None else _REASONS.get(number, f"reason {number}")


def _flag(findings: Findings, publisher: str, no: int, table: str, stored: bool) -> None:
    findings.add(Damage.LIVENESS, f"{table} of event {no}", "dead", stored, not stored, REBUILD, publisher)


def _contents(snapshot: Snapshot, ids: list[bytes]) -> Iterable[tuple[bytes, int]]:
    for chunk in chunks(ids, _CHUNK):
        for event, no, _ in snapshot.named("contents", {"ids": uuids(chunk)}):
            yield event, no
