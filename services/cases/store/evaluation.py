"""Judges consignments in sets: what the rules find now is put in the place of what is stored of each.

A set costs a few statements, however many consignments are in it, and each event is read once in a process: consignments of one
train have most of theirs in common.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from itertools import islice
from typing import Any, NamedTuple

from psycopg import Connection
from psycopg.rows import tuple_row

from services.cases.domain.causes import Cause, FinancingAlert, causes, joined
from services.cases.domain.due_times import next_due
from services.cases.store import statement
from services.cases.store.event_cache import Memory
from services.cases.store.rows import cause_of, cause_row
from services.domain.derive import derive
from services.domain.facts import FOREVER, Facts, Micros
from services.domain.objects import ObjectId
from services.domain.train_head import RUNNING
from services.domain.view import View
from services.financing.store.status_reader import status_of
from services.ledger.registry.registry import Registry
from services.ledger.storage import event_reader
from services.ledger.storage.arrays import bigints, uuids
from services.ledger.storage.event_reader import Stored
from services.query.stored_events import Reread, Unreadable, reread
from services.query.views import Told, facts_of, told_of
from services.runtime.named_sql import nested

log = logging.getLogger(__name__)

Session = Connection[Any]
OF_A_PLEDGE: Micros = 3_600 * 1_000_000
"""How often cargo under a pledge is looked at by time alone; other causes know their moment."""
IN_A_SET = 200
"""Consignments whose facts are asked for in one statement."""


class Expected(NamedTuple):
    """What must stand stored of a group of consignments: its causes by case, and when to look again."""

    view: View
    causes: tuple[Cause, ...]
    due: Micros | None


def judge(
    session: Session, consignments: Iterable[ObjectId], as_of: Micros, registry: Registry, memory: Memory
) -> set[ObjectId]:
    """Judge each of ``consignments`` as of ``as_of``; returns those that cannot be read, whose causes stay as they were.

    Writes in the caller's transaction. Some milliseconds for a consignment, less where its events were read before.
    """
    unread: set[ObjectId] = set()
    todo = iter(sorted(consignments))
    done: set[ObjectId] = set()
    while several := list(islice(todo, IN_A_SET)):
        judged: dict[ObjectId, tuple[Cause, ...]] = {}
        dues: dict[ObjectId, Micros] = {}
        wanted = [each for each in several if each not in done]
        for consignment, found in judged_anew(session, wanted, as_of, registry, memory):
            if isinstance(found, Unreadable):
                unread.add(consignment)
                dues[consignment] = as_of + OF_A_PLEDGE
                log.error("cases of consignment %s stay as they were: %s", consignment.hex(), found)
                continue
            judged.setdefault(consignment, ())
            if found is not None:
                judged |= {member.id: () for member in found.view.members if member.id not in judged}
                judged[found.view.consignment.id] = found.causes
                if found.due is not None:
                    dues[found.view.consignment.id] = found.due
        _replace(session, judged)
        rows = sorted(dues.items())
        columns = {"ids": uuids([cons for cons, _ in rows]), "dues": bigints([due for _, due in rows])}
        session.execute(statement("set_due"), {**columns, "judged": uuids(sorted(judged))})
        done |= judged.keys()
    return unread


def judged_anew(
    session: Session, consignments: Sequence[ObjectId], as_of: Micros, registry: Registry, memory: Memory
) -> list[tuple[ObjectId, Expected | Unreadable | None]]:
    """What the rules find of each, in the order asked; None where it was never founded. The same as ``expected`` of each alone."""
    told: list[tuple[ObjectId, Facts | Unreadable]] = _facts(session, consignments, as_of, registry, memory)
    views: dict[ObjectId, tuple[View, Facts] | Unreadable | None] = {}
    for consignment, facts in told:
        if isinstance(facts, Unreadable):
            views[consignment] = facts
            continue
        founded = next((f.consignment for f in facts.foundings if f.consignment.id == consignment), None)
        view = None if founded is None else derive(facts, founded, as_of)
        views[consignment] = None if view is None else (view, facts)
    members = {m.id for found in views.values() if isinstance(found, tuple) for m in found[0].members}
    pledged = _pledged(session, members)
    alerts: dict[str, tuple[FinancingAlert, ...]] = {
        name: tuple(_alerts(session, name, as_of, registry)) for name in sorted({n for _, n in pledged})
    }
    found: list[tuple[ObjectId, Expected | Unreadable | None]] = []
    for consignment, one in views.items():
        if not isinstance(one, tuple):
            found.append((consignment, one))
            continue
        view, facts = one
        ids = {member.id for member in view.members}
        of_it = {name: alerts[name] for member, name in pledged if member in ids}
        found.append((consignment, _found(view, facts, as_of, of_it)))
    return found


def expected(
    session: Session,
    consignment: ObjectId,
    as_of: Micros,
    registry: Registry,
    read: Callable[[Stored, Registry], Reread] = reread,
) -> tuple[Told | None, tuple[Cause, ...], Micros | None]:
    """What must stand stored of one consignment at ``as_of``: its view, its causes by case, and when to look again.

    Some milliseconds. Raises Unreadable.
    """
    told = told_of(session, consignment, as_of, registry, read)
    if told is None:
        return None, (), None
    names = sorted({name for _, name in _pledged(session, {m.id for m in told.view.members})})
    alerts = {name: tuple(_alerts(session, name, as_of, registry)) for name in names}
    found = _found(told.view, facts_of(list(told.events.values())), as_of, alerts)
    return told, found.causes, found.due


def _found(
    view: View, facts: Facts, as_of: Micros, alerts: Mapping[str, Iterable[FinancingAlert]]
) -> Expected:
    found = joined(causes(view, as_of, [alert for each in alerts.values() for alert in each]))
    due = next_due(facts, view, as_of)
    if alerts:
        due = min(due or FOREVER, as_of + OF_A_PLEDGE)
    return Expected(view, tuple(found[case] for case in sorted(found)), due)


def _facts(
    session: Session, consignments: Sequence[ObjectId], as_of: Micros, registry: Registry, memory: Memory
) -> list[tuple[ObjectId, Facts | Unreadable]]:
    """The facts that concern each consignment, as ``event_reader.load_facts`` gives its events."""
    if not consignments:
        return []
    event_reader.limit_work_memory(session)
    asked = {"sets": uuids(consignments), "moments": bigints([as_of + 1]), "running": RUNNING}
    cursor = session.cursor(binary=True, row_factory=tuple_row)
    numbers = {cons: nos or [] for cons, nos in cursor.execute(_numbers_query(), asked).fetchall()}
    said = memory.facts(session, {no for nos in numbers.values() for no in nos}, registry)
    told: list[tuple[ObjectId, Facts | Unreadable]] = []
    for consignment in consignments:
        parts = [said[no] for no in numbers[consignment]]
        broken = next((each for each in parts if isinstance(each, Unreadable)), None)
        told.append((consignment, broken or Facts.union(p for p in parts if isinstance(p, Facts))))
    return told


@cache
def _numbers_query() -> bytes:
    """For each of a set of consignments by itself the numbers of the events that concern it, in one statement."""
    return b"\n".join(
        (
            b"SELECT g.cons, f.nos FROM unnest(%(sets)s::uuid[]) AS g (cons) CROSS JOIN LATERAL (",
            nested(event_reader.numbers_query(superseded=True), ids=b"SELECT g.cons"),
            b") AS f",
        )
    )


def _pledged(session: Session, members: Iterable[ObjectId]) -> list[tuple[ObjectId, str]]:
    """The consignments with the financings whose pledge in them stands."""
    cursor = session.cursor(binary=True, row_factory=tuple_row)
    return cursor.execute(statement("pledged"), {"ids": uuids(sorted(members))}).fetchall()


def _alerts(session: Session, financing: str, as_of: Micros, registry: Registry) -> Iterable[FinancingAlert]:
    """The alerts of a pledge that its bank has not acknowledged; nothing of it names the bank."""
    status = status_of(session, financing, financing.partition("/")[0], as_of, FOREVER, registry)
    for alert in () if status is None else status.alerts:
        if alert.acknowledged is None:
            yield FinancingAlert(alert.covenant, alert.since, tuple(sorted(alert.events)))


def _replace(session: Session, judged: dict[ObjectId, tuple[Cause, ...]]) -> None:
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
