"""What is stored of trades, read once: events by what they name, the consignments that these reach, and their views; of many trades in a few statements."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from psycopg import Connection

from schemas.events.base import ObjectKind
from services.domain.facts import Micros
from services.domain.objects import Thing, trade_data
from services.ledger.registry.registry import Registry
from services.ledger.storage import event_reader
from services.query.stored_events import Reread
from services.query.views import EVENTS, SourcedView, read_views

Views = Callable[[Sequence[bytes]], Sequence[SourcedView | None]]
"""The views of consignments by their ids, in order."""


class TradeSource:
    """Reads in the caller's transaction, at one moment; what was read once is not read again. ``views`` reads consignments, by default from the store.

    Raises Unreadable.
    """

    def __init__(
        self, session: Connection[Any], registry: Registry, as_of: Micros, views: Views | None = None
    ) -> None:
        self._session, self._registry = session, registry
        self._read_views: Views = views or (lambda ids: read_views(session, ids, as_of, registry))
        self._events: dict[Thing, list[Reread]] = {}
        self._reached: dict[Thing, list[bytes]] = {}
        self._views: dict[bytes, SourcedView | None] = {}

    def prepare(self, names: Iterable[tuple[str, str]]) -> None:
        """Read what is stored of the trades (owner, reference) by a constant number of statements."""
        trades = [trade_data(*name) for name in names]
        self._load(trades)
        named = {claim.thing for trade in trades for each in self.about(trade) for claim in each.facts.claims}
        declarations = [each for each in named if each.kind is ObjectKind.DECLARATION]
        self._load(declarations)
        named |= {
            claim.thing for thing in declarations for each in self.about(thing) for claim in each.facts.claims
        }
        self.views(self.consignments(named))

    def about(self, thing: Thing) -> list[Reread]:
        """The events that name ``thing``, with all that withdraws any of them and all contents under their ids; none in quarantine."""
        self._load([thing])
        return self._events[thing]

    def consignments(self, things: Iterable[Thing]) -> list[bytes]:
        """The canonical ids of the consignments that facts about any of ``things`` reach, at any time, in order."""
        wanted = sorted(set(things))
        new = [each for each in wanted if each not in self._reached]
        if new:
            named = [(each.kind, each.key) for each in new]
            self._reached |= zip(new, event_reader.consignments_of_each(self._session, named), strict=True)
        return sorted({id_ for each in wanted for id_ in self._reached[each]})

    def views(self, consignments: Sequence[bytes]) -> list[SourcedView | None]:
        """The views of ``consignments``, in order."""
        new = [each for each in dict.fromkeys(consignments) if each not in self._views]
        if new:
            self._views |= zip(new, self._read_views(new), strict=True)
        return [self._views[each] for each in consignments]

    def _load(self, things: Iterable[Thing]) -> None:
        new = [each for each in dict.fromkeys(things) if each not in self._events]
        if not new:
            return
        numbers = event_reader.numbers_naming(self._session, new)
        naming = {no for each in numbers.values() for no in each}
        stored = event_reader.with_withdrawals(self._session, sorted(naming)) if naming else []
        events = {each.no: EVENTS(each, self._registry) for each in stored if not each.quarantined}
        others = [events[no] for no in sorted(events.keys() - naming)]
        for thing in new:
            own = [events[no] for no in sorted(numbers[thing] & events.keys())]
            self._events[thing] = [*own, *_of(own, others)] if others else own


def _of(own: Sequence[Reread], others: Sequence[Reread]) -> list[Reread]:
    """Those of ``others`` that withdraw any of ``own``, at any depth, or are contents under their ids."""
    ids = {each.stored.id for each in own}
    found: list[Reread] = []
    left = list(others)
    while True:
        joined = [
            each
            for each in left
            if each.stored.id in ids or any(of.target in ids for of in each.facts.withdrawals)
        ]
        if not joined:
            return found
        found += joined
        ids |= {each.stored.id for each in joined}
        left = [each for each in left if each not in joined]
