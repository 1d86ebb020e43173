"""Follows the accepted events and keeps observations and counts equal to what the rules say of all of them.

Each step is one transaction: the events that became visible, the consignments and loans that they may concern judged anew, the
difference to what stands stored added to the counts, and the position moved. A step that is broken off leaves nothing; two
projectors take turns at the row of the position.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from psycopg import Connection

from schemas.events.finance_terms import own_key
from services.core import engagement
from services.core.facts import EventId, Facts
from services.core.links import Network
from services.core.objects import ObjectId, Thing
from services.core.rules import fold_version
from services.processors.credit.counts import difference
from services.processors.credit.financings import observe_financings
from services.processors.credit.judging import observe
from services.processors.credit.observations import Observation
from services.processors.credit.signals import Model, Signal, model
from services.processors.credit.store import loading, places
from services.processors.credit.store.loading import Known, Readings
from services.processors.credit.store.places import Places
from services.processors.credit.store.statements import statement
from services.processors.following import order, reach
from services.registry import store as registry_store
from services.registry.registry import Registry
from services.storage import reading
from services.storage.arrays import smallints, uuids
from services.storage.reading import Position

CODE = 2
"""Raise on any change of the rules in this package: the projection is then made anew from the events."""


def version(table: Model) -> str:
    """What the stored observations depend on besides the events: rules here and in the heart, and the published table."""
    text = f"{CODE}|{fold_version()}|{table.model_dump_json()}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Step:
    """What one step followed: ``events``, those put ``aside`` since, reservations that were ``decided``; 0 where nothing was new."""

    events: int
    aside: int
    decided: int
    consignments: int
    changed: int
    position: Position

    def whole(self, limit: int) -> bool:
        """Whether a step of at most ``limit`` has followed all that was visible."""
        return max(self.events, self.aside, self.decided) < limit


def step(session: Connection[Any], limit: int = 500, table: Model | None = None) -> Step:
    """Follow at most ``limit`` further events, and as many put aside, and commit; blocks while another projector is at it.

    Judged anew under other rules everything begins again at the first event. Raises Unreadable for a stored event that can
    no longer be read, with nothing changed.
    """
    rules = table if table is not None else model()
    with session.transaction():
        places.prepare(session, version(rules))
    with session.transaction():
        order.be_patient(session)
        # Nothing is written before all is judged: until then this transaction holds nobody off.
        after = places.hold(session)
        stored, position = reading.tail(session, after.events, limit)
        aside, to_aside = order.put_aside(session, after.aside, limit)
        reserved, to_reserved = order.rows_after(session, statement("decided"), after.decided, limit)
        registry = registry_store.look(session)
        # What counts no longer is judged like what came: whatever it spoke of may be otherwise now.
        gone = reading.events_by_number(session, aside)
        arrived = loading.known(stored, registry) | loading.known(gone, registry, aside=True)
        affected = reach.with_targets(session, arrived, lambda stored: loading.known(stored, registry))
        noted = loading.about(affected)
        waits = reach.unsettled(session)
        due = {row[0] for row in session.execute(statement("again_due"), binary=True)}
        consignments = _reached(session, affected.facts) | due
        cargoes = _judge_cargoes(session, consignments, affected.facts, registry, rules)
        decided = {own_key(row[2]) for row in reserved if row[2] is not None}
        loans = _judge_financings(session, affected, decided, noted, registry, rules)

        _note(session, noted)
        session.execute(statement("again_drop"), {"ids": uuids(sorted(due))})
        if waits is not None:
            session.execute(statement("again_put"), {"ids": uuids(sorted(consignments)), "mark": waits})
        changed = _replace(session, cargoes, financing=False) + _replace(session, loans, financing=True)
        done = Step(len(stored), len(aside), len(reserved), len(consignments), changed, position)
        places.advance(session, Places(position, to_aside, to_reserved), whole=done.whole(limit))
    return done


def catch_up(session: Connection[Any], limit: int = 500, table: Model | None = None) -> int:
    """Step until nothing new is visible; how many events were followed."""
    total = 0
    while True:
        done = step(session, limit, table)
        total += done.events
        if done.whole(limit):
            return total


def forget(session: Connection[Any]) -> None:
    """Empty the tables, so that the next step begins at the first event; the caller commits."""
    session.execute(statement("forget"), {"version": ""})


def _note(session: Connection[Any], noted: set[tuple[EventId, str]]) -> None:
    rows = sorted(noted)
    columns = {"keys": [key for _, key in rows], "events": uuids([event for event, _ in rows])}
    session.execute(statement("note"), columns)


def _reached(session: Connection[Any], facts: Facts) -> set[ObjectId]:
    found = reach.reached(session, (thing.id for thing in loading.spoken_of(facts)))
    return found | {founding.consignment.id for founding in facts.foundings}


@dataclass(slots=True)
class Judged:
    """What must stand stored of some subjects."""

    subjects: set[str] = field(default_factory=set)
    seen: set[Observation] = field(default_factory=set)


def _judge_cargoes(
    session: Connection[Any], consignments: Iterable[ObjectId], facts: Facts, registry: Registry, table: Model
) -> Judged:
    # What a founding that was put aside has opened is known only from that founding itself.
    spoken = {founding.consignment.id: founding.consignment for founding in facts.foundings}
    found, judged, readings = Judged(), set[ObjectId](), Readings()
    for consignment in sorted(consignments):
        if consignment in judged:
            continue
        members, after = expected(session, consignment, registry, table, readings)
        judged |= {thing.id for thing in members}
        found.subjects |= {thing.key for thing in (*members, *filter(None, (spoken.get(consignment),)))}
        found.seen |= after
    return found


def expected(
    session: Connection[Any],
    consignment: ObjectId,
    registry: Registry,
    table: Model,
    readings: Readings | None = None,
) -> tuple[frozenset[Thing], frozenset[Observation]]:
    """What must stand stored of one consignment and of those that are one with it: these, and the observations."""
    found = loading.of_cargo(session, consignment, registry, readings)
    members = group(found, consignment)
    if not members:
        opened = (founding.consignment for founding in found.facts.foundings)
        return frozenset(thing for thing in opened if thing.id == consignment), frozenset()
    return members, observe(found.facts, found.told, engagement.canonical(members), table)


def group(found: Known, consignment: ObjectId) -> frozenset[Thing]:
    """The consignments that are one with it; empty where it is not founded (any more)."""
    live = found.liveness().live
    founded = engagement.founding_parties(f for f in found.facts.foundings if live(f.event))
    network = Network(link for link in found.facts.links if live(link.event))
    groups = engagement.groups(founded, network.same)
    return next((members for thing, members in groups.items() if thing.id == consignment), frozenset())


def _judge_financings(
    session: Connection[Any],
    affected: Known,
    decided: set[str],
    noted: set[tuple[EventId, str]],
    registry: Registry,
    table: Model,
) -> Judged:
    """Judge anew the loans of which was spoken, and those on whose applications was ``decided``."""
    spoken_of = {said.event for said in affected.told.financings}
    more: dict[str, set[EventId]] = defaultdict(set)
    for event, key in noted:
        more[key].add(event)
    keys = {key for event, key in noted if event in spoken_of}
    keys |= {f"application {application}" for application in decided}
    if not keys:
        return Judged()
    near = loading.by_keys(session, keys, registry, more)
    # Also those of which nothing is left but what was put aside.
    spoken = {s.application for s in (*affected.told.financings, *near.told.financings) if s.application}
    shippers = sorted({application.partition("/")[0] for application in spoken})
    whole = loading.loans(session, [f"shipper {code}" for code in shippers], registry, more)
    applications = spoken | {s.application for s in whole.told.financings if s.application}
    both = near | whole
    return Judged(applications, {*observe_financings(both.told, both.liveness(), table)})


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
