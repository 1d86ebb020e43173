"""Reads for banks without locks: the status of one financing, summaries of many, and events on pledged cargo."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

from psycopg import Connection
from psycopg.rows import tuple_row

from services.domain.facts import Micros
from services.domain.objects import Thing
from services.financing.domain import lifecycle, uniqueness
from services.financing.domain.cargo import Cargo
from services.financing.domain.covenants import JudgedArrival
from services.financing.domain.decisions import Decision
from services.financing.domain.lifecycle import Hold, State
from services.financing.domain.products import Products, products
from services.financing.domain.requests import DecisionContext, Reply
from services.financing.domain.reservation import encumbrance
from services.financing.domain.statements import Record, Statement, live
from services.financing.domain.status import Status, pledge_of, status
from services.financing.domain.uniqueness import Entry, Verdict
from services.financing.store import statement
from services.financing.store.evidence import (
    PledgedFinancing,
    gather_evidence,
    gather_pledged,
    statements_about,
    statements_in,
    with_originals,
)
from services.financing.store.financings import (
    DECISION_COLUMNS,
    cargo_of_each,
    decision_of,
    decisions_of,
    decisions_of_each,
    entries_of,
    entries_under,
)
from services.financing.store.identifiers import application_id, financing_id
from services.ledger.registry import store as registry_store
from services.ledger.registry.registry import Registry
from services.ledger.storage import event_reader
from services.ledger.storage.arrays import adapt, uuids
from services.ledger.storage.event_reader import Position, Stored
from services.ledger.storage.session import BoundStatement, Row
from services.query.stored_events import Reread, reread
from services.query.views import consignments_of
from services.runtime.named_sql import nested

Session = Connection[Any]


@dataclass(frozen=True, slots=True)
class StatusEvidence:
    """A status with its evidence: the cargo, the statements that count, and every decision involved."""

    status: Status
    cargo: tuple[Cargo, ...]
    statements: tuple[Statement, ...]
    decisions: tuple[Decision, ...]


def status_of(
    session: Session,
    financing: str,
    asked_by: str,
    as_of: Micros,
    known_at: Micros,
    registry: Registry | None = None,
    table: Products | None = None,
) -> Status | None:
    """The status of ``financing`` at ``as_of`` as it was known at ``known_at``; None for all but its bank.

    Reads in the caller's transaction; some milliseconds. Raises Unreadable.
    """
    looked = read_status_evidence(session, financing, asked_by, as_of, known_at, registry, table)
    return None if looked is None else looked.status


def read_status_evidence(
    session: Session,
    financing: str,
    asked_by: str,
    as_of: Micros,
    known_at: Micros,
    registry: Registry | None = None,
    table: Products | None = None,
) -> StatusEvidence | None:
    """The same with what it was taken from."""
    known = registry_store.read_snapshot(session) if registry is None else registry
    return read_statuses(session, [financing], asked_by, as_of, known_at, known, table)[financing]


def read_statuses(
    session: Session,
    financings: Sequence[str],
    asked_by: str,
    as_of: Micros,
    known_at: Micros,
    registry: Registry,
    table: Products | None = None,
    read: Callable[[Stored, Registry], Reread] = reread,
) -> dict[str, StatusEvidence | None]:
    """The same of each of ``financings``, in order.

    A constant number of statements for all that are or were pledged, and each of their events read once. Raises Unreadable.
    """
    adapt(session)
    ids = {name: financing_id(name) for name in financings}
    earlier = decisions_of_each(session, ids.values())
    holds = {name: lifecycle.holds(earlier[id_]).get(name) for name, id_ in ids.items()}
    own = {name: hold for name, hold in holds.items() if hold is not None and hold.bank == asked_by}
    found: dict[str, StatusEvidence | None] = dict.fromkeys(financings)
    if not own:
        return found
    scopes = _scopes(session, {name: ids[name] for name in own})
    pledges = {name: pledge_of(name, earlier[ids[name]], scopes[name].cargo, as_of, known_at) for name in own}
    subjects = {
        name: scopes[name].involved | {application_id(hold.terms.application)} for name, hold in own.items()
    }
    pledged = [
        PledgedFinancing(ids[name], pledge, subjects[name])
        for name, pledge in pledges.items()
        if pledge is not None
    ]
    gathered = iter(gather_pledged(session, pledged, registry, as_of, known_at, read) if pledged else ())
    evidence = []
    for name, pledge in pledges.items():
        if pledge is not None:
            evidence.append(next(gathered))
            continue
        groups = sorted(consignments_of(session, scopes[name].cargo))
        evidence.append(gather_evidence(session, groups, subjects[name], registry, as_of, known_at))
    evidence = with_originals(session, evidence, min(as_of, known_at))
    judged = read_judged(
        session, [name for name, hold in own.items() if hold.pledged_at is not None], min(as_of, known_at)
    )
    for (name, hold), each in zip(own.items(), evidence, strict=True):
        decisions = scopes[name].decisions
        result = status(
            name, asked_by, decisions, each.record, each.goods, as_of, known_at, table, judged.get(name, ())
        )
        if result is not None:
            context = DecisionContext(statements=live(each.record, as_of, known_at), cargo=each.cargo)
            found[name] = StatusEvidence(result, each.cargo, context.about(hold), decisions)
    return found


class _Scope(NamedTuple):
    """The consignments of a financing, the financings of the same cargo (it among them), and every decision on one of these."""

    cargo: tuple[Thing, ...]
    involved: frozenset[bytes]
    decisions: tuple[Decision, ...]


def _scopes(session: Session, ids: Mapping[str, bytes]) -> dict[str, _Scope]:
    """The scope of each financing by its name; three statements."""
    cargo = cargo_of_each(session, list(ids.values()))
    rows = session.cursor(binary=True, row_factory=tuple_row).execute(
        statement("financings_beside"), {"financings": uuids(sorted(ids.values()))}
    )
    involved: dict[bytes, set[bytes]] = {id_: {id_} for id_ in ids.values()}
    for own, beside in rows.fetchall():
        involved[own].add(beside)
    decided = decisions_of_each(session, {each for beside in involved.values() for each in beside})
    found = {}
    for name, id_ in ids.items():
        decisions = {each.number: each for beside in involved[id_] for each in decided[beside]}
        ordered = tuple(decision for _, decision in sorted(decisions.items()))
        found[name] = _Scope(cargo[id_], frozenset(involved[id_]), ordered)
    return found


def read_judged(
    session: Session, financings: Sequence[str], by: Micros
) -> dict[str, tuple[JudgedArrival, ...]]:
    """What the platform's forecasts meant for the maturity of each financing at ``by``: the latest judgment of each consignment."""
    if not financings:
        return {}
    cursor = session.cursor(binary=True, row_factory=tuple_row)
    rows = cursor.execute(statement("judged"), {"subjects": list(financings), "at": by})
    found: dict[str, list[JudgedArrival]] = {}
    for financing, cons, at, lateness, events in rows:
        found.setdefault(financing, []).append(JudgedArrival(cons, at, lateness, tuple(events)))
    return {financing: tuple(judged) for financing, judged in found.items()}


