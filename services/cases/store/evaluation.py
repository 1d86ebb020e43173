"""Evaluates the consignments that new events affect: the causes found now replace the stored ones.

A set costs a constant number of statements, and each event is read once in a process: the consignments of one train have
most of their events in common.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple

from psycopg import Connection
from psycopg.rows import tuple_row

from schemas.events.base import ObjectKind
from services.arrival.domain.lateness import PROMISE, Judgment
from services.arrival.domain.legs import Leg
from services.arrival.store import judgments
from services.arrival.store.projector import leg_columns, read_habits
from services.cases.domain.causes import Cause, FinancingAlert, Journey, causes, joined, next_due
from services.cases.store import statement
from services.cases.store.arrivals import ArrivalJudge, dues_of
from services.cases.store.rows import cause_of, cause_row
from services.cases.store.trades import ExpectedTrade, affected_trades, expected_trades, replace_rows
from services.domain.derive import derive
from services.domain.facts import FOREVER, Claim, Facts, Micros
from services.domain.handovers import LISTS
from services.domain.head import RUNNING
from services.domain.interpretation import meeting
from services.domain.objects import ObjectId, object_id
from services.domain.rules import ONE_MEETING
from services.domain.view import View
from services.financing.domain.status import Status
from services.financing.store.status_reader import status_of
from services.ledger.projections import changes
from services.ledger.registry.registry import Registry
from services.ledger.storage import event_reader
from services.ledger.storage.arrays import bigints, smallints, uuids
from services.ledger.storage.event_reader import Stored
from services.query.listing import store as listing
from services.query.listing.rows import ListRow, rows_of
from services.query.stored_events import Reread, Unreadable, reread
from services.query.views import SourcedView, facts_of, read_view

MOST = 60_000
"""Events cached at most, some kilobytes each; then the cache is emptied."""


class EventCache:
    """The facts of stored events by number, as of one version of the registry. For one thread."""

    def __init__(self) -> None:
        self._entries: dict[int, Facts] = {}
        self._version = -1

    def facts(
        self, session: Connection[Any], numbers: Iterable[int], registry: Registry
    ) -> dict[int, Facts | Unreadable]:
        """The facts of the events now; none for a quarantined one. Two statements in all."""
        self._as_of(registry)
        wanted = set(numbers)
        if len(self._entries) + len(wanted) > MOST:
            self._entries.clear()
        fresh = sorted(wanted - self._entries.keys())
        found: dict[int, Facts | Unreadable] = {}
        for stored in event_reader.events_by_number(session, fresh) if fresh else ():
            found[stored.no] = self._read(stored, registry)
        found |= {no: self._entries[no] for no in wanted - found.keys()}
        aside = session.execute(statement("put_aside"), {"nos": bigints(sorted(wanted))}, binary=True)
        return found | {no: Facts() for (no,) in aside}

    def of(self, stored: Stored, registry: Registry) -> Facts:
        """The facts of ``stored``, quarantined or not. Raises Unreadable."""
        self._as_of(registry)
        if len(self._entries) >= MOST:
            self._entries.clear()
        facts = self._entries.get(stored.no) or self._read(stored, registry)
        if isinstance(facts, Unreadable):
            raise facts
        return facts

    def _as_of(self, registry: Registry) -> None:
        if registry.version != self._version:
            self._entries.clear()
            self._version = registry.version

    def _read(self, stored: Stored, registry: Registry) -> Facts | Unreadable:
        """An unreadable event is tried again each time, so that a repair needs no restart."""
        try:
            facts = self._entries[stored.no] = reread(stored, registry).facts
        except Unreadable as problem:
            return problem
        return facts


log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _EventFacts:
    """The facts of events, as ``changes.with_targets`` merges them."""

    facts: Facts

    def __or__(self, other: _EventFacts) -> _EventFacts:
        return _EventFacts(self.facts | other.facts)


def affected_subjects(
    session: Connection[Any], stored: list[Stored], aside: list[int], registry: Registry, memory: EventCache
) -> set[ObjectId]:
    """The consignments and trades that new events, and the numbers of those quarantined since, may affect; a superset."""

    def read(events: Iterable[Stored]) -> _EventFacts:
        facts = []
        for each in events:
            try:
                facts.append(memory.of(each, registry))
            except Unreadable as problem:
                log.error("an event concerns no case: %s", problem)
        return _EventFacts(Facts.union(facts))

    gone = event_reader.events_by_number(session, aside)
    arrived = read([*(each for each in stored if not each.quarantined), *gone])
    facts = changes.with_targets(session, arrived, read).facts
    numbers = bigints([*(each.no for each in stored), *aside])
    financed = {row[0] for row in session.execute(statement("words"), {"nos": numbers}, binary=True)}
    running = changes.reachable_consignments(session, {c.thing.id for c in facts.claims if _only_runs(c)})
    ids = {"ids": uuids(sorted(running))}
    roused = {row[0] for row in session.execute(statement("with_cause"), ids, binary=True)}
    founded = {founding.consignment.id for founding in facts.foundings}
    things = _affected_things(facts)
    reached = changes.reachable_consignments(session, things | _met(session, facts)) | founded
    return reached | financed | roused | affected_trades(session, facts, things, reached)


def _met(session: Connection[Any], facts: Facts) -> set[ObjectId]:
    """The objects on the other lists of the hand-overs in ``facts``."""
    named = {(meeting(h.border, h.occurrence).id, h.happened) for h in facts.handovers}
    named |= {
        (object_id(ObjectKind.CONTAINER, box), h.happened) for h in facts.handovers for box in h.containers
    }
    lists = sorted(named)
    columns = {
        "lists": smallints(LISTS),
        "ids": uuids([id_ for id_, _ in lists]),
        "los": bigints([at - ONE_MEETING for _, at in lists]),
        "his": bigints([at + ONE_MEETING for _, at in lists]),
    }
    return {row[0] for row in session.execute(statement("met"), columns, binary=True)}


def _only_runs(claim: Claim) -> bool:
    return claim.milestone == RUNNING


def _affected_things(facts: Facts) -> set[ObjectId]:
    """The objects whose consignments are evaluated again; running positions are handled apart, they end a silence at most."""
    things = {claim.thing for claim in facts.claims if not _only_runs(claim)}
    things |= {end for link in facts.links for end in (link.left, link.right)}
    things |= {founding.consignment for founding in facts.foundings}
    things |= {route.thing for route in facts.routes}
    return {thing.id for thing in things}


Session = Connection[Any]
OF_A_PLEDGE: Micros = 3_600 * 1_000_000
"""Interval at which cargo under a pledge is evaluated again; other causes have their own times."""
OF_A_DATE: Micros = 6 * OF_A_PLEDGE
"""Interval at which cargo is evaluated again that has a date to arrive by."""
IN_A_SET = 200
"""Consignments whose facts are read in one statement."""


class ExpectedCauses(NamedTuple):
    """The causes and rows of lists that should be stored of a group of consignments, when to evaluate it again, and the leg by whose habit."""

    view: View
    causes: tuple[Cause, ...]
    due: Micros | None
    listed: frozenset[ListRow]
    leg: Leg | None
    by_the_hour: (
        bool  # evaluated again after a while, whatever its facts: it is pledged, or has a date to arrive by
    )


def evaluate(
    session: Session,
    consignments: Iterable[ObjectId],
    as_of: Micros,
    registry: Registry,
    memory: EventCache,
    judge: ArrivalJudge | None = None,
) -> set[ObjectId]:
    """Evaluate each of ``consignments`` as of ``as_of``; returns the unreadable ones, whose causes stay unchanged.

    ``judge`` first records what the forecasts of those with a date mean now. Writes in the caller's transaction. Some milliseconds a consignment, less where its events are cached.
    """
    unread: set[ObjectId] = set()
    todo = iter(sorted(consignments))
    done: set[ObjectId] = set()
    while several := list(islice(todo, IN_A_SET)):
        judged: dict[ObjectId, tuple[Cause, ...]] = {}
        rows_by_group: dict[ObjectId, frozenset[ListRow]] = {}
        dues: dict[ObjectId, Micros] = {}
        legs: dict[ObjectId, Leg] = {}
        wanted = [each for each in several if each not in done]
        for consignment, found in evaluations(session, wanted, as_of, registry, memory, judge):
            if isinstance(found, Unreadable):
                unread.add(consignment)
                dues[consignment] = as_of + OF_A_PLEDGE
                log.error("cases of consignment %s stay as they were: %s", consignment.hex(), found)
                continue
            judged.setdefault(consignment, ())
            if found is not None:
                judged |= {member.id: () for member in found.view.members if member.id not in judged}
                judged[found.view.consignment.id] = found.causes
                rows_by_group[found.view.consignment.id] = found.listed
                if found.due is not None:
                    dues[found.view.consignment.id] = found.due
                if found.leg is not None:
                    legs[found.view.consignment.id] = found.leg
        replace_causes(session, judged)
        listing.replace(session, {cons: rows_by_group.get(cons, frozenset()) for cons in judged})
        rows = sorted(dues.items())
        columns = {"ids": uuids([cons for cons, _ in rows]), "dues": bigints([due for _, due in rows])}
        session.execute(statement("set_due"), {**columns, "judged": uuids(sorted(judged))})
        on = sorted(legs)
        columns = {"ids": uuids(on), "judged": uuids(sorted(judged)), **leg_columns(legs[id_] for id_ in on)}
        session.execute(statement("set_leg"), columns)
        done |= judged.keys()
    return unread


def evaluate_trades(
    session: Session, trades: Mapping[ObjectId, str], as_of: Micros, registry: Registry
) -> set[ObjectId]:
    """Evaluate each of ``trades`` (by their names); returns the unreadable ones, which stay as they were and are tried again after ``as_of``.

    Writes in the caller's transaction.
    """
    unread: set[ObjectId] = set()
    judged: dict[ObjectId, ExpectedTrade] = {}
    by_name = {name: trade for trade, name in sorted(trades.items())}
    for name, found in expected_trades(session, list(by_name), registry):
        trade = by_name[name]
        if isinstance(found, Unreadable):
            unread.add(trade)
            log.error("findings of trade %s stay as they were: %s", trade.hex(), found)
        else:
            judged[trade] = found
    replace_causes(session, {trade: each.causes for trade, each in judged.items()})
    replace_rows(session, judged, [each.row for each in judged.values() if each.row is not None])
    dues = {"ids": uuids(sorted(unread)), "dues": bigints([as_of + OF_A_PLEDGE] * len(unread))}
    session.execute(statement("set_due"), {**dues, "judged": uuids(sorted(trades))})
    return unread


def evaluations(
    session: Session,
    consignments: Sequence[ObjectId],
    as_of: Micros,
    registry: Registry,
    memory: EventCache,
    judge: ArrivalJudge | None = None,
) -> list[tuple[ObjectId, ExpectedCauses | Unreadable | None]]:
    """The evaluation of each consignment, in order; None where it was never founded. Equal to ``expected`` of each alone.

    Reads only, but for what ``judge`` records.
    """
    loaded: list[tuple[ObjectId, Facts | Unreadable]] = _facts(session, consignments, as_of, registry, memory)
    views: dict[ObjectId, tuple[View, Facts] | Unreadable | None] = {}
    for consignment, facts in loaded:
        if isinstance(facts, Unreadable):
            views[consignment] = facts
            continue
        founded = next((f.consignment for f in facts.foundings if f.consignment.id == consignment), None)
        view = None if founded is None else derive(facts, founded, as_of)
        views[consignment] = None if view is None else (view, facts)
    members = {m.id for found in views.values() if isinstance(found, tuple) for m in found[0].members}
    pledged = _pledged(session, members)
    statuses = {name: _status(session, name, as_of, registry) for name in sorted({n for _, n in pledged})}
    journeys = _with_habits(
        session, {id_: Journey.of(one[0]) for id_, one in views.items() if isinstance(one, tuple)}
    )
    judged = judgments.latest(
        session, (one[0].consignment.id for one in views.values() if isinstance(one, tuple))
    )
    found: list[tuple[ObjectId, ExpectedCauses | Unreadable | None]] = []
    for consignment, one in views.items():
        if not isinstance(one, tuple):
            found.append((consignment, one))
            continue
        view, facts = one
        ids = {member.id for member in view.members}
        names = [name for member, name in pledged if member in ids]
        known = judged.get(view.consignment.id, {})
        if judge is not None:
            dues = dues_of(view, (each for name in names if (each := statuses[name]) is not None))
            arrived = journeys[consignment].behind.arrived is not None
            latest = judge.judge(session, view, facts, dues, known, as_of, arrived=arrived)
            for name in latest.keys() & statuses.keys():
                if latest[name] != known.get(name):
                    statuses[name] = _status(session, name, as_of, registry)
            known = judged[view.consignment.id] = latest
        of_it = [each for name in names if (each := statuses[name]) is not None]
        found.append((consignment, _found(view, facts, as_of, of_it, journeys[consignment], known)))
    return found


def expected(
    session: Session,
    consignment: ObjectId,
    as_of: Micros,
    registry: Registry,
    read: Callable[[Stored, Registry], Reread] = reread,
) -> tuple[SourcedView | None, tuple[Cause, ...], Micros | None]:
    """What should be stored of one consignment at ``as_of``: its view, its causes by case, and when to evaluate it again.

    Some milliseconds. Raises Unreadable.
    """
    sourced = read_view(session, consignment, as_of, registry, read)
    if sourced is None:
        return None, (), None
    names = sorted({name for _, name in _pledged(session, {m.id for m in sourced.view.members})})
    statuses = [each for name in names if (each := _status(session, name, as_of, registry)) is not None]
    judged = judgments.latest(session, [sourced.view.consignment.id]).get(sourced.view.consignment.id, {})
    journey = _with_habits(session, {consignment: Journey.of(sourced.view)})[consignment]
    found = _found(sourced.view, facts_of(sourced.sources.every), as_of, statuses, journey, judged)
    return sourced, found.causes, found.due


def _found(
    view: View,
    facts: Facts,
    as_of: Micros,
    statuses: Sequence[Status],
    journey: Journey,
    judged: Mapping[str, Judgment],
) -> ExpectedCauses:
    alerts = [alert for each in statuses for alert in _alerts(each)]
    found = joined(causes(view, as_of, alerts, journey, judged.get(PROMISE)))
    due = next_due(facts, view, as_of, journey)
    dated = journey.behind.arrived is None and bool(dues_of(view, ()))
    if statuses or dated:
        due = min(due or FOREVER, as_of + (OF_A_PLEDGE if statuses else OF_A_DATE))
    expected = tuple(found[case] for case in sorted(found))
    rows = rows_of(view, facts)
    return ExpectedCauses(view, expected, due, rows, journey.behind.leg, bool(statuses) or dated)


def _with_habits(session: Session, journeys: Mapping[ObjectId, Journey]) -> dict[ObjectId, Journey]:
    """The journeys with the habit of each leg; one statement, none where all stand still."""
    habits = read_habits(session, (each.behind.leg for each in journeys.values() if each.behind.leg))
    return {
        id_: each._replace(habit=habits.get(each.behind.leg)) if each.behind.leg else each
        for id_, each in journeys.items()
    }


def _facts(
    session: Session, consignments: Sequence[ObjectId], as_of: Micros, registry: Registry, memory: EventCache
) -> list[tuple[ObjectId, Facts | Unreadable]]:
    """The facts that concern each consignment, as ``event_reader.load_facts`` gives its events."""
    if not consignments:
        return []
    numbers = event_reader.numbers_of_each(session, consignments, as_of)
    by_number = memory.facts(session, {no for nos in numbers.values() for no in nos}, registry)
    found: list[tuple[ObjectId, Facts | Unreadable]] = []
    for consignment in consignments:
        parts = [by_number[no] for no in numbers[consignment]]
        broken = next((each for each in parts if isinstance(each, Unreadable)), None)
        found.append((consignment, broken or Facts.union(p for p in parts if isinstance(p, Facts))))
    return found


def _pledged(session: Session, members: Iterable[ObjectId]) -> list[tuple[ObjectId, str]]:
    """(consignment, financing) of each pledge in force."""
    cursor = session.cursor(binary=True, row_factory=tuple_row)
    return cursor.execute(statement("pledged"), {"ids": uuids(sorted(members))}).fetchall()


def _status(session: Session, financing: str, as_of: Micros, registry: Registry) -> Status | None:
    return status_of(session, financing, financing.partition("/")[0], as_of, FOREVER, registry)


def _alerts(status: Status) -> Iterator[FinancingAlert]:
    """The alerts of a pledge that its bank has not acknowledged, without the bank."""
    for alert in status.alerts:
        if alert.acknowledged is None:
            yield FinancingAlert(alert.covenant, alert.since, tuple(sorted(alert.events)))


def replace_causes(session: Session, judged: Mapping[ObjectId, tuple[Cause, ...]]) -> None:
    """Store the causes of each consignment or trade in place of those stored, and note the cases that they change."""
    ids = {"ids": uuids(sorted(judged))}
    before = {cause_of(row) for row in session.execute(statement("causes_of"), ids, binary=True)}
    now = {(cons, cause) for cons, found in judged.items() for cause in found}
    gone, come = (
        sorted(rows, key=lambda row: (row[0], row[1].case)) for rows in (before - now, now - before)
    )
    if gone:
        keys = {
            "conses": uuids([cons for cons, _ in gone]),
            "cases": uuids([cause.case for _, cause in gone]),
        }
        session.execute(statement("drop_causes"), keys)
    if come:
        rows = [cause_row(cons, cause) for cons, cause in come]
        session.cursor().executemany(statement("put_cause"), rows)
    touched = sorted({cause.case for _, cause in (*gone, *come)})
    if touched:
        session.execute(statement("touch"), {"ids": uuids(touched)})
