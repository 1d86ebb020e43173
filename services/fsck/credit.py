"""Credit signals: counts against the observations that they sum up, these against the events, records against themselves."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial

import orjson

from services.core.objects import consignment as consignment_of
from services.fsck.finding import Damage, Notebook
from services.fsck.snapshot import Snapshot
from services.processors.credit.financings import observe_financings
from services.processors.credit.observations import Observation
from services.processors.credit.signals import Signal, model
from services.processors.credit.store import faults, giving, loading, projector, rejudging
from services.processors.credit.store.faults import Faults, Kind
from services.registry import store as registry_store
from services.storage import reading
from services.storage.arrays import uuids
from services.storage.reading import Position

REMEDY = "Make the signals anew from the events: `lianyun shipper follow --anew`."
MEND = (
    "Its values are old; look for the error in the follower's log, and start it again when that is corrected."
)
KEPT = "A record is what a bank relied on: restore it from a backup."
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
_WAITS = """
SELECT 1 FROM pending UNION ALL SELECT 1 FROM lianyun.credit_again
UNION ALL SELECT 1 FROM lianyun.quarantine WHERE (xid, no) > (%s::text::xid8, %s)
UNION ALL SELECT 1 FROM lianyun.financing_decision
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
_RECORDS = """
SELECT no, id, reader, body, supersedes,
       lag(no) OVER (PARTITION BY reader, purpose, shipper ORDER BY no)
FROM lianyun.credit_record ORDER BY no
"""


def check_credit(snapshot: Snapshot, notebook: Notebook) -> None:
    """Compare everything; ``credit_not_permitted`` says that this role may not, nothing where nobody follows the events.

    Observations are judged anew only where the signals have followed all events of a settled state by today's rules; else
    ``credit_behind`` says so. Memory grows with consignments; a millisecond or two for each.
    """
    if not snapshot.one(_PERMITTED)[0]:
        notebook.counts["credit_not_permitted"] += 1
        return
    _given(snapshot, notebook)
    cursor = snapshot.rows(
        "SELECT version, xid::text, no, aside_xid::text, aside_no, decided_xid::text, decided_no FROM lianyun.credit_cursor"
    )
    if not cursor:
        return
    for shipper, signal, day, trials, bad, right_trials, right_bad in snapshot.rows(_SUMS):
        where = f"credit count of {Signal(signal).code} on day {day}"
        stored, right = f"{trials} trials, {bad} bad", f"{right_trials} trials, {right_bad} bad"
        notebook.add(Damage.CREDIT, where, "trials and bad", stored, right, REMEDY, publisher=shipper)
    ((version, xid, no, *aside),) = cursor
    later, _ = reading.tail(snapshot.connection, Position(int(xid), no), 1)
    waits = snapshot.rows(_WAITS, aside)
    if later or waits or version != projector.version(model()):
        notebook.counts["credit_behind"] += 1
        return
    failed = Faults()
    _found_by_key(snapshot, failed, notebook)
    _judged(snapshot, failed, notebook)


def _given(snapshot: Snapshot, notebook: Notebook) -> None:
    """Records are what was given out: each has the digest of its body and names the one before it."""
    for no, id_, reader, body, supersedes, before in snapshot.stream(_RECORDS):
        notebook.counts["credit_records"] += 1
        try:
            right = giving.digest(orjson.loads(body))
        except orjson.JSONDecodeError:
            right = "none: the body is no JSON"
        for name, stored, expected in (("body", id_, right), ("supersedes", supersedes, before)):
            if stored != expected:
                notebook.add(
                    Damage.CREDIT,
                    f"credit record {no}",
                    name,
                    str(stored),
                    str(expected),
                    KEPT,
                    publisher=reader,
                )


