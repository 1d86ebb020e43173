"""Offsets, batches, event numbers, terms and traces: what was read from the log, what became of it, and whether the sums agree."""

from __future__ import annotations

from collections.abc import Iterable

from schemas.trace_context import TraceContext, trace_of
from services.audit.fsck.snapshot import Snapshot
from services.audit.report import Damage, Findings
from services.ledger.admission.raw_bytes import unframe
from services.ledger.storage.arrays import bigints
from services.ledger.storage.batch import MOST_EVENTS
from services.ledger.storage.claims import MOVED
from services.ledger.storage.term_numbers import term_number

_OFFSETS = "SELECT topic, part, next_offset, beginning, events, refused, holes FROM lianyun.kafka_offset"
_LAST = """
SELECT topic, part, next_offset, last_offset, octet_length(last_digest) FROM lianyun.kafka_offset
WHERE last_offset NOT BETWEEN 0 AND next_offset - 1 OR (last_offset IS NULL) <> (last_digest IS NULL)
   OR octet_length(last_digest) <> 32
"""
_ORIGINS = """
SELECT t.name, b.part, count(*), min(b."offset"), max(b."offset"), min(b.no) FILTER (WHERE b."offset" >= o.next_offset)
FROM lianyun.body b
LEFT JOIN lianyun.topic t ON t.no = b.topic
LEFT JOIN lianyun.kafka_offset o ON o.topic = t.name AND o.part = b.part
GROUP BY 1, 2
"""
_TWICE = """
SELECT t.name, b.part, b."offset", array_agg(b.no ORDER BY b.no)
FROM lianyun.body b LEFT JOIN lianyun.topic t ON t.no = b.topic
GROUP BY 1, 2, 3 HAVING count(*) > 1
"""
_ACCEPTED = """
SELECT DISTINCT detail->>'topic', (detail->>'partition')::integer FROM lianyun.platform_event WHERE kind = ANY (%s)
"""
_BLOCKS = """
SELECT coalesce(b.first_no, s.first_no), b.events, coalesce(s.events, 0)
FROM (SELECT first_no, events FROM lianyun.batch WHERE first_no >= %(lowest)s) AS b
FULL JOIN (
    SELECT no / %(block)s * %(block)s AS first_no, count(*) AS events FROM lianyun.body GROUP BY 1
) AS s ON s.first_no = b.first_no
WHERE b.events IS DISTINCT FROM coalesce(s.events, 0)
"""
_UNDIGESTED = """
SELECT first_no FROM lianyun.batch
WHERE digest IS NULL AND at > (SELECT min(at) + interval '1 day' FROM lianyun.batch WHERE digest IS NOT NULL)
ORDER BY first_no
"""
_HOLES = """
SELECT o.topic, o.part, o.holes, coalesce(h.holes, 0)::bigint
FROM lianyun.kafka_offset o
LEFT JOIN (SELECT topic, part, sum(holes) AS holes FROM lianyun.log_hole GROUP BY 1, 2) AS h USING (topic, part)
WHERE o.holes <> coalesce(h.holes, 0)
"""
_PASSED = "SELECT no, topic, part, first, next, holes FROM lianyun.log_hole WHERE holes NOT BETWEEN 1 AND next - first"
_LETTERS = """
SELECT d.digest, d.last_topic, d.last_partition, d.last_offset, o.next_offset, d.first_topic, d.first_partition, d.first_offset,
       f.next_offset
FROM lianyun.dead_letter d
LEFT JOIN lianyun.kafka_offset o ON o.topic = d.last_topic AND o.part = d.last_partition
LEFT JOIN lianyun.kafka_offset f ON f.topic = d.first_topic AND f.part = d.first_partition
WHERE (d.last_offset < o.next_offset AND d.first_offset < f.next_offset) IS NOT TRUE
"""
_REFUSED = """
SELECT (SELECT coalesce(sum(count), 0)::bigint FROM lianyun.dead_letter),
       (SELECT coalesce(sum(refused), 0)::bigint FROM lianyun.kafka_offset)
"""
_AHEAD = """
SELECT a.what, a.xid::text FROM (
    SELECT 'batch of event numbers from ' || first_no, xid FROM lianyun.batch WHERE xid >= pg_snapshot_xmax(pg_current_snapshot())
    UNION ALL SELECT 'quarantine ' || no, xid FROM lianyun.quarantine WHERE xid >= pg_snapshot_xmax(pg_current_snapshot())
    UNION ALL SELECT 'financing_decision ' || number, xid FROM lianyun.financing_decision
              WHERE xid >= pg_snapshot_xmax(pg_current_snapshot())
    UNION ALL SELECT 'financing_watch of event ' || no, xid FROM lianyun.financing_watch
              WHERE xid >= pg_snapshot_xmax(pg_current_snapshot())
    UNION ALL SELECT 'pending ' || id, mark FROM pending WHERE mark >= pg_snapshot_xmax(pg_current_snapshot())
) AS a (what, xid)
WHERE a.xid IS DISTINCT FROM pg_current_xact_id_if_assigned()
"""
_BODILESS = """
SELECT 'identity', i.id, i.no FROM lianyun.identity i
WHERE i.no >= %(lowest)s AND NOT EXISTS (SELECT 1 FROM lianyun.body b WHERE b.no = i.no AND b.id = i.id)
UNION ALL
SELECT 'variant', v.id, v.no FROM lianyun.variant v
WHERE v.no >= %(lowest)s AND NOT EXISTS (SELECT 1 FROM lianyun.body b WHERE b.no = v.no AND b.id = v.id)
"""
_RESTORE_BODY = "Restore the row of lianyun.body from a backup, or from the log while it holds the record."
_ACCEPT = (
    "Find out who moved the row. Where records were skipped, set it back and let the workers read them again; "
    "what was applied is recognised and not applied twice."
)
_UNEXPLAINED = (
    "Find out what stood at these offsets, while the log holds them: an event that was taken away leaves such a hole. "
    "Restore the rows from a backup."
)
_COMPARE = "Set last_offset and last_digest to null; the log is compared again from the next advance on."
_RESTORE = "Restore the rows from a backup: events were added or taken away by something other than a batch."


