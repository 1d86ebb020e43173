"""The projection of legs and their counts, equal to what the rules give for all accepted events.

Each step is one transaction: the newly visible events, the consignments that they may reach evaluated again, their rows replaced, the
counts of what changed made again from the rows, and the position moved. An interrupted step leaves nothing; two projectors take turns.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from typing import Any, NamedTuple

import psycopg
from psycopg import Connection

from services.arrival.domain.cargo import Cargo, cargo
from services.arrival.domain.legs import ARRIVED, STAGES, Leg, Stage
from services.arrival.domain.silence import GapCell, Habit, habit
from services.arrival.domain.tables import tables
from services.arrival.store import statement
from services.domain.derive import derive
from services.domain.facts import Facts, Micros
from services.domain.objects import ObjectId, Thing
from services.ledger.projections import changes
from services.ledger.registry import store as registry_store
from services.ledger.registry.registry import Registry
from services.ledger.storage import event_reader
from services.ledger.storage.arrays import adapt, uuids
from services.ledger.storage.event_reader import Position, Stored
from services.ledger.storage.fold_version import fold_version
from services.query.stored_events import reread
from services.runtime.code_digest import sources, statements, version_of

log = logging.getLogger(__name__)

LEG, GAP, ERROR = 1, 2, 3
"""Kinds of rows: a leg, the gap to the next fact, an estimate against the arrival."""
ALWAYS: Micros = 2**60
"""The moment as of which consignments are evaluated: whatever is known of them."""


class Row(NamedTuple):
    """A stored row of a consignment."""

    cons: ObjectId
    kind: int
    stage: int
    first: str
    last: str
    by: str
    began: Micros
    ended: Micros | None
    present: bool


CODE = (
    "services.arrival.domain.legs", "services.arrival.domain.cargo", "services.arrival.domain.silence",
    "services.arrival.domain.distribution", "services.arrival.store.projector",
)  # fmt: skip
"""What makes rows of events, besides the fold; after any change the projection is made anew from the events."""


@cache
def version() -> str:
    """Digest of what the stored rows depend on besides the events."""
    code = sources(*CODE)
    own = version_of({**code, **statements(statement, code)})
    table = tables().model_dump_json()
    return version_of({"code": own.encode(), "fold": fold_version().encode(), "table": table.encode()})


@cache
def model_version() -> str:
    """The version of the forecast: of its rules and of the published table."""
    return f"{tables().version}-{version_of(sources('services.arrival.domain'))}"


def rows_of(id_: ObjectId, found: Cargo) -> set[Row]:
    """The rows of a consignment."""
    present = found.present
    rows = {
        Row(id_, LEG, *_leg(o.leg), o.service, o.start, o.end, o.end is None and (o.leg, o.start) in present)
        for o in found.observed
    }
    for kind, gaps in ((GAP, found.gaps), (ERROR, found.errors)):
        rows |= {Row(id_, kind, *_leg(g.leg), g.publisher, g.start, g.end, False) for g in gaps}
    return rows


def _leg(leg: Leg) -> tuple[int, str, str]:
    return int(leg.stage), leg.first, leg.last


@dataclass(frozen=True, slots=True)
class Step:
    """The result of one step; 0 where nothing was new. ``broken`` is how many consignments could not be evaluated."""

    events: int
    aside: int
    consignments: int
    broken: int

    def whole(self, limit: int) -> bool:
        """Whether a step of at most ``limit`` has followed all that was visible."""
        return max(self.events, self.aside) < limit


@dataclass
class Evaluated:
    """The members of evaluated groups, the rows that should be stored of them, and those that failed, by why."""

    members: set[ObjectId] = field(default_factory=set)
    rows: set[Row] = field(default_factory=set)
    failed: dict[ObjectId, str] = field(default_factory=dict)


class _Content(NamedTuple):
    """The facts of events, for ``changes.with_targets``."""

    facts: Facts

    def __or__(self, other: _Content) -> _Content:
        return _Content(self.facts | other.facts)


class EventFacts:
    """Reads stored events, each once: the cargoes of one train rest on the same ones."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._known: dict[int, Facts] = {}

    def of(self, stored: Iterable[Stored], *, aside: bool = False) -> Facts:
        """The facts of the events; quarantined ones state nothing unless ``aside`` asks for what they stated."""
        return Facts.union(self._one(each) for each in stored if aside or not each.quarantined)

    def _one(self, stored: Stored) -> Facts:
        if stored.no not in self._known:
            self._known[stored.no] = reread(stored, self._registry).facts
        return self._known[stored.no]


