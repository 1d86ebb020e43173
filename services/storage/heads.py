"""Heads of consignments and trains: found, locked in one statement each, and folded under their locks."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

from psycopg import Cursor

from services.core.train_head import RUNNING
from services.storage import points
from services.storage.arrays import bigints
from services.storage.batch import MOST_EVENTS
from services.storage.work import Work


@dataclass(frozen=True, slots=True)
class Touched:
    """What a transaction touched: its block of event numbers, and events whose claims died or revived."""

    first: int = 0
    claims: bool = False  # new events have claims that may reach consignments
    consignments: bool = False  # the structure of consignments was derived again
    flipped: tuple[int, ...] = ()
    trains: bool = False  # new events have claims about trains
    flipped_trains: tuple[int, ...] = ()


def find_heads(work: Work, touched: Touched) -> bool:
    """Put down which consignments the claims reach; True where a head may have to be folded. Locks nothing."""
    if touched.claims or touched.flipped:
        work.count("hit_claims", _block(touched.first, touched.flipped))
        return True
    return touched.consignments


@dataclass(frozen=True, slots=True)
class Sent:
    """The folds that were sent; how many heads and trains they wrote is known when the pipeline has ended."""

    cursors: tuple[Cursor[Any] | None, Cursor[Any] | None]

    @property
    def heads(self) -> int:
        """Consignments whose heads were folded."""
        return 0 if self.cursors[0] is None else self.cursors[0].rowcount

    @property
    def trains(self) -> int:
        """Trains whose heads were folded."""
        return 0 if self.cursors[1] is None else self.cursors[1].rowcount


def fold_heads(work: Work, touched: Touched, found: bool) -> Sent:
    """Lock and fold what ``find_heads`` put down, then the trains: the rows that most workers share are held shortest.

    In a pipeline nothing waits for an answer between the first lock and what follows.
    """
    heads = trains = None
    if found:
        work.send("lock_heads")
        points.reach("holding_heads")
        heads = work.send("fold_heads")
    if touched.trains or touched.flipped_trains:
        block = _block(touched.first, touched.flipped_trains)
        work.send("lock_trains", block)
        trains = work.send("fold_trains", {**block, "running": RUNNING})
    return Sent((heads, trains))


def straight(work: Work) -> AbstractContextManager[Any]:
    """A pipeline for the last statements of a transaction, unless a hook has to be called between them."""
    return nullcontext() if points.installed() else work.session.pipeline()


def _block(first: int, flipped: Iterable[int]) -> dict[str, Any]:
    return {
        "first": first,
        "top": first + MOST_EVENTS if first else 0,
        "flipped": bigints(sorted(flipped)),
    }