def check_ledger(snapshot: Snapshot, lowest: int, findings: Findings) -> None:
    """Set offsets, batches, identities and messages against one another.

    ``lowest`` is the first event number whose messages retention has left. Each offset below the next one was an
    event, was refused, or was a hole of the log; no message comes from beyond it.
    """
    taken = _offsets(snapshot, findings)
    _holes(snapshot, findings)
    for (first,) in snapshot.rows(_UNDIGESTED):
        expected = "a digest: those of earlier batches are there"
        findings.add(
            Damage.LEDGER, f"batch of event numbers from {first}", "digest", "none", expected, _RESTORE
        )
    _origins(snapshot, findings)
    _letters(snapshot, findings)
    for where, xid in snapshot.rows(_AHEAD):
        expected = "that of a transaction that has begun: nobody who reads in order comes to it"
        findings.add(Damage.LEDGER, where, "xid or mark", xid, expected, _RESTORE)
    _blocks(snapshot, lowest, findings)
    for table, event, no in snapshot.rows(_BODILESS, {"lowest": lowest}):
        where = f"body of event {no} ({table} {event.hex()})"
        findings.add(Damage.BODY, where, "row", "missing", "a stored message", _RESTORE_BODY)
    (recorded,) = snapshot.one("SELECT coalesce(sum(taken), 0)::bigint FROM lianyun.batch")
    if taken != recorded:
        where = "kafka_offset and batch"
        findings.add(Damage.LEDGER, where, "events", taken, f"{recorded} taken by batches", _RESTORE)
    (last,) = snapshot.one("SELECT last_value FROM lianyun.event_block")
    (highest,) = snapshot.one("SELECT coalesce(max(no), 0) FROM lianyun.body")
    if highest >= last + MOST_EVENTS:
        remedy = "Set the sequence beyond the greatest event number before any worker starts."
        findings.add(Damage.LEDGER, "event_block", "last_value", last, f"above {highest}", remedy)


def _offsets(snapshot: Snapshot, findings: Findings) -> int:
    taken = 0
    for topic, part, next_offset, last, size in snapshot.rows(_LAST):
        found, expected = f"{last} with {size or 0} bytes of digest", f"below {next_offset}, with 32, or none"
        findings.add(Damage.LEDGER, f"kafka_offset {topic}[{part}]", "last_offset", found, expected, _COMPARE)
    for topic, part, next_offset, beginning, events, refused, holes in snapshot.rows(_OFFSETS):
        taken += events
        findings.counts["partitions"] += 1
        findings.counts["offsets"] += next_offset - beginning
        accounted = beginning + events + refused + holes
        if next_offset != accounted or min(events, refused, holes) < 0:
            found = f"{accounted} ({beginning} + {events} events + {refused} refused + {holes} holes)"
            findings.add(
                Damage.LEDGER, f"kafka_offset {topic}[{part}]", "next_offset", next_offset, found, _ACCEPT
            )
    return taken


def _holes(snapshot: Snapshot, findings: Findings) -> None:
    """Offsets without a record are noted when they are passed."""
    for topic, part, holes, noted in snapshot.rows(_HOLES):
        where, expected = f"kafka_offset {topic}[{part}]", f"{noted}, as lianyun.log_hole has them"
        findings.add(Damage.LEDGER, where, "holes", holes, expected, _UNEXPLAINED)
    for no, topic, part, first, following, holes in snapshot.rows(_PASSED):
        stored, expected = (
            f"{holes} of offsets {first} to {following - 1}",
            "at least one, and no more than there are",
        )
        findings.add(
            Damage.LEDGER, f"log_hole {no} of {topic}[{part}]", "holes", stored, expected, _UNEXPLAINED
        )