def _found_by_key(snapshot: Snapshot, failed: Faults, notebook: Notebook) -> None:
    """Consents, revocations and objections are found by their keys: a row that is gone would hide a revocation."""
    connection = snapshot.connection
    numbers = [no for (no,) in snapshot.rows(_GOVERNING)]
    stored = reading.events_by_number(connection, numbers)
    said = loading.known(stored, registry_store.look(connection), skip=failed.skip)
    publishers = dict(said.told.publishers)
    wanted = loading.about(said)
    rows = snapshot.rows(
        "SELECT event, key FROM lianyun.credit_about WHERE event = ANY (%s)",
        [uuids(sorted({event for event, _ in wanted}))],
    )
    for event, key in sorted(wanted - {(event, key) for event, key in rows}):
        where = f"credit key of event {event.hex()}"
        notebook.add(Damage.CREDIT, where, "key", "no row", key, REMEDY, publisher=publishers.get(event, ""))


def _judged(snapshot: Snapshot, failed: Faults, notebook: Notebook) -> None:
    """Compare the observations, but for those of what cannot be judged: they stay as they were, and it is said."""
    connection, table = snapshot.connection, model()
    registry = registry_store.look(connection)
    right: set[Observation] = set()
    readings = loading.Readings()
    for (consignment,) in snapshot.rows("SELECT DISTINCT cons FROM founding ORDER BY cons"):
        judge = partial(rejudging.expected, connection, consignment, registry, table, readings)
        _, seen = failed.attempt(Kind.CARGO, consignment.hex(), judge) or (None, frozenset())
        right |= seen
        notebook.counts["credit_consignments"] += 1
    keys = snapshot.rows(
        "SELECT DISTINCT key FROM lianyun.credit_about WHERE key LIKE %s", ("application %",)
    )
    shippers = sorted({rejudging.shipper_of(key.removeprefix("application ")) for (key,) in keys})

    def lent(some: Sequence[str]) -> frozenset[Observation]:
        loans = loading.loans(connection, [f"shipper {code}" for code in some], registry)
        return observe_financings(loans.told, loans.liveness(), table)

    for seen in failed.each(Kind.SHIPPER, shippers, lent):
        right |= seen
    for kind, name, fault in sorted({*faults.standing(connection), *map(_broken, failed.found.items())}):
        notebook.add(Damage.CREDIT, f"credit of {kind} {name}", "broken", fault, "judged", MEND)
    stored = {projector.observation(row) for row in snapshot.stream(_OBSERVATIONS)}
    notebook.counts["credit_observations"] += len(right)
    whole = {seen for seen in stored | right if not _old(seen, failed)}
    _compare(notebook, (stored - right) & whole, (right - stored) & whole)


def _broken(found: tuple[tuple[Kind, str], str]) -> faults.Broken:
    (kind, name), fault = found
    return faults.Broken(kind, name, fault)


def _old(seen: Observation, failed: Faults) -> bool:
    """Whether it is of a cargo or shipper that cannot be judged."""
    if seen.signal is Signal.FINANCING_BEHAVIOUR:
        return (Kind.SHIPPER, seen.shipper) in failed.found
    return (Kind.CARGO, consignment_of(*seen.subject.split("/", 1)).id.hex()) in failed.found


def _compare(notebook: Notebook, surplus: Iterable[Observation], missing: Iterable[Observation]) -> None:
    left = {_row(seen): seen for seen in surplus}
    for seen in sorted(missing):
        other = left.pop(_row(seen), None)
        _add(notebook, seen, "row" if other is None else "day, bad and events", other, seen)
    for seen in left.values():
        _add(notebook, seen, "row", seen, None)


def _row(seen: Observation) -> tuple[str, str, int, str]:
    return seen.shipper, seen.subject, int(seen.signal), seen.unit


def _add(
    notebook: Notebook, seen: Observation, field: str, stored: Observation | None, right: Observation | None
) -> None:
    where = f"credit observation {seen.signal.code} {seen.unit} of {seen.subject}".replace("  ", " ")
    notebook.add(Damage.CREDIT, where, field, _shown(stored), _shown(right), REMEDY, publisher=seen.shipper)


def _shown(seen: Observation | None) -> str:
    if seen is None:
        return "no row"
    return f"day {seen.day}, bad {seen.bad}, events {' '.join(event.hex() for event in seen.events)}"
