"""Which papers speak of a part of the cargo only, so that what is said of them is not said of all of it.

A consignment in three boxes may have a note for each. A release of one of those notes frees one box, nobody knows which;
a release of the declaration that covers all three frees the cargo. A booking or note that is the only one speaks for the
whole, as the consignment itself does.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from services.core.facts import Link, LinkKind
from services.core.objects import Thing

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
    into: dict[Thing, list[Thing]] = defaultdict(list)
    bookings: set[Thing] = set()
    notes: set[Thing] = set()
    replacing: set[Thing] = set()
    for link in links:
        if link.kind is LinkKind.BOOKING_OF:
            bookings.add(link.left)
        elif link.kind in _PAPERS:
            into[link.right].append(link.left)
            if link.kind is LinkKind.NOTE_COVERS:
                notes.add(link.left)
            elif link.kind is LinkKind.NOTE_REISSUED:
                replacing.add(link.left)
    units = notes - replacing | (bookings if len(bookings) > 1 else set())
    if len(units) < 2:
        return frozenset()
    spoken = [_above(unit, into) for unit in units]
    return frozenset(set[Thing]().union(*spoken) - spoken[0].intersection(*spoken))


def _above(unit: Thing, into: Mapping[Thing, Sequence[Thing]]) -> set[Thing]:
    seen, todo = {unit}, [unit]
    while todo:
        for thing in into.get(todo.pop(), ()):
            if thing not in seen:
                seen.add(thing)
                todo.append(thing)
    return seen
