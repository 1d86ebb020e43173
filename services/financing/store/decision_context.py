"""The book of each decision: everything that it rests on, read behind the locks in one or two round trips for all of them."""

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
from services.financing.domain.cargo import Cargo
from services.financing.domain.decisions import Ruling
from services.financing.domain.external_registries import Answer, Finding
from services.financing.domain.fingerprints import Fingerprint
from services.financing.domain.products import Products
from services.financing.domain.requests import Book, Near
from services.financing.domain.reservation import encumbrance
from services.financing.domain.statements import live
from services.financing.domain.uniqueness import Entry
from services.financing.store import statement
from services.financing.store.evidence import Spoken, evidence_of
from services.financing.store.financings import among, cargo_in, held_by
from services.financing.store.identifiers import application_id, financing_id
from services.financing.store.locks import (
    Asked,
    CargoMoved,
    Held,
    Rows,
    financings_of,
    told,
    told_application,
)
from services.financing.store.rows import print_of, ruling_of
from services.ledger.registry.registry import Registry
from services.ledger.storage import event_reader
from services.ledger.storage.arrays import uuids
from services.ledger.storage.event_reader import Stored
from services.runtime.named_sql import nested

Session = Connection[Any]


class Seen(NamedTuple):
    """The facts about the cargo and the words about what is involved, as they were found behind the locks."""

    facts: Sequence[Stored]
    words: Spoken


class Found(NamedTuple):
    """The book, and the consignments that the request is about, as named or as reserved on."""

    book: Book
    things: tuple[Thing, ...]


def ask_seen(session: Session) -> Rows:
    """Ask for what is seen behind the locks: a statement of its own, sent after the one that locks."""
    return session.cursor(binary=True, row_factory=tuple_row).execute(seen_query())


def seen_in(rows: Rows, requests: Sequence[Asked], held: Sequence[Held | CargoMoved]) -> list[Seen]:
    """What was seen for each request; the words are those on what is involved, and on what the request tells."""
    facts: list[list[Stored]] = [[] for _ in requests]
    words: list[list[Stored]] = [[] for _ in requests]
    for no, is_fact, *row in rows.fetchall():
        (facts if is_fact else words)[no - 1].append(event_reader.stored_of(row))
    return [
        Seen(
            facts[place],
            Spoken(frozenset({*(h.involved if isinstance(h, Held) else ()), *told(asked.ask)}), words[place]),
        )
        for place, (asked, h) in enumerate(zip(requests, held, strict=True))
    ]


@cache
def seen_query() -> bytes:
    """The facts about the consignments that are locked, and the words on what is involved, of each request by itself."""
    facts = nested(event_reader.naming_query(), ids=b"SELECT unnest(h.consignments)")
    seen = nested(statement("seen"), facts=facts, subjects=statement("subjects_involved"))
    return b"\n".join(
        (
            b"WITH held AS MATERIALIZED (",
            statement("held"),
            b") SELECT h.ask, s.* FROM held h CROSS JOIN LATERAL (",
            seen,
            b") AS s",
        )
    )


class Kept(NamedTuple):
    """What earlier decisions left."""

    things: tuple[Thing, ...]
    prints: tuple[Fingerprint, ...]
    entries: Sequence[tuple[str, Fingerprint]] = ()
    rulings: tuple[Ruling, ...] = ()
    external: tuple[Answer, ...] = ()
    earlier: Ruling | None = None
    near: tuple[Near, ...] = ()


def read_kept(session: Session, requests: Sequence[Asked], held: Sequence[Held | CargoMoved]) -> list[Kept]:
    """What earlier decisions left of what each request is about, as far as there is any, in one round trip.

    Nothing of it depends on the answer to another question.
    """
    pairs = list(zip(requests, held, strict=True))
    touching = [
        place
        for place, (_, h) in enumerate(pairs)
        if isinstance(h, Held) and (h.ruled or h.answered or h.repeated)
    ]
    found = [Kept(tuple(sorted(asked.on)), asked.prints) for asked in requests]
    if touching:
        with session.pipeline():
            asked_for = [_ask_kept(session, *pairs[place]) for place in touching]
        for place, rows in zip(touching, asked_for, strict=True):
            found[place] = _kept_in(rows, requests[place])
    return found