def step(session: Connection[Any], limit: int = 500, more: Iterable[ObjectId] = ()) -> Step:
    """Follow at most ``limit`` further events, and as many quarantined since, and commit; blocks while another projector is at work.

    Under other rules everything begins again at the first event. ``more`` are consignments to evaluate beside. A consignment on which
    our own code fails is recorded and stays as stored; raises what the infrastructure raises, with nothing changed.
    """
    adapt(session)
    with session.transaction():
        session.execute(statement("turn"))
        row = session.execute(statement("cursor")).fetchone()
        if row is None or row[0] != version():
            session.execute(statement("begin"), {"version": version()})
            session.execute(statement("forget"), {"version": version()})
    with session.transaction():
        changes.extend_idle_timeout(session)
        session.execute(statement("turn"))
        _, xid, no, aside_xid, aside_no = session.execute(statement("cursor")).fetchone() or ("", 0, 0, 0, 0)
        stored, position = event_reader.tail(session, Position(int(xid), no), limit)
        aside, to_aside = changes.quarantined_after(session, Position(int(aside_xid), aside_no), limit)
        read = EventFacts(registry_store.read_snapshot(session))
        waits = changes.unsettled(session)
        due = {row[0] for row in session.execute(statement("again_due"), binary=True)}
        consignments = due | set(more) | affected(session, stored, aside, read)
        done = evaluate(session, consignments, read)
        session.execute(statement("again_drop"), {"ids": uuids(sorted(due))})
        if waits is not None and consignments:
            session.execute(statement("again_put"), {"ids": uuids(sorted(consignments)), "mark": waits})
        _replace(session, done)
        broken = _record(session, done)
        result = Step(len(stored), len(aside), len(consignments), broken)
        places = {
            "xid": str(position.xid), "no": position.no, "aside_xid": str(to_aside.xid), "aside_no": to_aside.no,
        }  # fmt: skip
        session.execute(statement("advance"), {**places, "whole": result.whole(limit)})
    return result


def catch_up(session: Connection[Any], limit: int = 500) -> int:
    """Step until nothing new is visible, what failed before first; returns how many events were followed."""
    total, more = 0, broken(session)
    while True:
        done = step(session, limit, more)
        total, more = total + done.events, set()
        if done.whole(limit):
            return total


def broken(session: Connection[Any]) -> set[ObjectId]:
    """The consignments that could not be evaluated."""
    adapt(session)
    return {row[0] for row in session.execute(statement("broken"), binary=True)}


def forget(session: Connection[Any]) -> None:
    """Empty the tables, so that the next step begins at the first event; the caller commits."""
    session.execute(statement("forget"), {"version": ""})


def affected(
    session: Connection[Any], stored: Iterable[Stored], aside: Iterable[int], read: EventFacts
) -> set[ObjectId]:
    """The consignments whose journeys events may change, those set aside included."""
    gone = event_reader.events_by_number(session, list(aside))
    arrived = _Content(read.of(stored, aside=True) | read.of(gone, aside=True))
    facts = changes.with_targets(session, arrived, lambda found: _Content(read.of(found, aside=True))).facts
    things = {c.thing for c in facts.claims if c.milestone in STAGES or c.milestone == ARRIVED}
    things |= {end for link in facts.links for end in (link.left, link.right)}
    things |= {f.consignment for f in facts.foundings} | {r.thing for r in facts.routes}
    reached = changes.reachable_consignments(session, (thing.id for thing in things)) if things else set()
    return reached | {f.consignment.id for f in facts.foundings}


def evaluate(session: Connection[Any], consignments: Iterable[ObjectId], read: EventFacts) -> Evaluated:
    """The rows of consignments, each with those that are one with it."""
    done = Evaluated()
    for id_ in sorted(consignments):
        if id_ in done.members:
            continue
        try:
            members, rows = expected(session, id_, read)
        except (psycopg.Error, OSError, MemoryError):
            raise
        except Exception as problem:
            log.error(
                "the journey of consignment %s cannot be evaluated; its legs stay as they are",
                id_.hex(),
                exc_info=problem,
                extra={"action": "arrival_broken"},
            )
            done.failed[id_] = f"{type(problem).__name__}: {problem}"[:400].replace("\0", "")
            continue
        done.members |= {id_, *members}
        done.rows |= rows
    return done


