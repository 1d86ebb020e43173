"""The pass over the events: each stored message judged again, and its rows of identity and state compared with it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.audit.fsck.evidence import Evidence
from services.audit.fsck.expected_rows import FIELDS, MORTAL, Values, stated, terms
from services.audit.fsck.finding import REBUILD, Damage, Notebook
from services.audit.fsck.readmission import Body, Judgement, Rejudging
from services.audit.fsck.row_differences import compare_rows
from services.audit.fsck.snapshot import Snapshot
from services.domain.facts import Withdrawal
from services.ledger.storage.arrays import uuids
from services.ledger.storage.batch import MOST_EVENTS
from services.ledger.storage.bodies import admission_bytes, admissions_digest, batch_digest

_BODIES = """
SELECT b.no, b.appended, b."offset", b.key_id, b.id, b.content, b.registry, b.rules, b.part, b.headers, b.payload, t.name,
       b.topic
FROM lianyun.body b LEFT JOIN lianyun.topic t ON t.no = b.topic
WHERE b.no >= %(first)s AND b.no < %(end)s
ORDER BY b.no
"""
_IDENTITIES = """
SELECT i.id, i.content, i.no FROM unnest(%(ids)s::uuid[]) AS n (id) JOIN lianyun.identity i ON i.id = n.id
"""
_VARIANTS = """
SELECT v.id, v.content, v.no FROM unnest(%(ids)s::uuid[]) AS n (id) JOIN lianyun.variant v ON v.id = n.id
"""
_BATCHES = """
SELECT first_no, xid::text, events, taken, (extract(epoch FROM at) * 1000000)::bigint, digest
FROM lianyun.batch WHERE first_no >= %(first)s AND first_no < %(end)s
"""
_MEND_ADMISSION = (
    "Restore the rows of lianyun.body and lianyun.batch from a backup: what the broker and the platform said of these events "
    "is signed by nobody."
)
_MEND_IDENTITY = "Restore the row from a backup; the message itself is sound."


@dataclass(frozen=True, slots=True)
class Range:
    """Event numbers in [first, end)."""

    first: int
    end: int

    def parameters(self) -> Mapping[str, int]:
        return {"first": self.first, "end": self.end}


class EventPass:
    """Checks ranges of event numbers in one snapshot, in any order; findings and evidence grow with each."""

    def __init__(
        self, snapshot: Snapshot, rejudging: Rejudging, notebook: Notebook, evidence: Evidence
    ) -> None:
        self._snapshot = snapshot
        self._rejudging = rejudging
        self._notebook = notebook
        self._evidence = evidence

    def check(self, wanted: Range) -> int:
        """Check one range and return how many events it holds; memory is that of its events and their rows."""
        bodies = [Body(*row) for row in self._snapshot.rows(_BODIES, wanted.parameters())]
        self._identities(bodies)
        aside = {
            no
            for (no,) in self._snapshot.rows(
                "SELECT no FROM lianyun.quarantine WHERE no >= %(first)s AND no < %(end)s",
                wanted.parameters(),
            )
        }
        judged = {body.no: (body, self._judge(body, aside)) for body in bodies}
        for no in sorted(aside - judged.keys()):
            self._notebook.add(
                Damage.LIVENESS,
                f"quarantine {no}",
                "no",
                no,
                "no row",
                "Delete the row: there is no such event.",
            )
        self._batches(wanted, bodies)
        self._rows(wanted, judged)
        self._notebook.counts["events"] += len(bodies)
        return len(bodies)

    def _judge(self, body: Body, aside: set[int]) -> Judgement:
        try:
            judgement = self._rejudging.judge(body)
        except Exception as problem:
            publisher = self._rejudging.publisher(body)
            self._notebook.unreadable(body.where, problem, publisher)
            judgement = Judgement(None, publisher, body.no in aside)
        if judgement.facts is None:
            self._notebook.counts["unreadable"] += 1
        if judgement.quarantined != (body.no in aside):
            stored = "quarantined" if body.no in aside else "counts"
            expected = "quarantined" if judgement.quarantined else "counts"
            remedy = f"{REBUILD} Quarantine follows from the revocation of the key and the append time."
            self._notebook.add(
                Damage.LIVENESS, body.where, "quarantine", stored, expected, remedy, judgement.publisher
            )
        if judgement.quarantined:
            self._evidence.quarantined[body.no] = body.id
            self._evidence.publishers[body.no] = judgement.publisher
        return judgement

    def _identities(self, bodies: Sequence[Body]) -> None:
        ids = {"ids": uuids([body.id for body in bodies])}
        first = {id_: (content, no) for id_, content, no in self._snapshot.rows(_IDENTITIES, ids)}
        further: dict[bytes, dict[int, bytes]] = defaultdict(dict)
        for id_, content, no in self._snapshot.rows(_VARIANTS, ids):
            further[id_][no] = content
        for body in bodies:
            content, no = first.get(body.id, (None, None))
            table = "identity"
            if no != body.no and body.no in further[body.id]:
                content, no, table = further[body.id][body.no], body.no, "variant"
            for field, stored, expected in (("no", no, body.no), ("content", content, body.content)):
                if stored != expected:
                    publisher = self._rejudging.publisher(body)
                    where = f"{table} {body.id.hex()} of {body.where}"
                    shown = "missing" if stored is None else stored
                    self._notebook.add(
                        Damage.IDENTITY, where, field, shown, expected, _MEND_IDENTITY, publisher
                    )
                    break

    def _batches(self, wanted: Range, bodies: Sequence[Body]) -> None:
        """Append times, places in the log and versions, which no signature covers, against the digest of each batch."""
        blocks: dict[int, list[Body]] = defaultdict(list)
        for body in bodies:
            blocks[body.no // MOST_EVENTS * MOST_EVENTS].append(body)
        for first, xid, events, taken, at, digest in self._snapshot.rows(_BATCHES, wanted.parameters()):
            found = blocks.get(first, [])
            if digest is None:
                self._notebook.counts["batches_without_digest"] += 1
                continue
            if len(found) != events:
                continue  # the ledger says it better
            said = admissions_digest(_admission(body) for body in found)
            right = batch_digest(said, int(xid), first, events, taken, at)
            if digest != right:
                where, field = (
                    f"events of the batch from {first}",
                    "appended, place in the log, versions, or batch",
                )
                self._notebook.add(Damage.LEDGER, where, field, right, digest, _MEND_ADMISSION)

    def _rows(self, wanted: Range, judged: Mapping[int, tuple[Body, Judgement]]) -> None:
        expected: dict[str, dict[int, list[Values]]] = {table: defaultdict(list) for table in FIELDS}
        for body, judgement in judged.values():
            if judgement.facts is None:
                continue
            for table, values in stated(judgement.facts):
                expected[table][body.no].append(values)
            self._evidence.terms |= terms(judgement.facts)
            for withdrawal in judgement.facts.withdrawals:
                self._evidence.withdrawals.append((body.no, withdrawal))
                self._evidence.publishers[body.no] = judgement.publisher
        for table in FIELDS:
            self._table(table, wanted, judged, expected[table])
        for no in sorted(self._evidence.damaged & judged.keys()):
            for table, by_number in expected.items():
                self._evidence.repaired[table] += [(no, values) for values in by_number.get(no, ())]

    def _table(
        self,
        table: str,
        wanted: Range,
        judged: Mapping[int, tuple[Body, Judgement]],
        expected: Mapping[int, list[Values]],
    ) -> None:
        stored = self._stored(table, wanted, judged)
        for no in sorted(stored.keys() | expected.keys()):
            body, judgement = judged.get(no, (None, Judgement(None, "")))
            if body is not None and judgement.facts is None:
                # Its bytes say nothing any more, which has been put down; its rows are all that is left of it.
                if table == "withdrawal":
                    self._evidence.withdrawals += [(no, Withdrawal(*row)) for row in stored[no]]
                continue
            where = (
                f"{table} of event {no}, which is not stored" if body is None else f"{table} of {body.where}"
            )
            remedy = f"{REBUILD} {_NOTHING}" if body is None else REBUILD
            differences = compare_rows(table, stored.get(no, ()), expected.get(no, ()))
            for row, field, found, right in differences:
                self._notebook.add(
                    Damage.FACT, f"{where}, {row}", field, found, right, remedy, judgement.publisher
                )
                self._evidence.damaged.add(no)
            self._notebook.counts[f"{table}_rows"] += len(stored.get(no, ()))

    def _stored(
        self, table: str, wanted: Range, judged: Mapping[int, tuple[Body, Judgement]]
    ) -> dict[int, list[Values]]:
        mortal = table in MORTAL
        columns = ", ".join(("no", *FIELDS[table], *(("dead",) if mortal else ())))
        rows = self._snapshot.rows(
            f"SELECT {columns} FROM {table} WHERE no >= %(first)s AND no < %(end)s",  # noqa: S608
            wanted.parameters(),
        )
        found: dict[int, list[Values]] = defaultdict(list)
        for no, *values in rows:
            if mortal and values.pop():
                self._mark_dead(no, judged)
            found[no].append(tuple(tuple(v) if isinstance(v, list) else v for v in values))
        return found

    def _mark_dead(self, no: int, judged: Mapping[int, tuple[Body, Judgement]]) -> None:
        if no in judged:
            body, judgement = judged[no]
            self._evidence.marked_dead[no] = body.id
            self._evidence.publishers[no] = judgement.publisher


def _admission(body: Body) -> bytes:
    key, content = body.key_id, body.content
    return admission_bytes(
        body.no, body.appended, body.offset, key, body.id, content, body.registry, body.rules, body.topic_no, body.part
    )  # fmt: skip


_NOTHING = "No message supports this row."


def withdrawals(snapshot: Snapshot, below: int = 2**62) -> list[tuple[int, Withdrawal]]:
    """Corrections and retractions as their rows say, of events numbered ``below``: all that is left of detached ones."""
    rows = snapshot.stream("SELECT no, event, target, replaces FROM withdrawal WHERE no < %s", (below,))
    return [(no, Withdrawal(event, target, replaces)) for no, event, target, replaces in rows]


def plan(snapshot: Snapshot, size: int) -> list[Range]:
    """All event numbers in ranges of about ``size`` events, whole blocks and gaps included; the last one has no end."""
    cuts = [
        no
        for (no,) in snapshot.stream(
            "SELECT no FROM (SELECT no, row_number() OVER (ORDER BY no) AS place FROM lianyun.body) AS b "
            "WHERE (place - 1) %% %(size)s = 0 ORDER BY no",
            {"size": size},
        )
    ]
    lowest = lowest_number(snapshot)
    starts = sorted({lowest, *(max(lowest, no // MOST_EVENTS * MOST_EVENTS) for no in cuts[1:])})
    return [Range(first, end) for first, end in zip(starts, [*starts[1:], 2**62], strict=True)]


def lowest_number(snapshot: Snapshot) -> int:
    """The first event number whose partition of bodies is still attached."""
    bounds = snapshot.rows(
        "SELECT pg_get_expr(c.relpartbound, c.oid) FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid "
        "WHERE i.inhparent = 'lianyun.body'::regclass"
    )
    return min((int(text.split("'")[1]) for (text,) in bounds), default=0)
