"""The projection of causes: follows the accepted events, evaluates affected consignments, then applies the rule to cases.

A step is one transaction: the newly visible events, the consignments that they affect, and the position moved. Consignments are
evaluated once everything visible was followed, so a burst evaluates each once. Cases are opened and closed only from a state in
which nothing waits for evaluation.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from psycopg import Connection

from services.cases.domain.lifecycle import Step
from services.cases.store import statement
from services.cases.store.arrivals import ArrivalJudge
from services.cases.store.case_service import CaseService
from services.cases.store.evaluation import EventCache, affected_subjects, evaluate, evaluate_trades
from services.cases.store.trades import trades_named
from services.domain.facts import Micros
from services.domain.objects import ObjectId, Thing
from services.ledger.projections import changes
from services.ledger.registry import store as registry_store
from services.ledger.registry.registry import Registry
from services.ledger.storage import event_reader
from services.ledger.storage.arrays import adapt, uuids
from services.ledger.storage.event_reader import Position, Stored
from services.ledger.storage.fold_version import fold_version
from services.query.search.names import NameWriter, things_in
from services.query.stored_events import Unreadable
from services.runtime.code_digest import sources, statements, version_of
from services.trade.domain.trade_findings import checks_version

CODE = (
    "services.cases.domain", "services.cases.store.evaluation", "services.cases.store.projector", "services.cases.store.rows",
    "services.query.views", "services.query.stored_events", "services.query.search.names", "services.query.listing",
    "services.arrival.domain.cargo", "services.arrival.domain.legs", "services.arrival.domain.silence",
    "services.arrival.domain.lateness",
    "services.trade.domain", "services.trade.domain.checks", "services.trade.formats.dataset", "services.trade.formats.declared",
    "services.trade.formats.trade_papers", "services.trade.formats.reading", "services.trade.store", "services.cases.store.trades",
)  # fmt: skip
"""What makes causes of events, besides the fold; after any change they are made anew from the events."""
AT_ONCE = 500
"""Cases that the rule acts on in one transaction."""
JUDGED_AT_ONCE = 2_000
"""Consignments that are judged in one transaction; the others wait for the next step."""
LATER = -1
"""The mark of a consignment that waits to be judged, whatever is settled: below that of any note."""


@cache
def version() -> str:
    """Digest of what the stored causes depend on besides the events: the rules here and in the domain."""
    code = sources(*CODE)
    checks = {"checks": checks_version().encode(), "fold": fold_version().encode()}
    return version_of({**code, **statements(statement, code), **checks})


@dataclass(frozen=True, slots=True)
class Followed:
    """The result of one step: events followed (with those quarantined and decisions), consignments evaluated, steps of cases."""

    events: int
    judged: int
    unread: int  # consignments whose events could not be read: their causes stay as they were
    steps: tuple[Step, ...]
    whole: bool


@dataclass(frozen=True, slots=True)
class Places:
    """The positions after which to go on."""

    events: Position = field(default_factory=Position)
    aside: Position = field(default_factory=Position)
    decided: Position = field(default_factory=Position)
    habits: Position = field(default_factory=Position)
    as_of: Micros = 0


def step(
    session: Connection[Any],
    service: CaseService,
    limit: int = 500,
    moment: Micros | None = None,
    memory: EventCache | None = None,
    names: NameWriter | None = None,
) -> Followed:
    """Follow at most ``limit`` further events and commit; where nothing more is visible, evaluate, apply the rule, commit.

    Blocks while another follower is at work (LockNotAvailable after the session's lock timeout). Causes are of ``moment``, by default
    that of the service's clock; it never goes back. Steps of cases always carry the service's clock. ``memory`` is the cache of
    earlier steps in this process. The names of the objects in these events become known to the search (``names``).
    """
    adapt(session)
    known = EventCache() if memory is None else memory
    writer = NameWriter() if names is None else names
    with session.transaction():
        _prepare(session)
    with session.transaction():
        changes.extend_idle_timeout(session)
        after = _hold(session)
        as_of = max(service.clock(session)[0] if moment is None else moment, after.as_of)
        registry = registry_store.read_snapshot(session)
        stored, events = event_reader.tail(session, after.events, limit)
        aside, to_aside = changes.quarantined_after(session, after.aside, limit)
        decided, to_decided = changes.rows_after(session, statement("decided"), after.decided, limit)
        habits, to_habits = changes.rows_after(session, statement("habits_after"), after.habits, limit)
        writer.add(session, _named(stored, registry, known))
        found = affected_subjects(session, stored, aside, registry, known) | {
            c for row in (*decided, *habits) for c in row[2]
        }
        more = max(len(stored), len(aside), len(decided), len(habits)) >= limit
        now, later = _turn_of(session, found, as_of, more=more)
        waits = changes.unsettled(session)
        judge = ArrivalJudge(service.signer, service.clock(session)[1])
        trades = trades_named(session, now, registry)
        unread = evaluate(
            session, [each for each in now if each not in trades], as_of, registry, known, judge
        )
        unread |= evaluate_trades(session, trades, as_of, registry)
        session.execute(statement("again_drop"), {"ids": uuids(now)})
        if waits is not None:
            session.execute(statement("again_put"), {"ids": uuids(now), "mark": waits})
        session.execute(statement("again_put"), {"ids": uuids(later), "mark": LATER})
        whole = not more and not later
        _advance(session, Places(events, to_aside, to_decided, to_habits, as_of), whole=whole)
    writer.committed()
    steps = _act(session, service) if whole else ()
    return Followed(len(stored) + len(aside) + len(decided), len(now), len(unread), steps, whole)


def _named(stored: Iterable[Stored], registry: Registry, memory: EventCache) -> set[Thing]:
    """The objects that the events name; none of one that is unreadable, which is logged elsewhere."""
    found: set[Thing] = set()
    for each in stored:
        with suppress(Unreadable):
            found |= things_in(memory.of(each, registry))
    return found


def _turn_of(
    session: Connection[Any], found: set[ObjectId], as_of: Micros, *, more: bool
) -> tuple[list[ObjectId], list[ObjectId]]:
    """Who is evaluated now and who later, of those found and those due: all later while more is to be followed and few wait."""
    due = {row[0] for row in session.execute(statement("due"), {"as_of": as_of}, binary=True)}
    waiting = sorted(found | due)
    if more and len(waiting) <= JUDGED_AT_ONCE:  # many do not wait for an end that may never come
        return [], sorted(found)
    return waiting[:JUDGED_AT_ONCE], waiting[JUDGED_AT_ONCE:]


def catch_up(
    session: Connection[Any], service: CaseService, limit: int = 500, moment: Micros | None = None
) -> list[Followed]:
    """Step until nothing new is visible; what each step did."""
    memory, names = EventCache(), NameWriter()
    done = [step(session, service, limit, moment, memory, names)]
    while not done[-1].whole:
        done.append(step(session, service, limit, moment, memory, names))
    return done


def forget(session: Connection[Any]) -> None:
    """Empty the causes, so that the next step begins at the first event; steps of cases stay. The caller commits."""
    session.execute(statement("forget"), {"version": ""})


def _prepare(session: Connection[Any]) -> None:
    session.execute(statement("turn"))
    row = session.execute(statement("cursor")).fetchone()
    if row is None or row[0] != version():
        session.execute(statement("begin"), {"version": version()})
        session.execute(statement("forget"), {"version": version()})


def _hold(session: Connection[Any]) -> Places:
    session.execute(statement("turn"))
    row = session.execute(statement("cursor")).fetchone()
    assert row is not None
    at = [Position(int(xid), no) for xid, no in zip(row[1:9:2], row[2:9:2], strict=True)]
    return Places(at[0], at[1], at[2], at[3], row[9])


def _advance(session: Connection[Any], reached: Places, *, whole: bool) -> None:
    places = {
        f"{name}{part}": value
        for name, at in (
            ("", reached.events),
            ("aside_", reached.aside),
            ("decided_", reached.decided),
            ("habit_", reached.habits),
        )
        for part, value in (("xid", str(at.xid)), ("no", at.no))
    }
    session.execute(statement("advance"), {**places, "as_of": reached.as_of, "whole": whole})


def _act(session: Connection[Any], service: CaseService) -> tuple[Step, ...]:
    """Apply the rule to every case whose causes changed, ``AT_ONCE`` a transaction."""
    taken: list[Step] = []
    while True:
        with session.transaction():
            rows = session.execute(statement("touched"), {"limit": AT_ONCE}, binary=True).fetchall()
            if not rows:
                return tuple(taken)
            cases = [row[0] for row in rows]
            taken += service.follow_rule(session, cases)
            session.execute(statement("untouch"), {"ids": uuids(cases)})
