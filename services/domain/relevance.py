"""Of many facts those that can concern one consignment: a train's events name all that it carries, and a view shows one box of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from typing import Any

from services.domain.facts import FREEING, Facts, LinkKind
from services.domain.objects import Thing


def relevant(parts: Collection[Facts], consignment: Thing) -> Facts:
    """The merge of ``parts`` without the claims and links that cannot concern ``consignment`` or a group that it is in.

    ``derive`` gives the same view of it from both. Left out are claims about objects from which no link leads to it, dead or alive,
    at whatever time; and links that neither lead to it, nor to where a link that leads to it might lead instead, nor end one of these. Linear
    in the number of facts.
    """
    links = [link for part in parts for link in part.links]
    into: dict[Thing, list[Thing]] = defaultdict(list)
    for link in links:
        if link.kind not in FREEING:
            into[link.right].append(link.left)
            if link.kind is LinkKind.SAME_CONSIGNMENT:
                into[link.left].append(link.right)
    reach, todo = {consignment}, [consignment]
    while todo:
        for thing in into.get(todo.pop(), ()):
            if thing not in reach:
                reach.add(thing)
                todo.append(thing)
    concerning = [
        link for link in links if link.right in reach or (link.kind in _ENDING and link.left in reach)
    ]
    # A box assigned elsewhere is free of that again when the other cargo is delivered.
    beside = {link.right for link in concerning} - reach
    if beside:
        concerning += [link for link in links if link.kind in FREEING and link.left in beside]
    others = {
        name: frozenset[Any]().union(*[stated for part in parts if (stated := getattr(part, name))])
        for name in _OTHERS
    }
    return Facts(
        claims=frozenset([claim for part in parts for claim in part.claims if claim.thing in reach]),
        links=frozenset(concerning),
        **others,
    )


_ENDING = frozenset({LinkKind.CONTAINER_CARRIES, LinkKind.WAGON_CARRIES})
"""Links that may end another one of what they lead from: a box holds one cargo, and a list of a wagon ends what rode on it before."""
_OTHERS = tuple(name for name in Facts._fields if name not in ("claims", "links"))
