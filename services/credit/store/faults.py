"""Faults of our own code on one event, cargo or shipper: recorded by name, while everything else goes on.

What is stored of it stays unchanged until it is evaluated again with success: when something new concerns it, when a follower
starts, or when the rules change. A fault of the infrastructure is raised and ends the process.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from typing import Any, NamedTuple, TypeVar

import psycopg
from psycopg import Connection

from services.credit.store import statement
from services.domain.facts import Facts

log = logging.getLogger(__name__)

INFRASTRUCTURE = (psycopg.Error, OSError, MemoryError)
"""What no event is to blame for."""

T = TypeVar("T")


class Kind(StrEnum):
    """The kind of subject with a fault."""

    EVENT = "event"
    CARGO = "cargo"
    SHIPPER = "shipper"


class UnreadableEvent(Exception):
    """A stored event that cannot be read for credit; ``facts`` are its facts as far as those can be read."""

    def __init__(self, no: int, facts: Facts, problem: Exception) -> None:
        super().__init__(f"event {no}: {type(problem).__name__}: {problem}")
        self.no, self.facts, self.problem = no, facts, problem


class Broken(NamedTuple):
    """A subject with its fault: number of the event, id of the consignment, or code of the shipper."""

    kind: Kind
    name: str
    fault: str


@dataclass
class Faults:
    """The faults of one step, and the subjects that were evaluated again with success."""

    found: dict[tuple[Kind, str], str] = field(default_factory=dict)
    mended: set[tuple[Kind, str]] = field(default_factory=set)

    def attempt(self, kind: Kind, name: str, work: Callable[[], T]) -> T | None:
        """The result of ``work``; None where it fails by itself, which is recorded. Raises INFRASTRUCTURE."""
        try:
            done = work()
        except INFRASTRUCTURE:
            raise
        except Exception as problem:
            self.note(kind, name, problem)
            return None
        self.mended.add((kind, name))
        return done

    def each(self, kind: Kind, names: Sequence[str], work: Callable[[Sequence[str]], T]) -> list[T]:
        """The result of ``work`` for ``names`` together, or where that fails for each alone, without those that fail."""
        try:
            together = work(names)
        except INFRASTRUCTURE:
            raise
        except Exception:
            alone = (self.attempt(kind, name, partial(work, [name])) for name in names)
            return [done for done in alone if done is not None]
        self.mended |= {(kind, name) for name in names}
        return [together]

    def note(self, kind: Kind, name: str, problem: Exception) -> None:
        """Record and log a fault."""
        log.error(
            "credit cannot judge %s %s; its signals stay as they are",
            kind,
            name,
            exc_info=problem,
            extra={"action": "credit_broken", "kind": str(kind), "name_of": name},
        )
        self.found[kind, name] = f"{type(problem).__name__}: {problem}"[:400].replace("\0", "")

    def skip(self, faulty: UnreadableEvent) -> None:
        """Record an event that is skipped because it cannot be read."""
        if (Kind.EVENT, str(faulty.no)) not in self.found:
            self.note(Kind.EVENT, str(faulty.no), faulty.problem)


def recorded_faults(session: Connection[Any]) -> list[Broken]:
    """All recorded faults."""
    rows = session.execute(statement("broken")).fetchall()
    return [Broken(Kind(kind), name, fault) for kind, name, fault in rows]


def record(session: Connection[Any], faults: Faults) -> int:
    """Store the faults found and remove the mended ones, in the caller's transaction; returns how many remain."""
    before = {(each.kind, each.name): each.fault for each in recorded_faults(session)}
    mended = sorted((faults.mended & before.keys()) - faults.found.keys())
    if mended:
        session.execute(statement("broken_drop"), _columns(mended))
    found = sorted(key for key, fault in faults.found.items() if before.get(key) != fault)
    if found:
        texts = [faults.found[each] for each in found]
        session.execute(statement("broken_put"), {**_columns(found), "faults": texts})
    return len(before.keys() - {*mended} | faults.found.keys())


def _columns(keys: Iterable[tuple[Kind, str]]) -> dict[str, list[str]]:
    pairs = list(keys)
    return {"kinds": [str(kind) for kind, _ in pairs], "names": [name for _, name in pairs]}
