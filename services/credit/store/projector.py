"""Follows the accepted events and keeps observations and counts equal to what the rules say of all of them.

Each step is one transaction: the events that became visible, the consignments and loans that they may concern judged anew, the
difference to what stands stored added to the counts, and the position moved. A step that is broken off leaves nothing; two
projectors take turns at the row of the position. What our own code fails on is put down as broken and stops nothing else.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import Connection

from schemas.events.finance_terms import own_key
from services.credit.domain.counts import difference
from services.credit.domain.observations import Observation
from services.credit.domain.signals import Model, Signal, model
from services.credit.domain.statements import CreditFacts
from services.credit.store import faults, loader, positions, recomputation, statement
from services.credit.store.faults import Broken, Faults, Kind
from services.credit.store.loader import Known
from services.credit.store.positions import Places
from services.credit.store.recomputation import Judged
from services.domain.facts import EventId, Facts
from services.domain.objects import ObjectId
from services.domain.rules import fold_version
from services.ledger.projections import changes
from services.ledger.registry import store as registry_store
from services.ledger.registry.registry import Registry
from services.ledger.storage import event_reader
from services.ledger.storage.arrays import smallints, uuids
from services.ledger.storage.event_reader import Position

CODE = 2
"""Raise on any change of the rules in this package: the projection is then made anew from the events."""


def version(table: Model) -> str:
    """What the stored observations depend on besides the events: rules here and in the heart, and the published table."""
    text = f"{CODE}|{fold_version()}|{table.model_dump_json()}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Step:
    """What one step followed: ``events``, those put ``aside`` since, reservations that were ``decided``; 0 where nothing was new.

    ``broken`` is how much cannot be read or judged now, of all that was followed.
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
    """Follow at most ``limit`` further events, and as many put aside, and commit; blocks while another projector is at it.

    Judged anew under other rules everything begins again at the first event. ``mending`` is judged again beside it. An event,
    cargo or shipper on which our own code fails is put down as broken; raises what the infrastructure raises, with nothing changed.
    """
    failed = Faults()
    rules = table if table is not None else model()
    with session.transaction():
        positions.prepare(session, version(rules))
    with session.transaction():
        changes.extend_idle_timeout(session)
        # Nothing is written before all is judged: until then this transaction holds nobody off.
        after = positions.hold(session)
        stored, position = event_reader.tail(session, after.events, limit)
        aside, to_aside = changes.quarantined_after(session, after.aside, limit)
        reserved, to_reserved = changes.rows_after(session, statement("decided"), after.decided, limit)
        registry = registry_store.read_snapshot(session)
        # What counts no longer is judged like what came: whatever it spoke of may be otherwise now.
        gone = event_reader.events_by_number(session, aside)
        arrived = loader.known(stored, registry, skip=failed.skip)
        arrived |= loader.known(gone, registry, aside=True, skip=failed.skip)
        arrived |= _read_again(session, mending, registry, failed)
        affected = changes.with_targets(
            session, arrived, lambda stored: loader.known(stored, registry, skip=failed.skip)
        )
        noted = loader.about(affected)
        waits = changes.unsettled(session)
        due = {row[0] for row in session.execute(statement("again_due"), binary=True)}
        consignments = _reached(session, affected.facts) | due
        consignments |= {bytes.fromhex(each.name) for each in mending if each.kind is Kind.CARGO}
        cargoes = recomputation.cargoes(session, consignments, affected.facts, registry, rules, failed)
        decided = {own_key(row[2]) for row in reserved if row[2] is not None}
        again = {each.name for each in mending if each.kind is Kind.SHIPPER}
        loans = recomputation.loans(session, affected, decided, again, noted, registry, rules, failed)

        _note(session, noted)
        session.execute(statement("again_drop"), {"ids": uuids(sorted(due))})
        if waits is not None:
            session.execute(statement("again_put"), {"ids": uuids(sorted(consignments)), "mark": waits})
        changed = _replace(session, cargoes, financing=False) + _replace(session, loans, financing=True)
        counted = len(stored), len(aside), len(reserved), len(consignments), changed
        done = Step(*counted, position, faults.put_down(session, failed))
        positions.advance(session, Places(position, to_aside, to_reserved), whole=done.whole(limit))
    return done


def catch_up(session: Connection[Any], limit: int = 500, table: Model | None = None) -> int:
    """Step until nothing new is visible, what is broken tried again first; how many events were followed."""
    total = mend(session, limit, table)
    while True:
        done = step(session, limit, table)
        total += done.events
        if done.whole(limit):
            return total


def mend(session: Connection[Any], limit: int = 500, table: Model | None = None) -> int:
    """Judge again what is broken, in steps that each also follow; how many events these followed. Nothing where nothing is."""
    broken, total = faults.standing(session), 0
    for first in range(0, len(broken), limit):
        total += step(session, limit, table, broken[first : first + limit]).events
    return total


def forget(session: Connection[Any]) -> None:
    """Empty the tables, so that the next step begins at the first event; the caller commits."""
    session.execute(statement("forget"), {"version": ""})


def _note(session: Connection[Any], noted: set[tuple[EventId, str]]) -> None:
    rows = sorted(noted)
    columns = {"keys": [key for _, key in rows], "events": uuids([event for event, _ in rows])}
    session.execute(statement("note"), columns)


def _read_again(
    session: Connection[Any], mending: Iterable[Broken], registry: Registry, failed: Faults
) -> Known:
    numbers = sorted(int(each.name) for each in mending if each.kind is Kind.EVENT)
    if not numbers:
        return Known(Facts(), CreditFacts())
    failed.mended |= {(Kind.EVENT, str(no)) for no in numbers}
    return loader.known(
        event_reader.events_by_number(session, numbers), registry, aside=True, skip=failed.skip
    )


def _reached(session: Connection[Any], facts: Facts) -> set[ObjectId]:
    found = changes.reachable_consignments(session, (thing.id for thing in loader.spoken_of(facts)))
    return found | {founding.consignment.id for founding in facts.foundings}


def _replace(session: Connection[Any], judged: Judged, *, financing: bool) -> int:
    """Put what was judged in the place of what is stored of its subjects, and add the difference to the counts."""
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