def encumbered(session: Session, financing: str, at: Micros) -> Reply:
    """Whether the interest of ``financing`` is taken: by itself (OWN), by another (TAKEN), by none (FREE).

    The other is not named. Other registries are not queried.
    """
    own = [print_ for name, print_ in entries_of(session, [financing_id(financing)]) if name == financing]
    met = entries_under(session, own)
    known = decisions_of(session, {financing_id(name) for name, _ in met} | {financing_id(financing)})
    holds = lifecycle.holds(known, at)
    table = products()
    entries = [
        Entry(print_, encumbrance(name, hold.terms, table[hold.terms.product]))
        for name, print_ in met
        if (hold := holds.get(name)) is not None and hold.held(at) and hold.terms.product in table.rows
    ]
    hold = holds[financing]
    wanted = encumbrance(financing, hold.terms, table[hold.terms.product])
    checked = uniqueness.check(wanted, own, entries)
    gravest = checked.gravest
    if hold.held(at):
        return Reply("OWN", match="EXACT")
    if checked.verdict is Verdict.CLEAR or gravest is None:
        return Reply("FREE", match="NONE")
    return Reply("TAKEN" if checked.verdict is Verdict.TAKEN else "REVIEW", match=str(gravest.match))


@dataclass(frozen=True, slots=True)
class Summary:
    """A financing by its decisions and statements, without its cargo; ``position`` is the latest decision on it."""

    state: State
    blocks_release: bool

    @property
    def financing(self) -> str:
        """``bank/reference``."""
        return self.state.hold.financing

    @property
    def position(self) -> int:
        """Number of the latest decision."""
        return self.state.hold.last


def summaries(
    session: Session, names: Sequence[str], at: Micros, registry: Registry, table: Products | None = None
) -> list[Summary]:
    """The financings called ``names`` at ``at``, in that order; those without a reservation are left out.

    A constant number of statements, in the caller's transaction; about a millisecond, and a fraction for each further one.
    """
    if not names:
        return []
    adapt(session)
    event_reader.limit_work_memory(session)
    holds = lifecycle.holds(decisions_of(session, [financing_id(name) for name in names]), at)
    wanted = [holds[name] for name in names if name in holds]
    if not wanted:
        return []
    subjects = {financing_id(hold.financing) for hold in wanted}
    subjects |= {application_id(hold.terms.application) for hold in wanted}
    return _summaries(wanted, statements_about(session, subjects, registry, at), at, table)


def reached(bank: str, thing: Thing) -> BoundStatement:
    """The one question that ``summaries_in`` needs answered by the database.

    For sessions that know packed ids and were set to ``spare`` memory.
    """
    first, end = names_of(bank)
    return BoundStatement(
        reached_query(), {"id": thing.id.hex(), "kind": int(thing.kind), "first": first, "end": end}
    )