def read_book(
    session: Session,
    asked: Asked,
    held: Held,
    seen: Seen,
    kept: Kept,
    registry: Registry,
    at: Micros,
    table: Products,
    required: frozenset[str],
) -> Found:
    """The book of what is locked by ``held``.

    A further round trip is needed where the cargo has notes that are not among the papers.
    """
    ask = asked.ask
    holds = lifecycle.holds(kept.rulings)
    applications = {application_id(hold.terms.application) for hold in holds.values()}
    subjects = {*held.involved, *told_application(ask), *applications}
    spoken = seen.words._replace(subjects=seen.words.subjects | applications)
    evidence = evidence_of(session, held.consignments, seen.facts, subjects, registry, at, spoken=spoken)
    book = Book(
        rulings=kept.rulings,
        words=live(evidence.record, at, at),
        cargo=evidence.cargo if _whole(kept.things, evidence.cargo) else (),
        prints=kept.prints,
        entries=tuple(
            Entry(print_, encumbrance(name, holds[name].terms, table[holds[name].terms.product]))
            for name, print_ in kept.entries
            if name in holds
        ),
        external=kept.external,
        required=required,
        earlier=kept.earlier,
        named=frozenset(kept.things),
        near=_apart(kept.near, evidence.cargo) if ask.action.disposes else kept.near,
        reports=evidence.reports if kept.near else (),
    )
    return Found(book, kept.things)


class _KeptRows(NamedTuple):
    """Rows that were asked for; None what was not."""

    cargo: Rows | None
    entries: Rows
    rulings: Rows
    external: Rows | None
    earlier: Rows | None
    near: Rows | None


def _ask_kept(session: Session, asked: Asked, held: Held | CargoMoved) -> _KeptRows:
    assert isinstance(held, Held)
    ask, prints = asked.ask, uuids(sorted({p.digest for p in asked.prints}))
    named, own = uuids(financings_of(ask)), financing_id(ask.financing).hex() if ask.financing else None
    name = {"asked_by": ask.asked_by, "idempotency": ask.idempotency}
    event = None if ask.request is None else ask.request.hex()

    def rows(query: str, parameters: dict[str, Any]) -> Rows:
        return session.cursor(binary=True, row_factory=tuple_row).execute(statement(query), parameters)

    return _KeptRows(
        cargo=None if asked.on else rows("cargo_of", {"financings": named}),
        entries=rows("entries_met", {"prints": prints, "own": own}),
        rulings=rows("decisions_of", {"financings": uuids(held.involved)}),
        external=rows("external", {"financing": own}) if held.answered else None,
        earlier=rows("decision_asked", {**name, "request": event}) if held.repeated else None,
        near=rows("cargo_near", {"financings": uuids(held.near)}) if held.near else None,
    )


def _kept_in(rows: _KeptRows, asked: Asked) -> Kept:
    prints = asked.prints
    things = tuple(sorted(asked.on)) if rows.cargo is None else cargo_in(rows.cargo.fetchall())
    met = list(map(print_of, rows.entries.fetchall()))
    if not prints:
        prints = tuple(print_ for _, print_ in held_by(met, asked.ask.financing))
    before = None if rows.earlier is None else rows.earlier.fetchone()
    return Kept(
        things,
        prints,
        among(met, prints),
        tuple(map(ruling_of, rows.rulings.fetchall())),
        tuple(Answer(r, Finding(f), at) for r, f, at in rows.external.fetchall()) if rows.external else (),
        None if before is None else ruling_of(before),
        () if rows.near is None else _near(rows.near.fetchall()),
    )


def _near(rows: Iterable[Sequence[str]]) -> tuple[Near, ...]:
    """The financings in rows of ``cargo_near``."""
    return tuple(
        Near(name, frozenset(consignment(*key.split("/", 1)) for _, key in own))
        for name, own in groupby(rows, key=itemgetter(0))
    )


def _apart(near: Iterable[Near], cargo: Iterable[Cargo]) -> tuple[Near, ...]:
    """Those of ``near`` that are of none of the consignments of ``cargo``, under whatever name."""
    members = frozenset[str]().union(*(each.members for each in cargo))
    return tuple(each for each in near if members.isdisjoint(thing.key for thing in each.consignments))


def _whole(things: Sequence[Thing], cargo: Iterable[Cargo]) -> bool:
    """Whether each thing that was named is, or leads to, a consignment that is founded and known."""
    known = frozenset[Thing]().union(*(each.things for each in cargo))
    return bool(things) and all(thing in known for thing in things)
