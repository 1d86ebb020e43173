"""Credit signals: counts against the observations that they sum up, these against the events, records against themselves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import orjson

from services.audit.fsck.backlog import FollowerLag, read_backlog, read_lag
from services.audit.fsck.registry import read_history
from services.audit.fsck.snapshot import Snapshot, attempt, chunks, lowest_number
from services.audit.report import Damage, Findings
from services.credit.domain.financing_signals import observe_financings
from services.credit.domain.observations import Observation
from services.credit.domain.signals import Signal, model
from services.credit.store import faults, loader, projector, recomputation, records
from services.credit.store.faults import Faults, Kind
from services.domain.objects import consignment as consignment_of
from services.ledger.projections import changes
from services.ledger.registry.registry import Registry
from services.ledger.storage import event_reader
from services.ledger.storage.arrays import uuids

REMEDY = "Make the signals anew from the events: `lianyun shipper follow --anew`."
BROKEN_REMEDY = (
    "Its values are old; look for the error in the follower's log, and start it again when that is corrected."
)
RESTORE_RECORD = "A record is what a bank relied on: restore it from a backup."
_SUMS = """
SELECT coalesce(c.shipper, o.shipper), coalesce(c.signal, o.signal), coalesce(c.day, o.day),
       coalesce(c.trials, 0), coalesce(c.bad, 0), coalesce(o.trials, 0), coalesce(o.bad, 0)
FROM lianyun.credit_count c
FULL JOIN (
    SELECT shipper, signal, day, count(*) AS trials, sum(bad)::bigint AS bad
    FROM lianyun.credit_observation GROUP BY shipper, signal, day
) AS o ON (o.shipper, o.signal, o.day) = (c.shipper, c.signal, c.day)
WHERE (c.trials, c.bad) IS DISTINCT FROM (o.trials, o.bad)
"""
_CURSOR = "SELECT version, xid::text, no, aside_xid::text, aside_no, decided_xid::text, decided_no FROM lianyun.credit_cursor"
_FOLLOWERS_ROWS = """
SELECT name FROM (
    SELECT 'credit_observation', EXISTS (SELECT FROM lianyun.credit_observation)
    UNION ALL SELECT 'credit_count', EXISTS (SELECT FROM lianyun.credit_count)
    UNION ALL SELECT 'credit_again', EXISTS (SELECT FROM lianyun.credit_again)
    UNION ALL SELECT 'credit_broken', EXISTS (SELECT FROM lianyun.credit_broken)
) AS t (name, there) WHERE there
"""
_AGAIN = "SELECT cons FROM lianyun.credit_again"
_DECIDED = """
SELECT 1 FROM lianyun.financing_decision
WHERE (xid, number) > (%s::text::xid8, %s) AND action = 'RESERVE' AND outcome IN ('DONE', 'REFUSED') LIMIT 1
"""
_OBSERVATIONS = (
    "SELECT shipper, signal, subject, unit, day, bad, events FROM lianyun.credit_observation ORDER BY subject"
)


_PERMITTED = (
    "SELECT bool_and(has_table_privilege('lianyun.' || name, 'SELECT')) FROM unnest(ARRAY['credit_observation',"
    " 'credit_count', 'credit_about', 'credit_again', 'credit_broken', 'credit_record']) AS t (name)"
)
_GOVERNING = """
SELECT b.no FROM lianyun.body b
WHERE position('cre.credit.consent_'::bytea in b.headers) > 0 OR position('cre.credit.dispute_'::bytea in b.headers) > 0
   OR (position('cre.correction.corrected.'::bytea in b.headers) > 0
       AND position('cre.credit.'::bytea in b.payload) > 0)
