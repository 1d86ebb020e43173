"""The projection of observations and counts, equal to what the rules give for all accepted events.

Each step is one transaction: the newly visible events, the consignments and loans that they affect evaluated again, the difference
to the stored observations added to the counts, and the position moved. An interrupted step leaves nothing; two projectors take
turns at the row of the position. Positions are in order of visibility, so that reading on from one misses nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from psycopg import Connection

from schemas.events.finance_terms import own_key
from services.credit.domain.observations import Observation, difference
from services.credit.domain.signals import Model, Signal, model
from services.credit.domain.statements import CreditFacts
from services.credit.store import faults, loader, recomputation, statement
from services.credit.store.faults import Broken, Faults, Kind
from services.credit.store.loader import EventFacts
from services.credit.store.recomputation import ExpectedObservations
from services.domain.facts import EventId, Facts
from services.domain.objects import ObjectId
from services.ledger.projections import changes
from services.ledger.registry import store as registry_store
from services.ledger.registry.registry import Registry
from services.ledger.storage import event_reader
from services.ledger.storage.arrays import smallints, uuids
from services.ledger.storage.event_reader import Position
from services.ledger.storage.fold_version import fold_version
from services.runtime.code_digest import sources, statements, version_of
from services.trade.domain import values


@dataclass(frozen=True, slots=True)
class Places:
    """The positions after which to go on; the beginning by default."""

    events: Position = field(default_factory=Position)
    aside: Position = field(default_factory=Position)
    decided: Position = field(default_factory=Position)


def prepare(session: Connection[Any], version: str) -> None:
    """Drop what was evaluated by rules other than those of ``version``, so that all begins anew; the caller commits."""
    session.execute(statement("turn"))
    row = session.execute(statement("cursor")).fetchone()
    if row is None or row[0] != version:
        session.execute(statement("begin"), {"version": version})
        session.execute(statement("forget"), {"version": version})


def hold(session: Connection[Any]) -> Places:
    """The positions reached, locked until the transaction ends; blocks while another holds them. Writes nothing."""
    session.execute(statement("turn"))
    row = session.execute(statement("cursor")).fetchone()
    credit = () if row is None else row[1:]
    return Places(*(Position(int(xid), no) for xid, no in zip(credit[::2], credit[1::2], strict=True)))


def advance(session: Connection[Any], reached: Places, *, whole: bool) -> None:
    """Store the positions reached; ``whole`` says that nothing further was visible."""
    places = {
        f"{name}{part}": value
        for name, at in (("", reached.events), ("aside_", reached.aside), ("decided_", reached.decided))
        for part, value in (("xid", str(at.xid)), ("no", at.no))
    }
    session.execute(statement("advance"), {**places, "whole": whole})


CODE = (
    "services.credit.domain", "services.credit.store.loader", "services.credit.store.recomputation",
    "services.credit.store.projector", "services.credit.store.subject_index",
    "services.trade.domain", "services.trade.domain.checks.shipment", "services.trade.formats.dataset",
    "services.trade.formats.declared", "services.trade.formats.filings",
)  # fmt: skip
"""What makes observations of events, besides the fold; after any change the projection is made anew from the events."""

_TABLES = ("in_step", "tolerances", "units", "codes", "crosswalk")
"""The dated tables by which declarations are compared."""


def version(table: Model) -> str:
    """Digest of what the stored observations depend on besides the events: the rules and the published table."""
    parts = {"code": _code_version(), "fold": fold_version(), "table": table.model_dump_json()}
    parts |= {name: repr([sorted(row.items()) for row in values.table(name)]) for name in _TABLES}
    return version_of({name: text.encode() for name, text in parts.items()})


@cache
def _code_version() -> str:
    code = sources(*CODE)
    return version_of({**code, **statements(statement, code)})


@dataclass(frozen=True, slots=True)
class Step:
    """The result of one step: ``events``, those quarantined since (``aside``), reservations ``decided``; 0 where nothing was new.

    ``broken`` is the number of recorded faults.
    """

    events: int
    aside: int
    decided: int
    consignments: int
    changed: int
    position: Position
    broken: int = 0

    def whole(self, limit: int) -> bool:
        """Whether a step of at most ``limit`` has followed all that was visible."""
        return max(self.events, self.aside, self.decided) < limit


def step(
    session: Connection[Any],
    limit: int = 500,
    table: Model | None = None,
    mending: Collection[Broken] = (),
) -> Step:
    """Follow at most ``limit`` further events, and as many quarantined since, and commit; blocks while another projector is at work.

    Under other rules everything begins again at the first event. ``mending`` is evaluated again beside it. A fault of our own code is
    recorded with its event, cargo or shipper; raises what the infrastructure raises, with nothing changed.
    """
    failed = Faults()
    rules = table if table is not None else model()
    with session.transaction():
        prepare(session, version(rules))
    with session.transaction():
        changes.extend_idle_timeout(session)
        # Nothing is written before all is judged: until then this transaction holds nobody off.
        after = hold(session)
        stored, position = event_reader.tail(session, after.events, limit)
        aside, to_aside = changes.quarantined_after(session, after.aside, limit)
        reserved, to_reserved = changes.rows_after(session, statement("decided"), after.decided, limit)
        registry = registry_store.read_snapshot(session)
        # Quarantined events affect the same subjects as new ones: these may be otherwise without them.
        gone = event_reader.events_by_number(session, aside)
        arrived = loader.read_events(stored, registry, skip=failed.skip)
        arrived |= loader.read_events(gone, registry, aside=True, skip=failed.skip)
        arrived |= _reread_faulty(session, mending, registry, failed)
        affected = changes.with_targets(
            session, arrived, lambda stored: loader.read_events(stored, registry, skip=failed.skip)
        )
        index_entries = loader.index_keys(affected)
        waits = changes.unsettled(session)
        due = {row[0] for row in session.execute(statement("again_due"), binary=True)}
        consignments = _reached(session, affected.facts) | due
        consignments |= {bytes.fromhex(each.name) for each in mending if each.kind is Kind.CARGO}
        cargoes = recomputation.cargoes(session, consignments, affected.facts, registry, rules, failed)
        decided = {own_key(row[2]) for row in reserved if row[2] is not None}
        again = {each.name for each in mending if each.kind is Kind.SHIPPER}
        loans = recomputation.loans(session, affected, decided, again, index_entries, registry, rules, failed)

        _index(session, index_entries)
        session.execute(statement("again_drop"), {"ids": uuids(sorted(due))})
        if waits is not None:
            session.execute(statement("again_put"), {"ids": uuids(sorted(consignments)), "mark": waits})
        changed = _replace(session, cargoes, financing=False) + _replace(session, loans, financing=True)
        counted = len(stored), len(aside), len(reserved), len(consignments), changed
        done = Step(*counted, position, faults.record(session, failed))
        advance(session, Places(position, to_aside, to_reserved), whole=done.whole(limit))
    return done


def catch_up(session: Connection[Any], limit: int = 500, table: Model | None = None) -> int:
    """Step until nothing new is visible, retrying recorded faults first; returns how many events were followed."""
    total = mend(session, limit, table)
    while True:
        done = step(session, limit, table)
        total += done.events
        if done.whole(limit):
            return total


def mend(session: Connection[Any], limit: int = 500, table: Model | None = None) -> int:
    """Evaluate recorded faults again, in steps that each also follow; returns how many events these followed."""
    broken, total = faults.recorded_faults(session), 0
    for first in range(0, len(broken), limit):
        total += step(session, limit, table, broken[first : first + limit]).events
    return total


def forget(session: Connection[Any]) -> None:
    """Empty the tables, so that the next step begins at the first event; the caller commits."""
    session.execute(statement("forget"), {"version": ""})


def _index(session: Connection[Any], index_entries: set[tuple[EventId, str]]) -> None:
    rows = sorted(index_entries)
    columns = {"keys": [key for _, key in rows], "events": uuids([event for event, _ in rows])}
    session.execute(statement("note"), columns)


def _reread_faulty(
    session: Connection[Any], mending: Iterable[Broken], registry: Registry, failed: Faults
) -> EventFacts:
    numbers = sorted(int(each.name) for each in mending if each.kind is Kind.EVENT)
    if not numbers:
        return EventFacts(Facts(), CreditFacts())
    failed.mended |= {(Kind.EVENT, str(no)) for no in numbers}
    return loader.read_events(
        event_reader.events_by_number(session, numbers), registry, aside=True, skip=failed.skip
    )


def _reached(session: Connection[Any], facts: Facts) -> set[ObjectId]:
    found = changes.reachable_consignments(session, (thing.id for thing in loader.affected_things(facts)))
    return found | {founding.consignment.id for founding in facts.foundings}


def _replace(session: Connection[Any], judged: ExpectedObservations, *, financing: bool) -> int:
    """Replace the stored observations of the subjects, and add the difference to the counts."""
    if not judged.subjects:
        return 0
    asked = {"subjects": sorted(judged.subjects), "financing": financing}
    before = {observation(row) for row in session.execute(statement("observations"), asked, binary=True)}
    gone, come = sorted(before - judged.seen), sorted(judged.seen - before)
    if gone:
        keys = {
            "subjects": [o.subject for o in gone],
            "signals": smallints([o.signal for o in gone]),
            "units": [o.unit for o in gone],
            "shippers": [o.shipper for o in gone],
        }
        session.execute(statement("remove"), keys)
    rows = [each._asdict() | {"signal": int(each.signal), "events": uuids(each.events)} for each in come]
    if rows:
        session.cursor().executemany(statement("put"), rows)
    change = sorted(difference(gone, come).items())
    if change:
        cells = {
            "shippers": [cell.shipper for cell, _ in change],
            "signals": smallints([cell.signal for cell, _ in change]),
            "days": [cell.day for cell, _ in change],
        }
        sums = {"trials": [count.trials for _, count in change], "bads": [count.bad for _, count in change]}
        session.execute(statement("change"), {**cells, **sums})
        session.execute(statement("sweep"), cells)
    return len(gone) + len(come)


def observation(row: Sequence[Any]) -> Observation:
    """An observation from its row (binary: ids as 16 bytes)."""
    shipper, signal, subject, unit, day, bad, events = row
    return Observation(shipper, Signal(signal), subject, unit, day, bad, tuple(events))
