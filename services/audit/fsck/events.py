"""The pass over the events: each stored message verified again, and its rows of identity and state compared with it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from services.audit.fsck.expected_rows import (
    FIELDS,
    MORTAL,
    Values,
    comparable,
    compare_rows,
    expected_rows,
    terms,
)
from services.audit.fsck.snapshot import Snapshot, attempt, lowest_number
from services.audit.fsck.verification import EventVerifier, Verification
from services.audit.report import REBUILD, Damage, Findings
from services.audit.stored_events import Body, Range, load_bodies, load_quarantined
from services.audit.worker_pool import WorkerPool
from services.domain.facts import Withdrawal
from services.ledger.admission.model import AdmissionSettings
from services.ledger.registry.events import RecordedEvent
from services.ledger.registry.store import RegistryHistory
from services.ledger.storage.arrays import uuids
from services.ledger.storage.batch import MOST_EVENTS
from services.ledger.storage.bodies import admission_bytes, admissions_digest, batch_digest


@dataclass(slots=True)
class Evidence:
    """Collected from the stored bytes. Grows with corrections, dead events and damage, not with the number of events.

    ``repaired`` holds, for events whose state rows are damaged, the rows that they should have: what is derived is
    compared with those, so that one damaged row is one finding and not ten.
    """

    withdrawals: list[tuple[int, Withdrawal]] = field(default_factory=list)  # with the event's number
    quarantined: dict[int, bytes] = field(default_factory=dict)  # by number: the event's id
    marked_dead: dict[int, bytes] = field(default_factory=dict)  # events with rows that are marked dead
    publishers: dict[int, str] = field(default_factory=dict)  # of those three
    terms: set[str] = field(default_factory=set)
    damaged: set[int] = field(default_factory=set)
    repaired: dict[str, list[tuple[int, Values]]] = field(default_factory=lambda: defaultdict(list))

    def merge(self, other: Evidence) -> None:
        """Take over what another pass collected."""
        self.withdrawals += other.withdrawals
        self.quarantined |= other.quarantined
        self.marked_dead |= other.marked_dead
        self.publishers |= other.publishers
        self.terms |= other.terms
        self.damaged |= other.damaged
        for table, rows in other.repaired.items():
            self.repaired[table] += rows


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
_RESTORE_ADMISSION = (
    "Restore the rows of lianyun.body and lianyun.batch from a backup: what the broker and the platform said of these events "
    "is signed by nobody."
)
_RESTORE_IDENTITY = "Restore the row from a backup; the message itself is sound."


RangeResult = tuple[Findings, Evidence]


class EventPass:
    """Checks ranges of events in one snapshot, in any order, with findings and evidence of each range; for one process."""

    def __init__(self, snapshot: Snapshot, settings: AdmissionSettings, history: RegistryHistory) -> None:
        self._snapshot = snapshot
        self._findings = Findings()
        self._evidence = Evidence()
        self._verifier = EventVerifier(history, settings, self._findings)

    @classmethod
    def join(
        cls, dsn: str, shared: str, settings: AdmissionSettings, recorded: tuple[RecordedEvent, ...]
    ) -> EventPass:
        """A pass in a session of its own that sees the snapshot ``shared`` by another process."""
        return cls(Snapshot.open(dsn, join=shared), settings, RegistryHistory(recorded))

    def check(self, wanted: Range) -> RangeResult:
        """Check one range; memory is that of its events and their rows. An error in reading it is a finding, and ends it."""
        self._evidence = Evidence()
        where = f"rows of events {wanted.first} to {wanted.end - 1}"
        attempt(self._snapshot, self._findings, where, lambda: self._check(wanted), None)
        return self._findings.drain(), self._evidence

    def close(self) -> None:
        """Close the session."""
        self._snapshot.close()

    def _check(self, wanted: Range) -> None:
        bodies = load_bodies(self._snapshot.connection, [wanted], topics=self._snapshot.topics())
        self._identities(bodies)
        quarantined = load_quarantined(self._snapshot.connection, [wanted])
        verified = {body.no: (body, self._verify(body, quarantined)) for body in bodies}
        for no in sorted(quarantined - verified.keys()):
            self._findings.add(
                Damage.LIVENESS,
                f"quarantine {no}",
                "no",
                no,
                "no row",
                "Delete the row: there is no such event.",
            )
        self._batches(wanted, bodies)
        self._rows(wanted, verified)
        self._findings.counts["events"] += len(bodies)

    def _verify(self, body: Body, quarantined: set[int]) -> Verification:
        try:
            verification = self._verifier.verify(body)
        except Exception as problem:
            publisher = self._verifier.publisher(body)
            self._findings.unreadable(body.where, problem, publisher)
            verification = Verification(None, publisher, body.no in quarantined)
        if verification.facts is None:
            self._findings.counts["unreadable"] += 1
        if verification.quarantined != (body.no in quarantined):
            stored = "quarantined" if body.no in quarantined else "counts"
            expected = "quarantined" if verification.quarantined else "counts"
            remedy = f"{REBUILD} Quarantine follows from the revocation of the key and the append time."
            self._findings.add(
                Damage.LIVENESS, body.where, "quarantine", stored, expected, remedy, verification.publisher
            )
        if verification.quarantined:
            self._evidence.quarantined[body.no] = body.id
            self._evidence.publishers[body.no] = verification.publisher
        return verification

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
            for column, stored, expected in (("no", no, body.no), ("content", content, body.content)):
                if stored != expected:
                    publisher = self._verifier.publisher(body)
                    where = f"{table} {body.id.hex()} of {body.where}"
                    shown = "missing" if stored is None else stored
                    self._findings.add(
                        Damage.IDENTITY, where, column, shown, expected, _RESTORE_IDENTITY, publisher
                    )
                    break

    def _batches(self, wanted: Range, bodies: Sequence[Body]) -> None:
        """Append times, places in the log and versions, which no signature covers, against the digest of each batch."""
        blocks: dict[int, list[Body]] = defaultdict(list)
        for body in bodies:
            blocks[body.no // MOST_EVENTS * MOST_EVENTS].append(body)
        for first, xid, events, taken, at, digest in self._snapshot.rows(_BATCHES, wanted._asdict()):
            found = blocks.get(first, [])
            if digest is None:
                self._findings.counts["batches_without_digest"] += 1
                continue
            if len(found) != events:
                continue  # check_ledger reports it
            right = batch_digest(
                admissions_digest(map(_admission, found)), int(xid), first, events, taken, at
            )
            if digest != right:
                where = f"events of the batch from {first}"
                columns = "appended, place in the log, versions, or batch"
                self._findings.add(Damage.LEDGER, where, columns, right, digest, _RESTORE_ADMISSION)

    def _rows(self, wanted: Range, verified: Mapping[int, tuple[Body, Verification]]) -> None:
        expected: dict[str, dict[int, list[Values]]] = {table: defaultdict(list) for table in FIELDS}
        for body, verification in verified.values():
            if verification.facts is None:
                continue
            for table, values in expected_rows(verification.facts):
                expected[table][body.no].append(values)
            self._evidence.terms |= terms(verification.facts)
            for withdrawal in verification.facts.withdrawals:
                self._evidence.withdrawals.append((body.no, withdrawal))
                self._evidence.publishers[body.no] = verification.publisher
        for table in FIELDS:
            self._table(table, wanted, verified, expected[table])
        for no in sorted(self._evidence.damaged & verified.keys()):
            for table, by_number in expected.items():
                self._evidence.repaired[table] += [(no, values) for values in by_number.get(no, ())]

    def _table(
        self,
        table: str,
        wanted: Range,
        verified: Mapping[int, tuple[Body, Verification]],
        expected: Mapping[int, list[Values]],
    ) -> None:
        stored = self._stored(table, wanted, verified)
        for no in sorted(stored.keys() | expected.keys()):
            body, verification = verified.get(no, (None, Verification(None, "")))
            if body is not None and verification.facts is None:
                # Its bytes cannot be read, which is a finding already; its rows are all that is left of it.
                if table == "withdrawal":
                    self._evidence.withdrawals += [(no, Withdrawal(*row)) for row in stored[no]]
                continue
            where = (
                f"{table} of event {no}, which is not stored" if body is None else f"{table} of {body.where}"
            )
            remedy = f"{REBUILD} {_NOTHING}" if body is None else REBUILD
            differences = list(compare_rows(table, stored.get(no, ()), expected.get(no, ())))
            if differences:
                named = (each._replace(row=f"{where}, {each.row}") for each in differences)
                self._findings.add_differences(Damage.FACT, named, remedy, verification.publisher)
                self._evidence.damaged.add(no)
            self._findings.counts[f"{table}_rows"] += len(stored.get(no, ()))

    def _stored(
        self, table: str, wanted: Range, verified: Mapping[int, tuple[Body, Verification]]
    ) -> dict[int, list[Values]]:
        mortal = table in MORTAL
        columns = ", ".join(("no", *FIELDS[table], *(("dead",) if mortal else ())))
        rows = self._snapshot.rows(
            f"SELECT {columns} FROM {table} WHERE no >= %(first)s AND no < %(end)s",  # noqa: S608
            wanted._asdict(),
        )
        found: dict[int, list[Values]] = defaultdict(list)
        for no, *values in rows:
            if mortal and values.pop():
                self._mark_dead(no, verified)
            found[no].append(comparable(values))
        return found

    def _mark_dead(self, no: int, verified: Mapping[int, tuple[Body, Verification]]) -> None:
        if no in verified:
            body, verification = verified[no]
            self._evidence.marked_dead[no] = body.id
            self._evidence.publishers[no] = verification.publisher


def _admission(body: Body) -> bytes:
    key, content = body.key_id, body.content
    return admission_bytes(
        body.no, body.appended, body.offset, key, body.id, content, body.registry, body.rules, body.topic_no, body.part
    )  # fmt: skip


_NOTHING = "No message supports this row."


def withdrawals(snapshot: Snapshot, below: int = 2**62) -> list[tuple[int, Withdrawal]]:
    """Corrections and retractions by their rows, of events numbered ``below``: all that is left of detached partitions."""
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


def check_events(
    snapshot: Snapshot,
    settings: AdmissionSettings,
    history: RegistryHistory,
    ranges: Sequence[Range],
    pool: WorkerPool | None,
    dsn: str,
) -> Iterator[RangeResult]:
    """What each of ``ranges`` holds, in their order, verified by the registry of ``history``.

    Shared by the processes of ``pool``, each in a session of its own, where there is enough for all of them.
    """
    if pool is None or len(ranges) < 2 * pool.processes:
        yield from map(EventPass(snapshot, settings, history).check, ranges)
        return
    make = partial(EventPass.join, dsn, snapshot.shared(), settings, history.events)
    with pool.workers(make) as workers:
        yield from workers.run(EventPass.check, ranges)
