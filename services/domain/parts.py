"""Which papers speak of a part of the cargo only, so that what is said of them is not said of all of it.

A consignment in three boxes may have a note for each. A release of one of those notes frees one box, nobody knows which;
a release of the declaration that covers all three frees the cargo. A booking or note that is the only one speaks for the
whole, as the consignment itself does.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import TypeVar

from services.domain.facts import Link, LinkKind
from services.domain.objects import Thing

Paper = TypeVar("Paper", bound=Hashable)

_PAPERS = frozenset(
    {
        LinkKind.NOTE_COVERS,
        LinkKind.NOTE_REISSUED,
        LinkKind.DECLARATION_COVERS,
        LinkKind.SAME_DECLARATION,
    }
)


def parts(links: Iterable[Link]) -> frozenset[Thing]:
    """The bookings, notes and declarations that do not cover all that the counted ``links`` of a group know.

    A note that replaces others covers what they covered. One walk up for each note that replaces none.
    """
    return partial((link.kind, link.left, link.right) for link in links)


def partial(links: Iterable[tuple[int, Paper, Paper]]) -> frozenset[Paper]:
    """The same for links given as (kind, left, right), whatever names their ends go by."""
    into: dict[Paper, list[Paper]] = defaultdict(list)
    bookings: set[Paper] = set()
    notes: set[Paper] = set()
    replacing: set[Paper] = set()
    for kind, left, right in links:
        if kind == LinkKind.BOOKING_OF:
            bookings.add(left)
        elif kind in _PAPERS:
            into[right].append(left)
            if kind == LinkKind.NOTE_COVERS:
                notes.add(left)
            elif kind == LinkKind.NOTE_REISSUED:
                replacing.add(left)
    units = notes - replacing | (bookings if len(bookings) > 1 else set())
    if len(units) < 2:
        return frozenset()
    spoken = [_above(unit, into) for unit in units]
    return frozenset(set[Paper]().union(*spoken) - spoken[0].intersection(*spoken))


def _above(unit: Paper, into: Mapping[Paper, Sequence[Paper]]) -> set[Paper]:
    seen, todo = {unit}, [unit]
    while todo:
        for thing in into.get(todo.pop(), ()):
            if thing not in seen:
                seen.add(thing)
                todo.append(thing)
    return seen