def _letters(snapshot: Snapshot, findings: Findings) -> None:
    """Dead letters come from offsets that were read, and count no more records than were refused."""
    # Where a partition was restarted, offsets that were read before may lie ahead.
    restarted = set(snapshot.rows(_ACCEPTED, (list(MOVED),)))
    for key, *places in snapshot.rows(_LETTERS):
        for name, (topic, part, offset, following) in (("last", places[:4]), ("first", places[4:])):
            if (topic, part) in restarted or (following is not None and offset < following):
                continue
            expected = "a partition that is read" if following is None else f"below {following}, the next one"
            where, stored = f"dead_letter {key.hex()}", f"{topic}[{part}]@{offset}"
            findings.add(
                Damage.LETTER, where, f"{name}_topic, partition and offset", stored, expected, _RESTORE
            )
    letters, refused = snapshot.one(_REFUSED)
    if letters > refused:
        expected = f"at most {refused}, the records that were refused"
        findings.add(Damage.LETTER, "dead_letter", "count", letters, expected, _RESTORE)


def _origins(snapshot: Snapshot, findings: Findings) -> None:
    known = {(topic, part): row for topic, part, *row in snapshot.rows(_OFFSETS)}
    # Where an operator restarted a partition, or moved it back, offsets of what was read before may come again or lie ahead.
    restarted = set(snapshot.rows(_ACCEPTED, (list(MOVED),)))
    findings.counts["losses_accepted"] += len(restarted)
    for topic, part, count, first, last, beyond in snapshot.rows(_ORIGINS):
        where = f"kafka_offset {topic}[{part}]"
        if (topic, part) not in known:
            expected = f"a row: {count} events come from there, offsets {first} to {last}"
            findings.add(Damage.LEDGER, where, "row", "missing", expected, _ACCEPT)
            continue
        next_offset, beginning, events, refused, _ = known[topic, part]
        if (topic, part) in restarted:
            continue
        if beyond is not None:
            expected = f"above {last}, where event {beyond} and others come from"
            findings.add(Damage.LEDGER, where, "next_offset", next_offset, expected, _ACCEPT)
        if count > events + refused:
            expected = f"at least {count}, the events that come from there"
            findings.add(Damage.LEDGER, where, "events", events + refused, expected, _RESTORE)
        if first < beginning:
            expected = f"at most {first}, where an event comes from"
            findings.add(Damage.LEDGER, where, "beginning", beginning, expected, _ACCEPT)
    for topic, part, offset, numbers in snapshot.rows(_TWICE):
        if (topic, part) in restarted:
            continue
        remedy = "Only one of them can come from there: compare both with a backup or with the log."
        where = f"body of events {', '.join(map(str, numbers))}"
        findings.add(
            Damage.BODY, where, "offset", f"{topic}[{part}]@{offset} each", "different origins", remedy
        )


def _blocks(snapshot: Snapshot, lowest: int, findings: Findings) -> None:
    for first, accepted, stored in snapshot.rows(_BLOCKS, {"lowest": lowest, "block": MOST_EVENTS}):
        where = f"batch of event numbers from {first}"
        if accepted is None:
            findings.add(Damage.LEDGER, where, "row", "missing", f"a row of {stored} events", _RESTORE)
        else:
            findings.add(Damage.LEDGER, where, "events", f"{stored} stored", f"{accepted} accepted", _RESTORE)


def check_terms(snapshot: Snapshot, terms: Iterable[str], findings: Findings) -> None:
    """Every text behind a number of the state is there and is the one that the number is the digest of."""
    remedy = "Insert the text under its number; it is known from the events."
    for number, text in snapshot.stream("SELECT number, text FROM lianyun.term"):
        if term_number(text) != number:
            findings.add(Damage.TERM, f"term {number}", "text", text, f"the text of number {number}", remedy)
    wanted = sorted(terms)
    numbers = [term_number(text) for text in wanted]
    present = {
        number
        for (number,) in snapshot.rows(
            "SELECT t.number FROM lianyun.term t WHERE t.number = ANY (%(numbers)s)",
            {"numbers": bigints(numbers)},
        )
    }
    for number, text in zip(numbers, wanted, strict=True):
        if number not in present:
            findings.add(Damage.TERM, f"term {number}", "row", "missing", text, remedy)


# That a row is missing is no damage: it decides nothing, and events of before the table have none.

_TRACES = """
SELECT t.no, uuid_send(t.trace), int8send(t.span), t.sampled, b.headers
FROM lianyun.event_trace t LEFT JOIN lianyun.body b ON b.no = t.no
"""
_DELETE = "Delete the row: it only helps to find events by their trace."


def check_traces(snapshot: Snapshot, findings: Findings) -> None:
    """Stream all rows: each belongs to a stored event and has the trace of its headers. A missing row is no damage."""
    for no, trace, span, sampled, framed in snapshot.stream(_TRACES):
        where = f"event_trace {no}"
        findings.counts["event_traces"] += 1
        if framed is None:
            findings.add(Damage.TRACE, where, "no", no, "no row", f"{_DELETE} There is no such event.")
            continue
        stored, own = TraceContext(bytes(trace), bytes(span), sampled), _own_trace(framed)
        if stored != own:
            right = "no row" if own is None else own.text()
            findings.add(Damage.TRACE, where, "trace", stored.text(), right, _DELETE)


def _own_trace(framed: bytes) -> TraceContext | None:
    try:
        return trace_of(unframe(framed))
    except ValueError:
        return None  # the pass over the events finds what is wrong with the message
