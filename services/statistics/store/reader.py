"""What was published: publications and figures, as they stand."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import NamedTuple

from services.statistics.domain.definitions import Definition
from services.statistics.domain.publication import Figure
from services.statistics.store import statement
from services.statistics.store.ledger_at import Position, Session


class Publication(NamedTuple):
    """A month was published as of a position in the ledger: ``revision`` 1, or 2; nothing follows a ``final`` one."""

    month: int
    revision: int
    final: bool
    position: Position
    definitions: str


class PublishedMonth(NamedTuple):
    """A month as it stands: its last publication, and the figures of it."""

    publication: Publication
    figures: tuple[Figure, ...]


def publications(session: Session) -> dict[int, tuple[Publication, ...]]:
    """The publications of each month, in order."""
    found: dict[int, list[Publication]] = defaultdict(list)
    for month, revision, final, as_of, xid, definitions in session.execute(statement("publications")):
        found[month].append(Publication(month, revision, final, Position(xid, as_of), definitions))
    return {month: tuple(each) for month, each in found.items()}


def figures_of(session: Session, month: int, revision: int) -> list[Figure]:
    """The figures of one publication, in order."""
    rows = session.execute(statement("figures"), {"month": month, "revision": revision})
    return [Figure(*row[2:]) for row in rows]


def read_published(session: Session) -> list[PublishedMonth]:
    """All months as they stand, in order; two statements."""
    last = {month: each[-1] for month, each in publications(session).items()}
    by_month: dict[int, list[Figure]] = defaultdict(list)
    for month, revision, *rest in session.execute(statement("figures"), {"month": None, "revision": None}):
        if revision == last[month].revision:
            by_month[month].append(Figure(*rest))
    return [PublishedMonth(last[month], tuple(by_month[month])) for month in sorted(last)]


def query_of(definition: Definition) -> str:
    """The statement by which the signed events behind a definition are found, with variables as psql takes them.

    What is counted of them is derived from their bytes.
    """
    text = statement("pledges" if definition.financial else "departed").decode().strip()
    return re.sub(r"%\((\w+)\)s", r":'\1'", text)
