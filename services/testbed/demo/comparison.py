"""The comparison at the end of a demo: what people would see of every consignment, beside what the world knows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context

import psycopg

from schemas.events.base import Episode
from schemas.events.catalogue import by_number
from services.ledger.registry import store
from services.ledger.registry.registry import Registry
from services.ledger.storage.event_reader import Stored
from services.query.stored_events import Reread, reread
from services.query.views import SourcedView, read_view
from services.testbed.chaos.oracle import Aliases, consignment_of, differences, thing_of
from services.testbed.simulator.simulate import Simulation
from services.testbed.simulator.truth import Truth


@dataclass(slots=True)
class ComparisonResult:
    """What views show otherwise than the truth, how many have a dispute, the events that reach any, and the best to show.

    ``troubles`` are how many consignments have which exception open, or which order at a border in their way. ``best`` is how much a consignment is worth looking at, and which one that is.
    """

    mismatches: list[str] = field(default_factory=list)
    disputed: int = 0
    reached: set[bytes] = field(default_factory=set)
    troubles: Counter[str] = field(default_factory=Counter)
    best: tuple[int, bytes] = (0, b"")

    def add(self, other: ComparisonResult) -> None:
        """Take in what another share found."""
        self.mismatches += other.mismatches
        self.disputed += other.disputed
        self.reached |= other.reached
        self.troubles += other.troubles
        self.best = max(self.best, other.best, key=lambda best: best[0])


def compare(dsn: str, simulation: Simulation, aliases: Mapping[str, str], processes: int) -> ComparisonResult:
    """Compare every consignment of ``simulation`` in the database, in so many processes; ``aliases`` are trains' other names.

    Blocks for about 25 ms of one processor for each consignment.
    """
    truths, now = list(simulation.truths.values()), simulation.scale.now
    names = {thing_of(("train", name)): thing_of(("train", key)) for name, key in aliases.items()}
    if processes <= 1 or len(truths) < 2 * processes:
        return Comparison(dsn, now, names).of(truths)
    shares = 2 * processes  # neighbours have trains in common, and their events are read once
    parts = [truths[n * len(truths) // shares : (n + 1) * len(truths) // shares] for n in range(shares)]
    found = ComparisonResult()
    with ProcessPoolExecutor(
        processes, mp_context=get_context("spawn"), initializer=_begin, initargs=(dsn, now, names)
    ) as pool:
        for part in pool.map(_compare, parts):
            found.add(part)
    return found


def shown(dsn: str, simulation: Simulation, consignment: bytes) -> SourcedView | None:
    """The consignment that is the best to show."""
    with psycopg.connect(dsn) as connection:
        return read_view(connection, consignment, simulation.scale.now) if consignment else None


class Comparison:
    """Compares share by share over one connection, and reads no event twice; ``now`` is the world's moment."""

    def __init__(self, dsn: str, now: int, aliases: Aliases) -> None:
        self._connection = psycopg.connect(dsn)
        self._registry: Registry = store.load(self._connection)
        self._now, self._called = now, aliases
        self._known: dict[int, Reread] = {}

    def of(self, truths: Sequence[Truth]) -> ComparisonResult:
        """Compare these."""
        found = ComparisonResult()
        for truth in truths:
            consignment = consignment_of(truth).id
            shown = read_view(self._connection, consignment, self._now, self._registry, self._read)
            found.mismatches += differences(None if shown is None else shown.view, truth, self._called)
            if shown is not None:
                found.reached |= shown.sources.ids
                found.disputed += bool(shown.view.disputes)
                found.troubles.update({Episode(e.episode).name for e in shown.view.exceptions})
                found.troubles.update({restriction.kind for restriction in shown.view.restrictions})
                found.best = max(found.best, (_interest(shown), consignment), key=lambda best: best[0])
        return found

    def _read(self, stored: Stored, registry: Registry) -> Reread:
        if stored.no not in self._known:
            self._known[stored.no] = reread(stored, registry)
        return self._known[stored.no]


_comparison: Comparison | None = None


def _begin(dsn: str, now: int, aliases: Aliases) -> None:
    global _comparison
    _comparison = Comparison(dsn, now, aliases)


def _compare(truths: Sequence[Truth]) -> ComparisonResult:
    assert _comparison is not None
    return _comparison.of(truths)


def _interest(shown: SourcedView) -> int:
    """How much a consignment is worth looking at: disputes (of a queue above all) and trouble on its way, of few boxes."""
    view = shown.view
    questions = {by_number(answers.question.milestone).name for answers in view.disputes}
    full = sum(box.counted for box in view.boxes)
    return (
        100 * bool(questions)
        + 60 * ("movement.queued" in questions)
        + 30 * bool(view.restrictions)
        + 20 * bool(view.exceptions)
        + min(60, len(view.arrivals))
        - 40 * max(0, full - 1)
    )
