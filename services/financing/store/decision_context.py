"""The context of each decision, read behind the locks in one or two round trips for all requests together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

from psycopg import Connection
from psycopg.rows import tuple_row

from services.domain.facts import Micros
from services.domain.objects import Thing, consignment
from services.financing.domain import lifecycle
from services.financing.domain.assignments import KnownAssignments
from services.financing.domain.decisions import Action, Decision
from services.financing.domain.external_registries import RegistryAnswer, RegistryFinding
from services.financing.domain.fingerprints import Fingerprint
from services.financing.domain.products import Products
from services.financing.domain.requests import DecisionContext, NearbyFinancing, apart, whole
from services.financing.domain.reservation import encumbrance
from services.financing.domain.statements import live
from services.financing.domain.uniqueness import Entry
from services.financing.store import statement
from services.financing.store.evidence import LoadedStatements, evidence_of, known_assignments, with_originals
from services.financing.store.financings import among, cargo_in, decision_of, entries_held_by, print_of
from services.financing.store.identifiers import application_id, financing_id
from services.financing.store.locks import (
    CargoMoved,
    LockedScope,
    PreparedRequest,
    Rows,
    stated_application,
    stated_subjects,
)
from services.ledger.registry.registry import Registry
from services.ledger.storage import event_reader
from services.ledger.storage.arrays import literal, texts, uuids
from services.ledger.storage.event_reader import Stored
from services.runtime.named_sql import nested

Session = Connection[Any]


class LockedReads(NamedTuple):
    """The facts about the cargo and the statements on what is involved, as read behind the locks."""

    facts: Sequence[Stored]
    statements: LoadedStatements


class ContextRead(NamedTuple):
    """The context, and the consignments of the request, as named or as reserved on."""

    context: DecisionContext
    things: tuple[Thing, ...]


def send_reads(session: Session) -> Rows:
    """Send the read behind the locks: a statement of its own, after the one that locks."""
    return session.cursor(binary=True, row_factory=tuple_row).execute(reads_query())


def reads_in(
    rows: Rows, requests: Sequence[PreparedRequest], locked: Sequence[LockedScope | CargoMoved]
) -> list[LockedReads]:
    """The reads of each request; statements are those on what is involved and on the subjects that the request states."""
    facts: list[list[Stored]] = [[] for _ in requests]
    statements: list[list[Stored]] = [[] for _ in requests]
    for no, is_fact, *row in rows.fetchall():
        (facts if is_fact else statements)[no - 1].append(event_reader.stored_of(row))
    return [
        LockedReads(
            facts[place],
            LoadedStatements(
                frozenset(
                    {*(h.involved if isinstance(h, LockedScope) else ()), *stated_subjects(prepared.ask)}
                ),
                statements[place],
            ),
        )
        for place, (prepared, h) in enumerate(zip(requests, locked, strict=True))
    ]


def send_annotated(session: Session, requests: Sequence[PreparedRequest]) -> Rows | None:
    """Send the read of what stands annotated of the papers that are presented; None where none are."""
    if not any(prepared.prints for prepared in requests):
        return None
    prints = texts(
        [literal(sorted({each.digest.hex() for each in prepared.prints})) for prepared in requests]
    )
    cursor = session.cursor(binary=True, row_factory=tuple_row)
    return cursor.execute(statement("annotated_under"), {"prints": prints})


def annotated_in(rows: Rows | None, requests: Sequence[PreparedRequest]) -> list[tuple[Fingerprint, ...]]:
    """What stands annotated under the fingerprints of each request."""
    found: list[list[tuple[str, Fingerprint]]] = [[] for _ in requests]
    for ask, *row in () if rows is None else rows.fetchall():
        found[ask - 1].append(print_of(row))
    return [
        tuple(each for _, each in among(own, prepared.prints))
        for own, prepared in zip(found, requests, strict=True)
    ]


@cache
def reads_query() -> bytes:
    """For each request, the facts about its locked consignments, the links of their papers, and the statements on what is involved."""
    naming = event_reader.naming_query(statement("assigned"))
    facts = nested(naming, ids=b"SELECT unnest(h.consignments)")
    locked_reads = nested(statement("seen"), facts=facts, subjects=statement("subjects_involved"))
    return b"\n".join(
        (
            b"WITH held AS MATERIALIZED (",
            statement("held"),
            b") SELECT h.ask, s.* FROM held h CROSS JOIN LATERAL (",
            locked_reads,
            b") AS s",
        )
    )


class PriorDecisions(NamedTuple):
    """What earlier decisions left: cargo, fingerprints, entries, and the decisions themselves."""

    things: tuple[Thing, ...]
    prints: tuple[Fingerprint, ...]
    entries: Sequence[tuple[str, Fingerprint]] = ()
    decisions: tuple[Decision, ...] = ()
    external: tuple[RegistryAnswer, ...] = ()
    earlier: Decision | None = None
    near: tuple[NearbyFinancing, ...] = ()
    holders: tuple[NearbyFinancing, ...] = ()


def read_prior(
    session: Session, requests: Sequence[PreparedRequest], locked: Sequence[LockedScope | CargoMoved]
) -> list[PriorDecisions]:
    """What earlier decisions left for each request, in one round trip; no read depends on another's answer."""
    pairs = list(zip(requests, locked, strict=True))
    touching = [
        place
        for place, (_, h) in enumerate(pairs)
        if isinstance(h, LockedScope) and (h.ruled or h.answered or h.repeated)
    ]
    found = [PriorDecisions(tuple(sorted(prepared.on)), prepared.prints) for prepared in requests]
    if touching:
        with session.pipeline():
            asked_for = [_send_prior(session, *pairs[place]) for place in touching]
        for place, rows in zip(touching, asked_for, strict=True):
            found[place] = _prior_in(rows, *pairs[place])
    return found


