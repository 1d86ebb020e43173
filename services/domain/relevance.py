"""Of many facts those that can concern one consignment: a train's events name all that it carries, and a view shows one box of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from schemas.events.base import Edge, End
from services.domain.facts import FREEING, Claim, Facts, GroupedFacts, Link, LinkGroup, LinkKind
from services.domain.objects import Thing

_ENDING = frozenset({LinkKind.CONTAINER_CARRIES, LinkKind.WAGON_CARRIES})
"""Links that may end another one of what they lead from: a box holds one cargo, and a list of a wagon ends what rode on it before."""
_RIDING = frozenset({LinkKind.WAGON_CARRIES, LinkKind.TRAIN_CARRIES, LinkKind.SAME_TRAIN})
"""Links by which trains and wagons lead to what they carry."""
_OTHERS = Facts._fields[2:]
_NONE: Mapping[End, Sequence[Edge]] = {}


class _IndexedLinks:
    """A group of links by what they lead to, and by what they lead from where that is looked for."""

    __slots__ = ("group", "left", "right")

    def __init__(self, group: LinkGroup) -> None:
        self.group = group
        kind = group.link.kind
        self.right = _by(1, group.edges)
        self.left = _by(0, group.edges) if kind in _ENDING or kind is LinkKind.SAME_CONSIGNMENT else _NONE


class IndexedFacts:
    """The facts of an event by the objects that they name: made once, and read for each consignment that the event may concern."""

    __slots__ = ("claims", "foundings", "freeing", "others", "paths")

    def __init__(self, stated: GroupedFacts) -> None:
        self.claims = stated.claims
        self.foundings = stated.rest.foundings
        self.paths: Sequence[_IndexedLinks] = ()
        self.freeing: Sequence[_IndexedLinks] = ()
        if stated.links:
            links = [_IndexedLinks(group) for group in stated.links]
            self.paths = [each for each in links if each.group.link.kind not in FREEING]
            self.freeing = [each for each in links if each.group.link.kind in FREEING]
        self.others = [named for named in zip(_OTHERS, stated.rest[2:], strict=True) if named[1]]


def relevant(parts: Collection[IndexedFacts], consignment: Thing) -> Facts:
    """The merge of ``parts`` without the claims and links that cannot concern ``consignment`` or a group that it is in.

    ``derive`` gives the same view of it from both. Left out are claims about objects from which no link leads to it, dead or alive,
    at whatever time; and links that neither lead to it, nor to where a link that leads to it might lead instead, nor end one of these. Linear
    in the number of parts and of facts that are not left out.
    """
    paths = [links for part in parts for links in part.paths]
    freeing = [links for part in parts for links in part.freeing]
    reach = _reach(paths, [consignment])
    concerning = _links(reach, [*paths, *freeing])
    for links in paths:
        if links.group.link.kind in _ENDING and (found := _among(reach, links.left)):
            concerning += links.group.between(found)
    # A box assigned elsewhere is free of that again when the other cargo is delivered.
    beside: set[End] = {link.right for link in concerning}
    beside -= reach
    if beside:
        concerning += _links(beside, freeing)
    claims: list[Claim] = []
    others: dict[str, list[frozenset[Any]]] = defaultdict(list)
    for part in parts:
        for group in part.claims:
            named = reach & group.objects
            if named:
                claims += group.about(named)
        for name, stated in part.others:
            others[name].append(stated)
    return Facts(
        claims=frozenset(claims),
        links=frozenset(concerning),
        **{name: frozenset[Any]().union(*stated) for name, stated in others.items()},
    )


def of_named(parts: Sequence[IndexedFacts]) -> list[Facts]:
    """Of each of ``parts``, in order, the facts without those about what merely stands on the same list as something else.

    Something is named by any link but a ride, to whatever it leads, and by a founding. Left out are the claims about what is neither
    named nor carries something named, and what rides or is freed besides: no consignment is reached from there, whichever of
    the other facts count. So whatever is derived of consignments from all parts, or from some of them, is the same from these.
    """
    paths = [links for part in parts for links in part.paths]
    named: set[End] = {
        end
        for links in paths
        if links.group.link.kind not in _RIDING
        for edge in links.group.edges
        for end in edge
    }
    founded = (founding.consignment for part in parts for founding in part.foundings)
    reach = _reach(paths, named.union(founded))
    beside: set[End] = set()
    for links in paths:
        if links.group.link.kind is LinkKind.WAGON_CARRIES:
            beside.update(right for _, right in _among(reach, links.left))
    free = reach | beside
    return [_part(part, reach, free) for part in parts]


def _part(part: IndexedFacts, reach: set[End], free: set[End]) -> Facts:
    concerning: set[Link] = set()
    for links in part.paths:
        group = links.group
        if group.link.kind not in _RIDING:
            concerning.update(group.between(group.edges))
            continue
        concerning.update(group.between(_among(reach, links.right)))
        if group.link.kind is LinkKind.WAGON_CARRIES:
            concerning.update(group.between(_among(reach, links.left)))
    concerning.update(_links(free, part.freeing))
    claims = (claim for group in part.claims for claim in group.about(reach & group.objects))
    others: dict[str, Any] = dict(part.others)
    return Facts(claims=frozenset(claims), links=frozenset(concerning), **others)


def _reach(paths: Collection[_IndexedLinks], starts: Iterable[End]) -> set[End]:
    """All of ``starts``, and all from which links lead to one of them or to a consignment that is the same, at any depth."""
    reach: set[End] = set(starts)
    todo: list[End] = list(reach)
    leading = [links.right for links in paths]
    same = [links.left for links in paths if links.group.link.kind is LinkKind.SAME_CONSIGNMENT]
    while todo:
        thing = todo.pop()
        found = {left for index in leading if thing in index for left, _ in index[thing]}
        found.update(right for index in same if thing in index for _, right in index[thing])
        found -= reach
        reach |= found
        todo += found
    return reach


def _links(rights: set[End], among: Collection[_IndexedLinks]) -> list[Link]:
    """The links that lead to one of ``rights``."""
    found: list[Link] = []
    for links in among:
        if edges := _among(rights, links.right):
            found += links.group.between(edges)
    return found


def _among(ends: set[End], index: Mapping[End, Sequence[Edge]]) -> list[Edge]:
    if len(index) < len(ends):
        return [edge for end in index if end in ends for edge in index[end]]
    return [edge for end in ends if end in index for edge in index[end]]


def _by(side: int, edges: Sequence[Edge]) -> Mapping[End, Sequence[Edge]]:
    found: dict[End, list[Edge]] = {}
    for edge in edges:
        known = found.get(edge[side])
        if known is None:
            found[edge[side]] = [edge]
        else:
            known.append(edge)
    return found