def expected(session: Connection[Any], id_: ObjectId, read: EventFacts) -> tuple[set[ObjectId], set[Row]]:
    """The members of the group of a consignment, and its rows under the id of the group; nothing where it is not founded."""
    stored = event_reader.load_facts(session, [id_])
    facts = read.of(stored)
    founded: Thing | None = next((f.consignment for f in facts.foundings if f.consignment.id == id_), None)
    view = None if founded is None else derive(facts, founded, ALWAYS)
    if view is None:
        return set(), set()
    return {thing.id for thing in view.members}, rows_of(view.consignment.id, cargo(view))


def _replace(session: Connection[Any], done: Evaluated) -> None:
    """Replace the rows of the evaluated consignments, and count again what changed."""
    if not done.members:
        return
    removed = session.execute(statement("remove"), {"ids": uuids(sorted(done.members))}, binary=True)
    before = {Row(*row) for row in removed}
    _put(session, sorted(done.rows, key=_sorting))
    changed = before ^ done.rows
    cells = sorted(
        {(r.stage, r.first, r.last, r.kind, r.by, week(r.began)) for r in changed if r.ended is not None}
    )
    if cells:
        names = ("stages", "firsts", "lasts", "kinds", "bys", "weeks")
        session.execute(
            statement("recount"), dict(zip(names, map(list, zip(*cells, strict=True)), strict=True))
        )
    _learn(session, {Leg(Stage(r.stage), r.first, r.last) for r in changed if r.kind == GAP})


def _learn(session: Connection[Any], legs: Iterable[Leg]) -> None:
    """Store the habits of ``legs`` by their counts now; a row whose habit is the same keeps its position."""
    wanted = sorted(legs)
    if not wanted:
        return
    gaps = read_gaps(session, wanted)
    found = {leg: habit(leg, gaps.get(leg, ()), tables()) for leg in wanted}
    columns = {
        **leg_columns(wanted),
        # Lists of different lengths go as one text each; no code of a party has a comma.
        "publishers": [",".join(each.publishers) if (each := found[leg]) else "" for leg in wanted],
        "normals": [each.normal if (each := found[leg]) else 0 for leg in wanted],
        "alarmings": [each.alarming if (each := found[leg]) else 0 for leg in wanted],
        "seens": [each.seen if (each := found[leg]) else 0 for leg in wanted],
    }
    session.execute(statement("put_habits"), columns)


def read_gaps(session: Connection[Any], legs: Iterable[Leg]) -> dict[Leg, list[GapCell]]:
    """The counts of gaps on ``legs``."""
    found: dict[Leg, list[GapCell]] = defaultdict(list)
    for kind, stage, first, last, by, week_, hours, trains in session.execute(
        statement("cells"), leg_columns(sorted(legs))
    ):
        if kind == GAP:
            leg = Leg(Stage(stage), first, last)
            found[leg].append(GapCell(leg, by, week_, hours, trains))
    return found


def read_habits(session: Connection[Any], legs: Iterable[Leg]) -> dict[Leg, Habit]:
    """The stored habits of ``legs``; one statement, none without legs."""
    wanted = sorted(set(legs))
    if not wanted:
        return {}
    rows = session.execute(statement("habits"), leg_columns(wanted))
    return {
        Leg(Stage(stage), first, last): Habit(tuple(publishers), normal, alarming, seen)
        for stage, first, last, publishers, normal, alarming, seen in rows
    }


def leg_columns(legs: Iterable[Leg]) -> dict[str, Any]:
    """Legs as the parameters of a statement."""
    known = list(legs)
    return {
        "stages": [int(leg.stage) for leg in known],
        "firsts": [leg.first for leg in known],
        "lasts": [leg.last for leg in known],
    }


def week(began: Micros) -> int:
    """As the column of that name."""
    since = began - 345_600_000_000
    return abs(since) // 604_800_000_000 * (1 if since >= 0 else -1)


def _sorting(row: Row) -> tuple[Any, ...]:
    return (*row[:7], row.ended is not None, row.ended or 0)


def _put(session: Connection[Any], rows: list[Row]) -> None:
    if rows:
        columns = list(zip(*rows, strict=True))
        names = ("conses", "kinds", "stages", "firsts", "lasts", "bys", "begans", "endeds", "presents")
        values = dict(zip(names, map(list, columns), strict=True))
        session.execute(statement("put"), {**values, "conses": uuids(values["conses"])})


def _record(session: Connection[Any], done: Evaluated) -> int:
    """Record what failed, forget what no longer does; returns how many remain."""
    session.execute(statement("broken_drop"), {"ids": uuids(sorted(done.members))})
    if done.failed:
        ids = sorted(done.failed)
        session.execute(
            statement("broken_put"), {"ids": uuids(ids), "faults": [done.failed[id_] for id_ in ids]}
        )
    return len(broken(session))
