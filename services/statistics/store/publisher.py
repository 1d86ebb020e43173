"""Publishes what is due, each month at two moments of the calendar, and derives again what was published.

A publication is derived outside any transaction from the ledger as of a position, and stored with that position in one.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from services.domain.facts import Micros
from services.domain.rules import HOUR
from services.ledger.storage import event_reader
from services.statistics.domain import months
from services.statistics.domain.definitions import table
from services.statistics.domain.observations import DEPARTED
from services.statistics.domain.publication import Figure, publish
from services.statistics.store import statement
from services.statistics.store.ledger_at import LedgerAt, Session, present
from services.statistics.store.reader import Publication, figures_of, publications

log = logging.getLogger(__name__)

QUIET: Micros = 24 * HOUR
"""A month is published only once nothing about its journeys has been stored for so long: not in the midst of a delivery."""
_DISTANT = 600
"""Months before the present one at most: no older departure is of the platform's time."""


class NotAsPublished(Exception):
    """What was published of a month does not come out of the events any more, so it is not published once more beside it."""


class Outcome(NamedTuple):
    """What became of a month that was due: published with so many ``figures``, or None where it was not ``quiet`` yet."""

    month: int
    final: bool
    figures: int | None


def publish_due(session: Session, quiet: Micros = QUIET) -> list[Outcome]:
    """Publish every month that is due, on a session in autocommit mode; while another publisher is at work, nothing.

    Takes some milliseconds for each journey. Raises NotAsPublished, Unreadable; what was published before stands.
    """
    row = session.execute(statement("turn")).fetchone()
    if row is None or not row[0]:
        return []
    try:
        return list(_publish_due(session, quiet))
    finally:
        session.execute("SELECT pg_advisory_unlock(7001, 4)")


def _publish_due(session: Session, quiet: Micros) -> Iterator[Outcome]:
    known = publications(session)
    position = present(session)
    now = LedgerAt(session, position)
    for month in _months(session, position.as_of):
        before = known.get(month, ())
        final = position.as_of >= months.published_from(month, final=True)
        if before and (before[-1].final or not final):
            continue
        if event_reader.unsettled(session):
            log.warning(
                "the state is not settled; nothing is published", extra={"action": "statistics_unsettled"}
            )
            return
        observed = now.observations(month)
        if position.as_of - now.newest < quiet:
            yield Outcome(month, final, None)
            continue
        earlier = [LedgerAt(session, each.position).observations(month) for each in before]
        for each in before:
            if publish(*earlier[: each.revision]) != figures_of(session, month, each.revision):
                raise NotAsPublished(f"{months.written(month)}, revision {each.revision}")
        figures = publish(*earlier, observed)
        store(session, Publication(month, len(before) + 1, final, position, table().version), figures)
        yield Outcome(month, final, len(figures))


def _months(session: Session, now: Micros) -> Sequence[int]:
    """The months that may be due: from the first of which anything is known to the last one that is over for long enough."""
    row = session.execute(statement("bounds"), {"departed": DEPARTED}).fetchone()
    if row is None or row[0] is None:
        return ()
    last = months.month_of(now) - 1 - months.FIRST_AFTER
    return range(max(months.month_of(row[0]), last - _DISTANT), last + 1)


def store(session: Session, publication: Publication, figures: Sequence[Figure]) -> None:
    """Store a publication with its figures."""
    key = {"month": publication.month, "revision": publication.revision}
    position = {"as_of": publication.position.as_of, "xid": str(publication.position.xid)}
    rest = {"final": publication.final, "definitions": publication.definitions}
    with session.transaction():
        session.execute(statement("put_publication"), {**key, **position, **rest})
        columns: dict[str, list[Any]] = {
            name: [getattr(each, name) for each in figures] for name in Figure._fields
        }
        session.execute(statement("put_figures"), {**key, **columns})


class Compared(NamedTuple):
    """A figure derived again (None: it would not be shown), and as it is shown (None: it is not)."""

    derived: Figure | None
    shown: Figure | None

    @property
    def equal(self) -> bool:
        """Whether both are the same, inputs included."""
        return self.derived == self.shown


def recompute(session: Session, month: int) -> list[Compared]:
    """Every figure of the last publication of a month, derived again from the signed events, beside what is shown.

    For a session in autocommit mode. Raises LookupError where the month was not published.
    """
    published = publications(session).get(month)
    if not published:
        raise LookupError(months.written(month))
    known = [LedgerAt(session, each.position).observations(month) for each in published]
    derived = {each[:3]: each for each in publish(*known)}
    shown = {each[:3]: each for each in figures_of(session, month, published[-1].revision)}
    return [Compared(derived.get(key), shown.get(key)) for key in sorted(derived.keys() | shown.keys())]
