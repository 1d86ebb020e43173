"""Follows the accepted events and keeps the causes of cases equal to what the rules say of all of them; then lets the rule act.

A step is one transaction: the events that became visible, the consignments that they may concern judged anew, and the position
moved. Causes come and go while much is caught up with; cases are opened and closed only from a state in which all that was
visible has been followed, so nobody is called for a train that has long gone on.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from psycopg import Connection

from services.core.facts import FOREVER, Claim, Facts, Micros
from services.core.interpretation import meeting
from services.core.objects import ObjectId
from services.core.rules import ONE_MEETING, fold_version
from services.core.train_head import RUNNING
from services.processors.cases.causes import LOOKED_AT_WITHIN, Cause, FinancingAlert, causes, joined
from services.processors.cases.dues import next_due
from services.processors.cases.lifecycle import Step
from services.processors.cases.store.recording import CaseDesk
from services.processors.cases.store.rows import cause_of, cause_row
from services.processors.cases.store.statements import statement
from services.processors.financing.store.answering import status_of
from services.processors.following import order, reach
from services.query.reread import Reread, Unreadable, reread
from services.query.views import Told, facts_of, told_of
from services.registry import store as registry_store
from services.registry.registry import Registry
from services.storage import reading
from services.storage.arrays import adapt, bigints, uuids
from services.storage.reading import Position, Stored

log = logging.getLogger(__name__)

CODE = 1
"""Raise on any change of the rules in this package: the causes are then made anew from the events."""
OF_A_PLEDGE: Micros = 3_600 * 1_000_000
"""How often cargo under a pledge is looked at by time alone; other causes know their moment."""
AT_ONCE = 500
"""Cases that the rule acts on in one transaction."""


def version() -> str:
    """What the stored causes depend on besides the events: rules here and in the heart."""
    text = f"{CODE}|{fold_version()}|{sorted(LOOKED_AT_WITHIN.items())}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Followed:
    """What one step did: events followed (with those put aside and decisions), consignments judged, steps of cases."""

    events: int
    judged: int
    unread: int  # consignments whose events could not be read: their causes stay as they were
    steps: tuple[Step, ...]
    whole: bool


@dataclass(frozen=True, slots=True)
class Places:
    """The places after which to go on."""

    events: Position = field(default_factory=Position)
    aside: Position = field(default_factory=Position)
    decided: Position = field(default_factory=Position)
    as_of: Micros = 0


def step(
    session: Connection[Any], desk: CaseDesk, limit: int = 500, moment: Micros | None = None
) -> Followed:
    """Follow at most ``limit`` further events and commit; where nothing more is visible, act on the cases, and commit.

    Blocks while another follower is at it (LockNotAvailable after the session's lock timeout). Causes are of ``moment``, by
    default that of the desk's clock; it never goes back. Steps are of the desk's clock, whatever moment the causes are of.
    """
    adapt(session)
    with session.transaction():
        _prepare(session)
    with session.transaction():
        order.be_patient(session)
        after = _hold(session)
        as_of = max(desk.clock(session)[0] if moment is None else moment, after.as_of)
        found = _Finding(session, registry_store.look(session), as_of)
        stored, events = reading.tail(session, after.events, limit)
        aside, to_aside = order.put_aside(session, after.aside, limit)
        decided, to_decided = order.rows_after(session, statement("decided"), after.decided, limit)
        due = {row[0] for row in session.execute(statement("due"), {"as_of": as_of}, binary=True)}
        waits = reach.unsettled(session)
        concerned = found.concerned(stored, aside) | due | {cons for row in decided for cons in row[2]}
        unread = found.judge(concerned)
        session.execute(statement("again_drop"), {"ids": uuids(sorted(concerned))})
        if waits is not None:
            session.execute(statement("again_put"), {"ids": uuids(sorted(concerned)), "mark": waits})
        whole = max(len(stored), len(aside), len(decided)) < limit
        _advance(session, Places(events, to_aside, to_decided, as_of), whole=whole)
    steps = _act(session, desk) if whole else ()
    return Followed(len(stored) + len(aside) + len(decided), len(concerned), len(unread), steps, whole)


def catch_up(
    session: Connection[Any], desk: CaseDesk, limit: int = 500, moment: Micros | None = None
) -> list[Followed]:
    """Step until nothing new is visible; what each step did."""
    done = [step(session, desk, limit, moment)]
    while not done[-1].whole:
        done.append(step(session, desk, limit, moment))
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
    at = [Position(int(xid), no) for xid, no in zip(row[1:7:2], row[2:7:2], strict=True)]
    return Places(at[0], at[1], at[2], row[7])


def _advance(session: Connection[Any], reached: Places, *, whole: bool) -> None:
    places = {
        f"{name}{part}": value
        for name, at in (("", reached.events), ("aside_", reached.aside), ("decided_", reached.decided))
        for part, value in (("xid", str(at.xid)), ("no", at.no))
    }
    session.execute(statement("advance"), {**places, "as_of": reached.as_of, "whole": whole})


def _act(session: Connection[Any], desk: CaseDesk) -> tuple[Step, ...]:
    """Let the rule act on every case whose causes changed, some at a time."""
    taken: list[Step] = []
    while True:
        with session.transaction():
            rows = session.execute(statement("touched"), {"limit": AT_ONCE}, binary=True).fetchall()
            if not rows:
                return tuple(taken)
            cases = [row[0] for row in rows]
            taken += desk.follow_rule(session, cases)
            session.execute(statement("untouch"), {"ids": uuids(cases)})


@dataclass(frozen=True, slots=True)
class _Said:
    """What events say to the heart; all that the rules need."""

    facts: Facts

    def __or__(self, other: _Said) -> _Said:
        return _Said(self.facts | other.facts)


class _Finding:
    """Judges consignments in one step; events of one train are read once, not once for each of its boxes."""

    def __init__(self, session: Connection[Any], registry: Registry, as_of: Micros) -> None:
        self._session, self._registry, self._as_of = session, registry, as_of
        self._read: dict[int, Reread] = {}

    def concerned(self, stored: list[Stored], aside: list[int]) -> set[ObjectId]:
        """The consignments of which new events, or those put aside since, may change what the rules find."""
        session = self._session
        gone = reading.events_by_number(session, aside)
        arrived = self._said([*(each for each in stored if not each.quarantined), *gone])
        facts = reach.with_targets(session, arrived, self._said).facts
        numbers = bigints([*(each.no for each in stored), *aside])
        words = {row[0] for row in session.execute(statement("words"), {"nos": numbers}, binary=True)}
        running = reach.reached(session, {c.thing.id for c in facts.claims if _only_runs(c)})
        ids = {"ids": uuids(sorted(running))}
        roused = {row[0] for row in session.execute(statement("with_cause"), ids, binary=True)}
        founded = {founding.consignment.id for founding in facts.foundings}
        return reach.reached(session, _spoken_of(facts) | self._met(facts)) | founded | words | roused

    def _met(self, facts: Facts) -> set[ObjectId]:
        """What stands on the other lists of the hand-overs that ``facts`` tell of."""
        lists = sorted({(meeting(h.border, h.occurrence).id, h.happened) for h in facts.handovers})
        columns = {
            "ids": uuids([id_ for id_, _ in lists]),
            "los": bigints([at - ONE_MEETING for _, at in lists]),
            "his": bigints([at + ONE_MEETING for _, at in lists]),
        }
        return {row[0] for row in self._session.execute(statement("met"), columns, binary=True)}

    def judge(self, consignments: Iterable[ObjectId]) -> set[ObjectId]:
        """Put what the rules find now in the place of what is stored of each; those that cannot be read stay as they were."""
        judged: dict[ObjectId, tuple[Cause, ...]] = {}
        dues: dict[ObjectId, Micros] = {}
        unread: set[ObjectId] = set()
        for consignment in sorted(consignments):
            if consignment in judged:
                continue
            try:
                told, found, due = expected(
                    self._session, consignment, self._as_of, self._registry, self.read
                )
            except Unreadable as problem:
                unread.add(consignment)
                dues[consignment] = self._as_of + OF_A_PLEDGE
                log.error("cases of consignment %s stay as they were: %s", consignment.hex(), problem)
                continue
            members = {consignment} if told is None else {consignment, *(m.id for m in told.view.members)}
            judged |= dict.fromkeys(members, ())
            if told is not None:
                judged[told.view.consignment.id] = found
                if due is not None:
                    dues[told.view.consignment.id] = due
        _replace(self._session, judged)
        rows = sorted(dues.items())
        columns = {"ids": uuids([cons for cons, _ in rows]), "dues": bigints([due for _, due in rows])}
        self._session.execute(statement("set_due"), {**columns, "judged": uuids(sorted(judged))})
        return unread

    def read(self, stored: Stored, registry: Registry) -> Reread:
        """As ``reread``, each event once."""
        found = self._read.get(stored.no)
        if found is None:
            found = self._read[stored.no] = reread(stored, registry)
        return found

    def _said(self, stored: Iterable[Stored]) -> _Said:
        facts = []
        for each in stored:
            try:
                facts.append(self.read(each, self._registry).facts)
            except Unreadable as problem:
                log.error("an event concerns no case: %s", problem)
        return _Said(Facts.union(facts))


def expected(
    session: Connection[Any],
    consignment: ObjectId,
    as_of: Micros,
    registry: Registry,
    read: Any = reread,
) -> tuple[Told | None, tuple[Cause, ...], Micros | None]:
    """What must stand stored of a consignment at ``as_of``: its view, its causes by case, and when to look again.

    Some milliseconds. Raises Unreadable.
    """
    told = told_of(session, consignment, as_of, registry, read)
    if told is None:
        return None, (), None
    pledged = _pledged(session, told)
    alerts = [alert for name in pledged for alert in _alerts(session, name, as_of, registry)]
    found = joined(causes(told.view, as_of, alerts))
    due = next_due(facts_of(list(told.events.values())), told.view, as_of)
    if pledged:
        due = min(due or FOREVER, as_of + OF_A_PLEDGE)
    return told, tuple(found[case] for case in sorted(found)), due


def _pledged(session: Connection[Any], told: Told) -> list[str]:
    ids = {"ids": uuids(sorted(member.id for member in told.view.members))}
    return [name for (name,) in session.execute(statement("pledged"), ids)]


def _alerts(
    session: Connection[Any], financing: str, as_of: Micros, registry: Registry
) -> Iterable[FinancingAlert]:
    """The alerts of a pledge that its bank has not acknowledged; nothing of it names the bank."""
    status = status_of(session, financing, financing.partition("/")[0], as_of, FOREVER, registry)
    for alert in () if status is None else status.alerts:
        if alert.acknowledged is None:
            yield FinancingAlert(alert.covenant, alert.since, tuple(sorted(alert.events)))


def _only_runs(claim: Claim) -> bool:
    return claim.milestone == RUNNING


def _spoken_of(facts: Facts) -> set[ObjectId]:
    """The objects whose consignments are judged anew; a running position ends a silence at most, and has a way of its own."""
    things = {claim.thing for claim in facts.claims if not _only_runs(claim)}
    things |= {end for link in facts.links for end in (link.left, link.right)}
    things |= {founding.consignment for founding in facts.foundings}
    things |= {route.thing for route in facts.routes}
    return {thing.id for thing in things}


def _replace(session: Connection[Any], judged: dict[ObjectId, tuple[Cause, ...]]) -> None:
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
