"""Which events of a batch are new, which were stored before, and which contradict what is stored under their id."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from services.ledger.storage.arrays import bigints, uuids
from services.ledger.storage.batch import Event
from services.ledger.storage.work import Work


@dataclass(frozen=True, slots=True)
class Identified:
    """Positions in the batch: ``new`` ones under ids not seen before, ``variants`` with a new content of a known id.

    ``dead`` are ids that corrections or equivocation had already taken out when they came.
    """

    new: tuple[int, ...]
    variants: tuple[int, ...]
    dead: frozenset[bytes]
    duplicates: int

    def repeated(self, count: int) -> list[int]:
        """The positions of the duplicates among ``count`` events."""
        if not self.duplicates:
            return []
        stored = {*self.new, *self.variants}
        return [i for i in range(count) if i not in stored]


def identify(work: Work, events: Sequence[Event], first: int) -> Identified:
    """Store the identity of each event, event ``i`` under number ``first + i``, in order of ids; waits for writers.

    Two workers cannot deadlock here, and one that meets an uncommitted identity waits for its outcome.
    """
    order = sorted(range(len(events)), key=lambda i: (events[i].id, i))
    parameters = _parameters(events, order, first)
    new = {row[0] - first for row in work.rows("identify", parameters)}
    dead = frozenset(row[0] for row in work.rows("dead_among", {"ids": parameters["ids"]}))
    rest = [i for i in order if i not in new]
    variants: set[int] = set()
    if rest:
        differing = {row[0] - first for row in work.rows("different", _parameters(events, rest, first))}
        if differing:
            again = [i for i in rest if i in differing]
            variants = {row[0] - first for row in work.rows("vary", _parameters(events, again, first))}
    duplicates = len(events) - len(new) - len(variants)
    return Identified(tuple(sorted(new)), tuple(sorted(variants)), dead, duplicates)


def _parameters(events: Sequence[Event], order: Sequence[int], first: int) -> dict[str, bytes]:
    return {
        "ids": uuids([events[i].id for i in order]),
        "contents": uuids([events[i].content for i in order]),
        "nos": bigints([first + i for i in order]),
    }
