"""The names of objects in the order of their spelling (``lianyun.object_name``), so that a beginning finds them.

An object has several spellings: its whole key, and the part that people call it by. Whatever follows the accepted events adds
them; a name stays when its events are taken back, as what is found is read from the events anyhow.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from psycopg import Connection

from schemas.events.base import ObjectKind
from schemas.identifiers.confusables import skeleton
from services.domain.facts import Facts
from services.domain.objects import Thing
from services.ledger.storage.arrays import adapt, smallints
from services.query.search import statement


def spellings(thing: Thing) -> frozenset[str]:
    """What ``thing`` is looked up by, as ``confusables.skeleton`` spells it; none of a place, which no search is for. Pure."""
    if thing.kind is ObjectKind.PLACE:
        return frozenset()
    return frozenset(folded for part in (thing.key, *_parts(thing)) if (folded := skeleton(part)))


def _parts(thing: Thing) -> Iterable[str]:
    """The parts of a composite key that stand for it: a number without its country, a reference without its party."""
    parts = thing.key.split("/")
    match thing.kind:
        case ObjectKind.CONSIGNMENT | ObjectKind.BOOKING | ObjectKind.WAGON | ObjectKind.TRAIN:
            return ("/".join(parts[1:]),)
        case ObjectKind.NOTE:
            return parts[3:4]
        case ObjectKind.DECLARATION:
            return ("/".join(parts[1:]), parts[-1])
    return ()


def things_in(facts: Facts) -> frozenset[Thing]:
    """The objects that ``facts`` name."""
    return frozenset(
        {
            *(claim.thing for claim in facts.claims),
            *(end for link in facts.links for end in (link.left, link.right)),
            *(founding.consignment for founding in facts.foundings),
        }
    )


class NameWriter:
    """Adds the names of objects where they are missing; remembers some that it added. For one follower."""

    def __init__(self, most: int = 200_000) -> None:
        self._most = most
        self._known: set[Thing] = set()
        self._added: frozenset[Thing] = frozenset()

    def add(self, session: Connection[Any], things: Iterable[Thing]) -> None:
        """Add the names of ``things`` in the caller's transaction; ``committed`` says that it has ended well. One statement at most."""
        self._added = frozenset(things) - self._known
        rows = sorted(
            {(folded, int(each.kind), each.key) for each in self._added for folded in spellings(each)}
        )
        if not rows:
            return
        adapt(session)
        columns = {
            "spelled": [row[0] for row in rows],
            "kinds": smallints([row[1] for row in rows]),
            "keys": [row[2] for row in rows],
        }
        session.execute(statement("add_names"), columns)

    def committed(self) -> None:
        """Remember what was added last."""
        if len(self._known) + len(self._added) > self._most:
            self._known.clear()
        self._known |= self._added
        self._added = frozenset()
