"""The evidence on one group of consignments: who is engaged in it, what reaches it by which paths, and what counts.

Engaged are the founder, the parties that the founding names, and those named by a link that leads to the consignment and
was published by an engaged party. Authorities count by territory instead. Claims of all others show as UNENGAGED.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass

from schemas.events.base import Classifier, ObjectKind
from services.domain import handovers
from services.domain.claim_groups import Answers, Question, answers, superseded
from services.domain.facts import (
    FREEING,
    Claim,
    EventId,
    Facts,
    Founding,
    Handover,
    Link,
    LinkKind,
    Micros,
    counts,
)
from services.domain.links import NAMES, Network, Path, Span, parts
from services.domain.liveness import Liveness, judge
from services.domain.objects import Aliases, Thing
from services.domain.view import Arrival, ClaimStatus


def founding_parties(foundings: Iterable[Founding]) -> Mapping[Thing, frozenset[str]]:
    """For each founded consignment: its founder and the parties that its founding names."""
    parties: dict[Thing, frozenset[str]] = defaultdict(frozenset)
    for founding in foundings:
        parties[founding.consignment] |= founding.names | {founding.publisher}
    return parties


def engaged_parties(founded: frozenset[str], network: Network, members: frozenset[Thing]) -> frozenset[str]:
    """The fixpoint of naming: ``founded`` and the parties named by counted links that lead to ``members``, at any depth.

    Links of trains and wagons name nobody: a train carries the cargo of many who do not know one another.
    """
    known = founded
    while True:
        named = frozenset[str]().union(*(link.names for link in network.counted(members, known)))
        if named <= known:
            return known
        known |= named


def consignment_groups(
    founded: Mapping[Thing, frozenset[str]], same: Iterable[Link]
) -> Mapping[Thing, frozenset[Thing]]:
    """For each founded consignment the group that it was declared to be one with.

    A declaration counts only if both consignments are founded and its publisher is a party of both foundings, so that nobody
    can merge another's consignment into his own.
    """
    group: dict[Thing, set[Thing]] = {thing: {thing} for thing in founded}
    for link in same:
        left, right = link.left, link.right
        if link.publisher in founded.get(left, ()) and link.publisher in founded.get(right, ()):
            merged = group[left] | group[right]
            for member in merged:
                group[member] = merged
    return {thing: frozenset(members) for thing, members in group.items()}


def canonical_consignment(members: Iterable[Thing]) -> Thing:
    """The member that names the group: the one with the smallest id, whatever came first."""
    return min(members, key=lambda thing: thing.id)


@dataclass(frozen=True, slots=True)
class HandoverEvidence:
    """The lists of one hand-over, the group's boxes on them, and both names of their train where the lists tell them."""

    lists: tuple[Handover, ...]
    own: frozenset[str]
    trains: tuple[Thing, ...]


@dataclass(frozen=True, slots=True)
class GroupEvidence:
    """The facts that concern one group of consignments, weighed."""

    members: frozenset[Thing]
    founders: frozenset[str]
    engaged: frozenset[str]
    paths: tuple[Path, ...]
    arrivals: tuple[Arrival, ...]
    current: Mapping[Question, Answers]  # counted claims only
    shown: frozenset[Claim]  # the one answer of each question that stands for it
    parts: frozenset[Thing]  # documents that cover only part of the cargo
    aliases: Aliases  # of trains and declarations
    handovers: tuple[HandoverEvidence, ...]
    liveness: Liveness
    network: Network


def group_evidence(
    facts: Facts, consignment: Thing, as_of: Micros, names: Container[LinkKind] = NAMES
) -> GroupEvidence | None:
    """Decide liveness, follow the links and weigh every claim; None where no live founding is known.

    Facts (ACT) that happened after ``as_of`` are left out; plans and estimates for later times stay. Objects to which links of the
    kinds ``names`` give several names are one in questions and exceptions.
    """
    liveness = judge(facts.withdrawals, facts.equivocated)
    foundings = [f for f in facts.foundings if liveness.live(f.event)]
    founded = founding_parties(foundings)
    if consignment not in founded:
        return None
    network = Network(
        (
            link
            for link in facts.links
            if liveness.live(link.event) and (link.kind not in FREEING or link.start <= as_of + 1)
        ),
        founded,
    )
    members = consignment_groups(founded, network.same)[consignment]
    parties = frozenset[str]().union(*(founded[m] for m in members))
    engaged = engaged_parties(parties, network, members)
    paths = network.paths(members, engaged)
    live = (claim for claim in facts.claims if liveness.live(claim.event))
    claims = [c for c in live if c.classifier is not Classifier.ACT or c.happened <= as_of]
    handed = tuple(_handed_over(facts, liveness, engaged, paths, as_of))
    aliases = network.names(
        engaged, names, [(each.trains[0], each.trains[1]) for each in handed if each.trains]
    )
    reaching = _reach(claims, paths, network, engaged, as_of, aliases)
    current = answers((a.claim for a in reaching if a.status is ClaimStatus.COUNTED), aliases)
    old = superseded((a.claim for a in reaching if a.status is ClaimStatus.COUNTED), current)
    return GroupEvidence(
        members=members,
        founders=frozenset(f.publisher for f in foundings if f.consignment in members),
        engaged=engaged,
        paths=paths,
        arrivals=tuple(_mark(arrival, old) for arrival in reaching),
        current=current,
        shown=frozenset(given.shown for given in current.values()),
        parts=parts(network.counted(members, engaged)),
        aliases=aliases,
        handovers=handed,
        liveness=liveness,
        network=network,
    )


