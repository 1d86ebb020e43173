"""Trains on the line as a party may see them: all, those that carry its cargo, or counts alone.

Names and places of trains are operational data. Railways, terminals and customs work on the whole corridor and see all of it, as the
matrix shows movement in their territory. Whoever else the matrix shows the movement of a consignment sees the trains that carry it,
and of the others how many are on each leg and before each crossing. The public sees how many wait before a crossing, never few.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from queue import Empty, LifoQueue
from typing import Any

from psycopg import Connection

from schemas.events.base import Role
from services.api import statement
from services.api.access.matrix import Field, Relation, Shown, may
from services.api.access.relations import LENDERS
from services.domain.facts import Micros
from services.financing.store.status_reader import names_of
from services.ledger.registry.party import Party
from services.ledger.storage.arrays import adapt
from services.query.line.film import Film
from services.query.line.film_json import Plain, film_json, public_json
from services.query.line.reading import Lines

Session = Connection[Any]
_WITH_TERRITORY = frozenset({Role.RAILWAY, Role.TERMINAL, Role.CUSTOMS})
_unused: LifoQueue[Lines] = LifoQueue()


def sees_every_train(party: Party) -> bool:
    """Whether the party works on the line: the matrix shows it what moves in its territory, and it has one."""
    works = party.roles & _WITH_TERRITORY and (party.managers or party.places or party.countries)
    return (
        bool(works) and may(party.roles & _WITH_TERRITORY, {Relation.TERRITORY}, Field.MOVEMENT) is Shown.FULL
    )


@dataclass(frozen=True, slots=True)
class VisibleFilm:
    """What somebody may see of a film: the trains by name in ``film``, and everything else in ``body`` (JSON-ready), as counts."""

    film: Film
    body: Plain


def visible_film(
    session: Session,
    party: Party | None,
    since: Micros,
    until: Micros,
    now: Micros,
    *,
    operator: bool = False,
) -> VisibleFilm:
    """The film of [since, until] as ``party`` may see it (None: the public), as of ``now``; an ``operator`` of the platform sees all.

    Reads in the caller's transaction. Raises services.query.line.reading.TooWide.
    """
    cargo = [] if party is None or operator else _pledged(session, party)
    with _lines() as lines:
        loaded = lines.film(session, since, until, now, cargo)
    film = loaded.film
    if operator or (party is not None and sees_every_train(party)):
        return VisibleFilm(film, film_json(film))
    if party is None:
        return VisibleFilm(replace(film, runs=(), waiting={}, held={}), public_json(film))
    engaged = may(party.roles - LENDERS, {Relation.ENGAGED}, Field.MOVEMENT) is Shown.FULL
    code = party.code if engaged else ""
    own = frozenset(run for run in film.runs if loaded.concerns(run, code))
    body = film_json(film, own.__contains__)
    runs = tuple(run for run in film.runs if run in own)
    return VisibleFilm(replace(film, runs=runs, waiting={}, held={}), body)


def _pledged(session: Session, party: Party) -> list[bytes]:
    """The consignments on which a bank or insurer holds a pledge now, under the names of their groups."""
    if may(party.roles & LENDERS, {Relation.PLEDGED}, Field.MOVEMENT) is not Shown.FULL:
        return []
    adapt(session)
    first, end = names_of(party.code)
    return [
        row[0] for row in session.execute(statement("pledged"), {"first": first, "end": end}, binary=True)
    ]


@contextmanager
def _lines() -> Iterator[Lines]:
    """What has read names of trains before, for one thread at a time."""
    try:
        lines = _unused.get_nowait()
    except Empty:
        lines = Lines()
    yield lines
    _unused.put(lines)