def summaries_in(
    rows: Sequence[Row], bank: str, at: Micros, registry: Registry, table: Products | None = None
) -> list[Summary]:
    """The financings of ``bank`` among the ``rows`` that answer ``reached``, at ``at``, by name; pure."""
    decided = [row for row in rows if row[0] is not None]
    stated = [row[DECISION_COLUMNS:] for row in rows if row[DECISION_COLUMNS] is not None]
    holds = lifecycle.holds(map(decision_of, decided), at)
    own = [hold for name, hold in sorted(holds.items()) if hold.bank == bank]
    statements = statements_in(map(event_reader.stored_of, stated), registry, at)
    return _summaries(own, statements, at, table)


@cache
def reached_query() -> bytes:
    """The decisions of ``own_reached`` and the statements on their subjects: rows of one kind, then rows of the other."""
    statements = nested(statement("words_read"), subjects=statement("subjects_reached"))
    return b"\n".join(
        (
            b"WITH reached AS MATERIALIZED (",
            statement("own_reached"),
            b") SELECT r.*, w.* FROM (VALUES (1), (2)) AS kind (no)",
            b"LEFT JOIN reached r ON kind.no = 1",
            b"LEFT JOIN (",
            statements,
            b") AS w ON kind.no = 2",
        )
    )


def _summaries(wanted: Sequence[Hold], record: Record, at: Micros, table: Products | None) -> list[Summary]:
    statements = live(record, at, at)
    rows = (products() if table is None else table).rows
    found = []
    for hold in wanted:
        own = lifecycle.of_financing(statements, hold.financing, hold.terms.application)
        product = rows.get(hold.terms.product)
        blocks = hold.pledged and product is not None and product.blocks_release
        found.append(Summary(lifecycle.state(hold, own, at), blocks))
    return found


def own_under(session: Session, bank: str, digests: Iterable[bytes]) -> list[str]:
    """The financings of ``bank`` with an entry under any of the fingerprints, by name."""
    first, end = names_of(bank)
    rows = session.execute(
        statement("own_under"), {"digests": uuids(sorted(digests)), "first": first, "end": end}
    )
    return [name for (name,) in rows.fetchall()]


def portfolio(session: Session, bank: str, after: str, limit: int, only_open: bool) -> list[str]:
    """At most ``limit`` financings of ``bank`` that come after the name ``after`` ("" at the start), in order."""
    first, end = names_of(bank)
    given = {"after": max(after, first), "end": end, "limit": limit, "open": only_open}
    return [name for (name,) in session.execute(statement("portfolio"), given).fetchall()]


def crossings_of(
    session: Session, names: Sequence[str], crossings: Mapping[bytes, str]
) -> dict[str, tuple[str, ...]]:
    """Which of the ``crossings`` (names by the ids of their places) the cargo of each financing is planned to pass, sorted."""
    if not names:
        return {}
    adapt(session)
    by_id = {financing_id(name): name for name in names}
    given = {"financings": uuids(sorted(by_id)), "crossings": uuids(sorted(crossings))}
    rows = session.cursor(binary=True, row_factory=tuple_row).execute(statement("crossings_of"), given)
    found: dict[str, set[str]] = {}
    for financing, crossing in rows.fetchall():
        found.setdefault(by_id[bytes(financing)], set()).add(crossings[bytes(crossing)])
    return {name: tuple(sorted(passed)) for name, passed in found.items()}


def looked_after(session: Session, bank: str, after: str, limit: int) -> list[tuple[str, bool]]:
    """The financings of ``bank`` after a name whose alerts count, at most ``limit``, and whether each has ended.

    Those that are open, and those that ended after facts about their pledged cargo: an alert stays until it is acknowledged.
    """
    first, end = names_of(bank)
    given = {"after": max(after, first), "end": end, "limit": limit}
    return [(name, ended) for name, ended in session.execute(statement("looked_after"), given).fetchall()]


def names_of(bank: str) -> tuple[str, str]:
    """All names ``bank/...`` lie between these two; "0" is the character after the slash."""
    return f"{bank}/", f"{bank}0"


class CargoEvent(NamedTuple):
    """An event (its number) that concerns a pledged financing, and the position behind it."""

    financing: str
    event: int
    position: Position


def cargo_events(session: Session, bank: str, after: Position, limit: int) -> list[CargoEvent]:
    """At most ``limit`` facts about cargo pledged to ``bank`` after a position; reading on from there misses none.

    A fact that concerns several financings comes once for each, all at one position; a page never ends between them, unless it
    holds nothing else.
    """
    first, end = names_of(bank)
    given = {"xid": str(after.xid), "no": after.no, "first": first, "end": end, "limit": limit}
    rows = session.execute(statement("watched"), given).fetchall()
    found = [CargoEvent(name, no, Position(int(xid), no)) for xid, no, name in rows]
    if len(found) < limit:
        return found
    last = found[-1].position
    whole = [each for each in found if each.position != last]
    return whole or found


def cargo_events_end(session: Session) -> Position:
    """The position behind everything that is visible to all readers now."""
    row = session.execute(statement("watched_end")).fetchone()
    assert row is not None
    return Position(int(row[0]), -1)