def read_context(
    session: Session,
    prepared: PreparedRequest,
    locked: LockedScope,
    locked_reads: LockedReads,
    prior: PriorDecisions,
    registry: Registry,
    at: Micros,
    table: Products,
    required: frozenset[str],
    annotated: tuple[Fingerprint, ...] = (),
) -> ContextRead:
    """The context of the request locked by ``locked``.

    A further round trip is needed where the cargo has notes that are not among the documents, or is assigned elsewhere as well.
    """
    ask = prepared.ask
    holds = lifecycle.holds(prior.decisions)
    applications = {application_id(hold.terms.application) for hold in holds.values()}
    subjects = {*locked.involved, *stated_application(ask), *applications}
    loaded = locked_reads.statements._replace(subjects=locked_reads.statements.subjects | applications)
    evidence = evidence_of(
        session, locked.consignments, locked_reads.facts, subjects, registry, at, loaded_statements=loaded
    )
    if ask.action in _CONTROLLED:
        (evidence,) = with_originals(session, [evidence], at)
    context = DecisionContext(
        decisions=prior.decisions,
        statements=live(evidence.record, at, at),
        cargo=whole(prior.things, evidence.cargo),
        prints=prior.prints,
        entries=tuple(
            Entry(print_, encumbrance(name, holds[name].terms, table[holds[name].terms.product]))
            for name, print_ in prior.entries
            if name in holds
        ),
        external=prior.external,
        required=required,
        earlier=prior.earlier,
        named=frozenset(prior.things),
        near=apart(prior.near, evidence.cargo) if ask.action.disposes else prior.near,
        reports=evidence.reports,
        holders=prior.holders,
        known=known_assignments(session, evidence, locked.consignments, registry, at)
        if ask.action in _ASSIGNED
        else KnownAssignments(),
        annotated=annotated,
    )
    return ContextRead(context, prior.things)


_CONTROLLED = frozenset({Action.PLEDGE, Action.DRAW, Action.SUBSTITUTE})
"""Steps that depend on who is in control of the documents."""
_ASSIGNED = frozenset({Action.RESERVE, Action.PLEDGE, Action.DRAW, Action.SUBSTITUTE})
"""Steps that depend on whose the boxes and papers are."""


class _PriorRows(NamedTuple):
    """Rows of the reads; None for a read that was not sent."""

    cargo: Rows | None
    entries: Rows
    decisions: Rows
    external: Rows | None
    earlier: Rows | None
    holders: Rows


def _send_prior(session: Session, prepared: PreparedRequest, locked: LockedScope | CargoMoved) -> _PriorRows:
    assert isinstance(locked, LockedScope)
    ask, prints = prepared.ask, uuids(sorted({p.digest for p in prepared.prints}))
    own = financing_id(ask.financing).hex() if ask.financing else None
    name = {"asked_by": ask.asked_by, "idempotency": ask.idempotency}
    event = None if ask.request is None else ask.request.hex()

    def rows(query: str, parameters: dict[str, Any]) -> Rows:
        return session.cursor(binary=True, row_factory=tuple_row).execute(statement(query), parameters)

    return _PriorRows(
        cargo=None if prepared.on else rows("cargo_of", {"financings": uuids([financing_id(ask.financing)])}),
        entries=rows("entries_met", {"prints": prints, "own": own}),
        decisions=rows("decisions_of", {"financings": uuids(locked.involved)}),
        external=rows("external", {"financing": own}) if locked.answered else None,
        earlier=rows("decision_asked", {**name, "request": event}) if locked.repeated else None,
        holders=rows("cargo_near", {"financings": uuids(locked.involved)}),
    )


def _prior_in(
    rows: _PriorRows, prepared: PreparedRequest, locked: LockedScope | CargoMoved
) -> PriorDecisions:
    assert isinstance(locked, LockedScope)
    prints, near = prepared.prints, frozenset(locked.near)
    holders = tuple(
        each for each in _near(rows.holders.fetchall()) if each.financing != prepared.ask.financing
    )
    things = tuple(sorted(prepared.on)) if rows.cargo is None else cargo_in(rows.cargo.fetchall())
    met = list(map(print_of, rows.entries.fetchall()))
    if not prints:
        prints = tuple(print_ for _, print_ in entries_held_by(met, prepared.ask.financing))
    before = None if rows.earlier is None else rows.earlier.fetchone()
    return PriorDecisions(
        things,
        prints,
        among(met, prints),
        tuple(map(decision_of, rows.decisions.fetchall())),
        tuple(RegistryAnswer(r, RegistryFinding(f), at) for r, f, at in rows.external.fetchall())
        if rows.external
        else (),
        None if before is None else decision_of(before),
        tuple(each for each in holders if financing_id(each.financing) in near),
        holders,
    )


def _near(rows: Iterable[Sequence[str]]) -> tuple[NearbyFinancing, ...]:
    """The financings in rows of ``cargo_near``."""
    return tuple(
        NearbyFinancing(name, frozenset(consignment(*key.split("/", 1)) for _, key in own))
        for name, own in groupby(rows, key=itemgetter(0))
    )