"""
_FOUND_BY_KEY = r"""
SELECT b.no FROM lianyun.body b
WHERE position('cre.credit.'::bytea IN b.headers) > 0 OR position('cre.finance.'::bytea IN b.headers) > 0
   OR position('cre.network.'::bytea IN b.headers) > 0
   OR (position('cre.correction.corrected.'::bytea IN b.headers) > 0
       AND (position('cre.credit.'::bytea IN b.payload) > 0 OR position('cre.finance.'::bytea IN b.payload) > 0
            OR position('cre.network.'::bytea IN b.payload) > 0))
ORDER BY b.no
"""
_KEYS_OF_STORED = """
SELECT a.event, a.key FROM lianyun.credit_about a
WHERE NOT EXISTS (SELECT FROM lianyun.identity i WHERE i.id = a.event AND i.no < %(lowest)s)
"""
_CHUNK = 1_000
_RECORDS = """
SELECT no, id, reader, body, supersedes,
       lag(no) OVER (PARTITION BY reader, purpose, shipper ORDER BY no)
FROM lianyun.credit_record ORDER BY no
"""


def check_credit(snapshot: Snapshot, findings: Findings) -> None:
    """Compare everything; ``credit_not_permitted`` counts a role that may not read them; nothing without a follower.

    What the follower has yet to follow, to settle or to judge again excuses the cargoes and shippers that it concerns, and no
    others; ``credit_behind`` counts that there is such. Memory grows with consignments; a millisecond or two for each.
    """
    if not snapshot.one(_PERMITTED)[0]:
        findings.counts["credit_not_permitted"] += 1
        return
    registry = read_history(snapshot, Findings()).newest()
    attempt(snapshot, findings, "credit_record", lambda: _check_records(snapshot, findings), None)
    attempt(snapshot, findings, "credit_count", lambda: _check_counts(snapshot, findings), None)
    cursor = snapshot.rows(_CURSOR)
    if not cursor:
        for (table,) in snapshot.rows(_FOLLOWERS_ROWS):
            stored = f"no row, beside rows of {table}"
            findings.add(Damage.CREDIT, "credit_cursor", "row", stored, "the place of the follower", REMEDY)
        return
    right = projector.version(model()), REMEDY
    found = read_lag(
        snapshot, Damage.CREDIT, "credit_cursor", cursor[0], right, lowest_number(snapshot), findings
    )
    if found is None:
        return
    excused = _excused(snapshot, found, registry)
    if excused.behind:
        findings.counts["credit_behind"] += 1
    if found.too_much:
        return
    failed = Faults()
    keys = partial(_check_keys, snapshot, registry, failed, excused.unfollowed, findings)
    attempt(snapshot, findings, "credit_about", keys, None)
    judged = partial(_check_observations, snapshot, registry, failed, excused, findings)
    attempt(snapshot, findings, "credit_observation", judged, None)


def _check_counts(snapshot: Snapshot, findings: Findings) -> None:
    for shipper, signal, day, trials, bad, right_trials, right_bad in snapshot.rows(_SUMS):
        where = f"credit count of {_signal_name(signal)} on day {day}"
        stored, right = f"{trials} trials, {bad} bad", f"{right_trials} trials, {right_bad} bad"
        findings.add(Damage.CREDIT, where, "trials and bad", stored, right, REMEDY, publisher=shipper)


def _signal_name(signal: int) -> str:
    return Signal(signal).code if signal in set(Signal) else f"signal {signal}, which there is not,"


@dataclass(frozen=True, slots=True)
class _Excused:
    """What may rightly be old: consignments, loans that rest on some events or all of them, keys of events not followed."""

    consignments: frozenset[bytes]
    events: frozenset[bytes]
    loans: bool
    unfollowed: frozenset[bytes]
    behind: bool

    def old(self, seen: Observation) -> bool:
        """Whether the observation, stored or expected, may rightly differ."""
        if seen.signal is Signal.FINANCING_BEHAVIOUR:
            return self.loans or not self.events.isdisjoint(seen.events)
        return _cargo(seen.subject) in self.consignments


def _cargo(subject: str) -> bytes:
    """The id of the consignment that a subject is the key of; empty where it is no such key."""
    party, slash, reference = subject.partition("/")
    return consignment_of(party, reference).id if slash else b""


def _excused(snapshot: Snapshot, found: FollowerLag, registry: Registry) -> _Excused:
    waiting = read_backlog(snapshot)
    again = frozenset(row[0] for row in snapshot.rows(_AGAIN))
    decided = bool(snapshot.rows(_DECIDED, (str(found.decided.xid), found.decided.no)))
    connection = snapshot.connection
    reached: set[bytes] = set()
    if (found.events or found.quarantined) and not found.too_much:
        quarantined = event_reader.events_by_number(connection, found.quarantined)
        skip = Faults().skip
        arrived = loader.read_events(found.events, registry, skip=skip)
        arrived |= loader.read_events(quarantined, registry, aside=True, skip=skip)
        affected = changes.with_targets(
            connection, arrived, lambda s: loader.read_events(s, registry, skip=skip)
        ).facts
        reached = changes.reachable_consignments(
            connection, (thing.id for thing in loader.affected_things(affected))
        )
        reached |= {founding.consignment.id for founding in affected.foundings}
    behind = bool(found.events or found.quarantined or decided)
    return _Excused(
        waiting.consignments | again | reached,
        waiting.events,
        behind,
        frozenset(each.id for each in found.events),
        behind or bool(waiting or again),
    )


def _check_records(snapshot: Snapshot, findings: Findings) -> None:
    """Issued records: each has the digest of its body and names the one before it."""
    for no, id_, reader, body, supersedes, before in snapshot.stream(_RECORDS):
        findings.counts["credit_records"] += 1
        try:
            right = records.digest(orjson.loads(body))
        except (orjson.JSONDecodeError, AttributeError):
            right = "none: the body is no JSON object"
        for name, stored, expected in (("body", id_, right), ("supersedes", supersedes, before)):
            if stored != expected:
                findings.add(
                    Damage.CREDIT,
                    f"credit record {no}",
                    name,
                    str(stored),
                    str(expected),
                    RESTORE_RECORD,
                    publisher=reader,
                )


def _check_keys(
    snapshot: Snapshot, registry: Registry, failed: Faults, unfollowed: frozenset[bytes], findings: Findings
) -> None:
    """Consents, revocations, objections, loans and closures are found by their keys: a row that is gone would hide one.

    Rows of events that were not followed yet may be missing, except those of consents and objections.
    """
    connection = snapshot.connection
    known: set[bytes] = set()
    governing = {no for (no,) in snapshot.rows(_GOVERNING)}
    for numbers in chunks((no for (no,) in snapshot.stream(_FOUND_BY_KEY)), _CHUNK):
        stored = event_reader.events_by_number(connection, numbers)
        counts = loader.read_events(stored, registry, skip=failed.skip)
        publishers = dict(counts.credit.publishers)
        wanted = loader.index_keys(counts)
        must = {each.id for each in stored if each.no in governing or each.id not in unfollowed}
        allowed = loader.index_keys(loader.read_events(stored, registry, aside=True, skip=failed.skip))
        events = sorted({each.id for each in stored})
        known |= set(events)
        rows = snapshot.rows(
            "SELECT event, key FROM lianyun.credit_about WHERE event = ANY (%s)", [uuids(events)]
        )
        there = {(event, key) for event, key in rows}
        findings.counts["credit_keys"] += len(there)
        missing = {(event, key) for event, key in wanted - there if event in must}
        for event, key in sorted(missing | (there - allowed)):
            where, by = f"credit key of event {event.hex()}", publishers.get(event, "")
            gone = (event, key) in missing
            found, right = ("no row", key) if gone else (key, "no row")
            findings.add(Damage.CREDIT, where, "key", found, right, REMEDY, publisher=by)
    parameters = {"lowest": lowest_number(snapshot)}
    for event, key in snapshot.stream(_KEYS_OF_STORED, parameters):
        if event not in known:
            where = f"credit key of event {event.hex()}"
            findings.add(Damage.CREDIT, where, "key", key, "no row: there is no such event", REMEDY)


def _check_observations(
    snapshot: Snapshot, registry: Registry, failed: Faults, excused: _Excused, findings: Findings
) -> None:
    """Compare the observations, except those of subjects that cannot be judged, which are findings."""
    connection, table = snapshot.connection, model()
    right: set[Observation] = set()
    readings = loader.EventCache()
    for (consignment,) in snapshot.rows("SELECT DISTINCT cons FROM founding ORDER BY cons"):
        judge = partial(recomputation.expected, connection, consignment, registry, table, readings)
        _, seen = failed.attempt(Kind.CARGO, consignment.hex(), judge) or (None, frozenset())
        right |= seen
        findings.counts["credit_consignments"] += 1
    keys = snapshot.rows(
        "SELECT DISTINCT key FROM lianyun.credit_about WHERE key LIKE %s", ("application %",)
    )
    shippers = sorted({recomputation.shipper_of(key.removeprefix("application ")) for (key,) in keys})

    def observe_loans(some: Sequence[str]) -> frozenset[Observation]:
        loans = loader.loans(connection, [f"shipper {code}" for code in some], registry)
        return observe_financings(loans.credit, loans.liveness(), table)

    for seen in failed.each(Kind.SHIPPER, shippers, observe_loans):
        right |= seen
    for kind, name, fault in sorted(
        {*faults.recorded_faults(connection), *map(_as_broken, failed.found.items())}
    ):
        findings.add(Damage.CREDIT, f"credit of {kind} {name}", "broken", fault, "judged", BROKEN_REMEDY)
    stored = set(_stored(snapshot, findings))
    findings.counts["credit_observations"] += len(right)
    whole = {seen for seen in stored | right if not _old(seen, failed) and not excused.old(seen)}
    _compare(findings, (stored - right) & whole, (right - stored) & whole)


def _stored(snapshot: Snapshot, findings: Findings) -> Iterator[Observation]:
    for row in snapshot.stream(_OBSERVATIONS):
        try:
            yield projector.observation(row)
        except ValueError as problem:
            findings.unreadable(f"credit_observation of {row[2]}", problem, str(row[0]))


def _as_broken(found: tuple[tuple[Kind, str], str]) -> faults.Broken:
    (kind, name), fault = found
    return faults.Broken(kind, name, fault)


def _old(seen: Observation, failed: Faults) -> bool:
    """Whether it is of a cargo or shipper that cannot be judged."""
    if seen.signal is Signal.FINANCING_BEHAVIOUR:
        return (Kind.SHIPPER, seen.shipper) in failed.found
    return (Kind.CARGO, _cargo(seen.subject).hex()) in failed.found


def _compare(findings: Findings, surplus: Iterable[Observation], missing: Iterable[Observation]) -> None:
    left = {_row(seen): seen for seen in surplus}
    for seen in sorted(missing):
        other = left.pop(_row(seen), None)
        _add(findings, seen, "row" if other is None else "day, bad and events", other, seen)
    for seen in left.values():
        _add(findings, seen, "row", seen, None)


def _row(seen: Observation) -> tuple[str, str, int, str]:
    return seen.shipper, seen.subject, int(seen.signal), seen.unit


def _add(
    findings: Findings, seen: Observation, field: str, stored: Observation | None, right: Observation | None
) -> None:
    where = f"credit observation {seen.signal.code} {seen.unit} of {seen.subject}".replace("  ", " ")
    findings.add(Damage.CREDIT, where, field, _shown(stored), _shown(right), REMEDY, publisher=seen.shipper)


def _shown(seen: Observation | None) -> str:
    if seen is None:
        return "no row"
    return f"day {seen.day}, bad {seen.bad}, events {' '.join(event.hex() for event in seen.events)}"
