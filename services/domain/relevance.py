"""Of many facts those that can concern one consignment: a train's events name all that it carries, and a view shows one box of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from services.domain.facts import FREEING, Claim, Facts, Link, LinkKind
from services.domain.objects import Thing

_ENDING = frozenset({LinkKind.CONTAINER_CARRIES, LinkKind.WAGON_CARRIES})
"""Links that may end another one of what they lead from: a box holds one cargo, and a list of a wagon ends what rode on it before."""
_OTHERS = tuple(name for name in Facts._fields if name not in ("claims", "links"))
_Named = TypeVar("_Named", Claim, Link)


class IndexedFacts:
    """The facts of an event by the objects that they name: made once, and read for each consignment that the event may concern."""

    __slots__ = ("claims", "ending", "facts", "freeing", "leading", "others", "right", "same")

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.claims = _by((claim.thing, claim) for claim in facts.claims)
        paths = [link for link in facts.links if link.kind not in FREEING]
        self.leading = _by((link.right, link) for link in paths)
        self.same = _by((link.left, link) for link in paths if link.kind is LinkKind.SAME_CONSIGNMENT)
        self.right = _by((link.right, link) for link in facts.links)
        self.ending = _by((link.left, link) for link in paths if link.kind in _ENDING)
        self.freeing = _by((link.left, link) for link in facts.links if link.kind in FREEING)
        self.others = tuple((name, stated) for name in _OTHERS if (stated := getattr(facts, name)))


def relevant(parts: Collection[IndexedFacts], consignment: Thing) -> Facts:
    """The merge of ``parts`` without the claims and links that cannot concern ``consignment`` or a group that it is in.

    ``derive`` gives the same view of it from both. Left out are claims about objects from which no link leads to it, dead or alive,
    at whatever time; and links that neither lead to it, nor to where a link that leads to it might lead instead, nor end one of these. Linear
    in the number of parts and of facts that are not left out.
    """
    linking = [part for part in parts if part.right]
    reach, todo = {consignment}, [consignment]
    while todo:
        thing = todo.pop()
        for part in linking:
            found = [link.left for link in part.leading.get(thing, ())]
            found += [link.right for link in part.same.get(thing, ())]
            for each in found:
                if each not in reach:
                    reach.add(each)
                    todo.append(each)
    concerning = _about(reach, [part.right for part in linking])
    concerning += _about(reach, [part.ending for part in linking if part.ending])
    # A box assigned elsewhere is free of that again when the other cargo is delivered.
    beside = {link.right for link in concerning} - reach
    if beside:
        concerning += _about(beside, [part.freeing for part in linking if part.freeing])
    others: dict[str, list[frozenset[Any]]] = defaultdict(list)
    for part in parts:
        for name, stated in part.others:
            others[name].append(stated)
    return Facts(
        claims=frozenset(_about(reach, [part.claims for part in parts if part.claims])),
        links=frozenset(concerning),
        **{name: frozenset[Any]().union(*stated) for name, stated in others.items()},
    )


def _by(pairs: Iterable[tuple[Thing, _Named]]) -> Mapping[Thing, Sequence[_Named]]:
    found: dict[Thing, list[_Named]] = {}
    for thing, named in pairs:
        found.setdefault(thing, []).append(named)
    return found


def _about(things: Collection[Thing], indexes: Iterable[Mapping[Thing, Sequence[_Named]]]) -> list[_Named]:
    """What the ``indexes`` hold of ``things``; of both the smaller one is walked."""
    found: list[_Named] = []
    for index in indexes:
        if len(index) < len(things):
            for thing, named in index.items():
                if thing in things:
                    found += named
        else:
            for thing in things:
                if thing in index:
                    found += index[thing]
    return found
