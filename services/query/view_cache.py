"""Derived views cached in the process, each shown only where the database still holds just what it was derived from.

A view is a function of the events that concern it, of the registry under which they are read, and of the moment; between two moments at
which it changes it stays as it is (``next_change``). What is cached is shown again

- where nothing at all was stored since: the ``StateMark`` of the request is the one under which it was read, or
- where the events that concern it are the same by their numbers: one statement, without their bytes.

Rights are no part of it. Whoever may see a view, and how much of it, is judged at each request by ``services.api.access``.
"""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from psycopg import Connection

from schemas.events.base import Classifier
from services.domain.facts import Micros
from services.domain.head import RUNNING
from services.ledger.registry.registry import Registry
from services.ledger.storage import event_reader
from services.query.next_change import next_change
from services.query.views import SourcedView, read_view, views_of_numbers

_OF_ITSELF, _OF_A_CLAIM = 6_000, 1_000
"""Bytes that a view takes, about, without its events: of itself, and for each claim on its timeline."""
BYTES = "bytes"
"""The key in ``SourcedView.made`` under which those who keep much there say how many bytes it takes."""


class StateMark(NamedTuple):
    """What identifies all that is stored of events: where two are equal, any statement about events gives the same rows.

    ``server`` is since when that one runs, so that another one that takes over is another state; ``generation`` is that of the state;
    ``batches`` is how many a process has seen become visible (``BatchCount``); ``notes``, and the last of them, are those that wait to be
    settled. Whatever changes what views rest on stores a batch, takes or leaves a note, changes the registry (quarantine) or the
    generation (replay).
    """

    server: int
    registry: int
    generation: int
    batches: int
    notes: int
    last_note: int


class BatchCount:
    """Counts the batches that became visible since it was made: of two counts of one database equal ones saw the same batches.

    Batches become visible in any order, but none any more before ``pg_snapshot_xmin``; those behind ``since`` are counted each time, and
    ``since`` moves on when they are many. For several threads.
    """

    MANY = 256

    def __init__(self, horizon: int) -> None:
        self._settled = horizon, 0

    @property
    def since(self) -> int:
        """From which transaction on a request counts."""
        return self._settled[0]

    def total(self, since: int, behind: int, horizon: int, before: int) -> int | None:
        """The count of a request that found ``behind`` batches from ``since`` on, ``before`` of them in front of its ``horizon``.

        None where another request has moved ``since`` meanwhile.
        """
        settled, count = self._settled
        if settled != since:
            return None
        if before >= self.MANY:
            self._settled = horizon, count + before
        return count + behind


@dataclass(slots=True)
class _CachedView:
    known: SourcedView
    numbers: tuple[int, ...]
    registry: Registry
    until: Micros
    mark: StateMark | None
    charged: int = 0


class ViewCache:
    """The views that a process has shown, the least recently shown dropped first. For several threads.

    ``most_bytes`` bound what they take, about: events that several rest on count once, at 20 times their payload.
    """

    def __init__(self, most_bytes: int = 192 * 1024 * 1024) -> None:
        self._most = most_bytes
        self._lock = threading.Lock()
        self._cached: OrderedDict[bytes, _CachedView] = OrderedDict()
        self._resting: Counter[int] = Counter()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._cached)

    def read(
        self,
        session: Connection[Any],
        consignments: Sequence[bytes],
        now: Micros,
        registry: Registry,
        mark: StateMark | None,
    ) -> list[SourcedView | None]:
        """``services.query.views.read_view`` of each of ``consignments`` at ``now``, in order.

        ``mark`` was read before, in the same transaction; None where it is not known. No statement where nothing was stored since, one
        where nothing that concerns them, two otherwise. Raises Unreadable.
        """
        found = {each: self._current(each, now, registry, mark) for each in dict.fromkeys(consignments)}
        missing = [each for each, known in found.items() if known is None]
        if len(missing) == 1 and missing[0] not in self._cached:
            (each,) = missing
            known = found[each] = read_view(session, each, now, registry)
            if known is not None:
                numbers = tuple(sorted(event.stored.no for event in known.sources.every))
                self._store(each, known, numbers, registry, mark)
        elif missing:
            named = event_reader.numbers_of_each(session, missing, now)
            for each in missing:
                found[each] = self._renewed(each, named[each], now, registry, mark)
            changed = {each: named[each] for each in missing if found[each] is None}
            if changed:
                views = views_of_numbers(session, changed, now, registry)
                for (each, nos), known in zip(changed.items(), views, strict=True):
                    found[each] = known
                    if known is not None:
                        self._store(each, known, tuple(nos), registry, mark)
        return [found[each] for each in consignments]

    def _current(
        self, consignment: bytes, now: Micros, registry: Registry, mark: StateMark | None
    ) -> SourcedView | None:
        cached = self._cached.get(consignment)
        if cached is None or mark is None or cached.mark != mark or not _lasts(cached, now, registry):
            return None
        return self._shown(consignment, cached, now)

    def _renewed(
        self,
        consignment: bytes,
        numbers: Sequence[int],
        now: Micros,
        registry: Registry,
        mark: StateMark | None,
    ) -> SourcedView | None:
        cached = self._cached.get(consignment)
        if cached is None or cached.numbers != tuple(numbers) or not _lasts(cached, now, registry):
            return None
        cached.mark = mark
        return self._shown(consignment, cached, now)

    def _shown(self, consignment: bytes, cached: _CachedView, now: Micros) -> SourcedView:
        with self._lock:
            if self._cached.get(consignment) is cached:
                self._cached.move_to_end(consignment)
                self._charge(cached)
        return replace(cached.known, as_of=now)

    def _store(
        self,
        consignment: bytes,
        known: SourcedView,
        numbers: tuple[int, ...],
        registry: Registry,
        mark: StateMark | None,
    ) -> None:
        if any(
            claim.happened > known.as_of and claim.milestone == RUNNING and claim.classifier is Classifier.ACT
            for claim in known.facts.claims
        ):
            return  # which running positions are read depends on the moment, beyond it
        until = next_change(known.facts, known.view, known.as_of)
        with self._lock:
            self._drop(consignment)
            cached = self._cached[consignment] = _CachedView(known, numbers, registry, until, mark)
            for event in known.sources.every:
                self._resting[event.stored.no] += 1
                if self._resting[event.stored.no] == 1:
                    self._bytes += 20 * len(event.stored.payload)
            self._charge(cached)
            while self._bytes > self._most and len(self._cached) > 1:
                self._drop(next(iter(self._cached)))

    def _charge(self, cached: _CachedView) -> None:
        """Count what the view takes now: what was made of it since it was shown last, too."""
        taken = _OF_ITSELF + _OF_A_CLAIM * len(cached.known.view.arrivals) + cached.known.made.get(BYTES, 0)
        self._bytes += taken - cached.charged
        cached.charged = taken

    def _drop(self, consignment: bytes) -> None:
        cached = self._cached.pop(consignment, None)
        if cached is None:
            return
        for event in cached.known.sources.every:
            self._resting[event.stored.no] -= 1
            if not self._resting[event.stored.no]:
                del self._resting[event.stored.no]
                self._bytes -= 20 * len(event.stored.payload)
        self._bytes -= cached.charged


def _lasts(cached: _CachedView, now: Micros, registry: Registry) -> bool:
    return cached.registry.version == registry.version and cached.known.as_of <= now < cached.until