def _handed_over(
    facts: Facts, liveness: Liveness, engaged: frozenset[str], paths: Iterable[Path], as_of: Micros
) -> Iterator[HandoverEvidence]:
    """The hand-overs of boxes that a counted link assigns, by lists of whoever counts, while they held the cargo."""
    boxes = [path for path in paths if path.thing.kind is ObjectKind.CONTAINER and path.spans]
    counted = {path.thing for path in boxes if path.counted}
    windows = [path for path in boxes if path.thing in counted]

    def own(listed: Handover) -> frozenset[str]:
        held = (path.thing.key for path in windows if path.holds(listed.happened))
        return frozenset(key for key in held if key in listed.containers)

    live = (
        h for h in facts.handovers if liveness.live(h.event) and h.happened <= as_of and counts(h, engaged)
    )
    for lists in handovers.concerning(live, own):
        yield HandoverEvidence(
            lists, frozenset[str]().union(*map(own, lists)), handovers.one_train(lists, own)
        )


def _reach(
    claims: Iterable[Claim],
    paths: tuple[Path, ...],
    network: Network,
    engaged: frozenset[str],
    as_of: Micros,
    aliases: Aliases,
) -> list[Arrival]:
    ours = {path.thing for path in paths}
    ways: dict[Thing, list[Path]] = defaultdict(list)
    for path in paths:
        ways[path.thing].append(path)
    ended = _own_ends(paths)
    rivals: dict[int, tuple[Span, ...]] = {}  # of each span; a network has one for each link

    def disputed(span: Span, at: Micros) -> bool:
        """Whether another publisher assigns the carried object elsewhere at that moment, and nothing had freed it there."""
        found = rivals.get(id(span))
        if found is None:
            found = rivals[id(span)] = tuple(network.rivals(span, ours, engaged, aliases))
        return any(rival.holds(at) for rival in found)

    arrivals = []
    for claim in claims:
        held = [path for path in ways.get(claim.thing, ()) if path.holds(claim.happened)]
        if not held:
            continue
        open_ways = [path for path in held if path.counted]
        trusted = counts(claim, engaged)
        used = open_ways or held
        arrivals.append(
            Arrival(
                claim=claim,
                status=ClaimStatus.COUNTED if trusted and open_ways else ClaimStatus.UNENGAGED,
                via_disputed_link=all(
                    any(disputed(span, claim.happened) for span in path.spans) for path in used
                ),
                by_train=all(path.by_train for path in used),
                still=any(path.holds(as_of) for path in used),
                containers=frozenset(box for path in used for box in _boxes(path)),
                ends=ended.get((claim.event, claim.thing), ()),
            )
        )
    return sorted(arrivals, key=lambda a: (a.claim.happened, a.claim.published, a.claim.event, a.claim.thing))


def _boxes(path: Path) -> Iterable[Thing]:
    return (s.link.left for s in path.spans if s.link.kind is LinkKind.CONTAINER_CARRIES)


def _own_ends(paths: Iterable[Path]) -> Mapping[tuple[EventId, Thing], tuple[EventId, ...]]:
    """By freeing fact (event and object) the links that it ended and its own publisher had stated."""
    ended: dict[tuple[EventId, Thing], set[EventId]] = defaultdict(set)
    for path in paths:
        for span in path.freed:
            by = span.ended_by
            if by is not None and by.publisher == span.link.publisher:
                ended[by.event, by.left].add(span.link.event)
    return {fact: tuple(sorted(links)) for fact, links in ended.items()}


def _mark(arrival: Arrival, old: frozenset[Claim]) -> Arrival:
    if arrival.claim not in old or arrival.status is not ClaimStatus.COUNTED:
        return arrival
    return arrival._replace(status=ClaimStatus.SUPERSEDED)
