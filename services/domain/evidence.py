"""What concerns one group of consignments, judged: what reaches it, by which ways, and whose word counts there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, replace

from schemas.events.base import Classifier
from services.domain import engagement
from services.domain.claim_groups import Answers, Question, answers, superseded
from services.domain.facts import Claim, Facts, LinkKind, Micros
from services.domain.links import NAMES, Network, Path
from services.domain.liveness import Liveness, judge
from services.domain.objects import Thing
from services.domain.parts import parts
from services.domain.view import Arrival, Standing


@dataclass(frozen=True, slots=True)
class Gathered:
    """The facts of one group of consignments, judged: what reaches it, by which ways, and whose word counts."""

    members: frozenset[Thing]
    founders: frozenset[str]
    engaged: frozenset[str]
    paths: tuple[Path, ...]
    arrivals: tuple[Arrival, ...]
    current: Mapping[Question, Answers]  # counted claims only
    shown: frozenset[Claim]  # the one answer of each question that stands for it
    parts: frozenset[Thing]  # papers that do not speak for the whole cargo
    called: Mapping[
        Thing, Thing
    ]  # trains and declarations of several names, and the name under which each is one
    liveness: Liveness


def gather(
    facts: Facts, consignment: Thing, as_of: Micros, names: Container[LinkKind] = NAMES
) -> Gathered | None:
    """Judge liveness, walk the links and weigh every claim; None where no live founding is known.

    Facts (ACT) that happened after ``as_of`` are left out; plans and estimates for later times stay. Things that links of
    the kinds ``names`` call by several names are one in questions and exceptions.
    """
    liveness = judge(facts.withdrawals, facts.equivocated)
    foundings = [f for f in facts.foundings if liveness.live(f.event)]
    founded = engagement.founding_parties(foundings)
    if consignment not in founded:
        return None
    network = Network(link for link in facts.links if liveness.live(link.event))
    members = engagement.groups(founded, network.same)[consignment]
    parties = frozenset[str]().union(*(founded[m] for m in members))
    engaged = engagement.engaged(parties, network, members)
    paths = network.paths(members, engaged)
    live = (claim for claim in facts.claims if liveness.live(claim.event))
    told = [c for c in live if c.classifier is not Classifier.ACT or c.happened <= as_of]
    called = network.names(engaged, names)
    reaching = _reach(told, paths, network, engaged, as_of, called)
    current = answers((a.claim for a in reaching if a.standing is Standing.COUNTED), called)
    old = superseded((a.claim for a in reaching if a.standing is Standing.COUNTED), current)
    return Gathered(
        members=members,
        founders=frozenset(f.publisher for f in foundings if f.consignment in members),
        engaged=engaged,
        paths=paths,
        arrivals=tuple(_mark(arrival, old) for arrival in reaching),
        current=current,
        shown=frozenset(given.shown for given in current.values()),
        parts=parts(network.counted(members, engaged)),
        called=called,
        liveness=liveness,
    )


def _reach(
    claims: Iterable[Claim],
    paths: tuple[Path, ...],
    network: Network,
    engaged: frozenset[str],
    as_of: Micros,
    called: Mapping[Thing, Thing],
) -> list[Arrival]:
    ours = {path.thing for path in paths}
    ways: dict[Thing, list[Path]] = defaultdict(list)
    for path in paths:
        ways[path.thing].append(path)
    arrivals = []
    for claim in claims:
        held = [path for path in ways.get(claim.thing, ()) if path.holds(claim.happened)]
        if not held:
            continue
        open_ways = [path for path in held if path.counted]
        trusted = claim.territorial or claim.publisher in engaged
        used = open_ways or held
        arrivals.append(
            Arrival(
                claim=claim,
                standing=Standing.COUNTED if trusted and open_ways else Standing.UNENGAGED,
                via_disputed_link=all(
                    _disputed(path, network, claim.happened, ours, called) for path in used
                ),
                by_train=all(path.by_train for path in used),
                still=any(path.holds(as_of) for path in used),
                containers=frozenset(box for path in used for box in _boxes(path)),
            )
        )
    return sorted(arrivals, key=lambda a: (a.claim.happened, a.claim.published, a.claim.event, a.claim.thing))


def _disputed(
    path: Path, network: Network, at: Micros, ours: Container[Thing], called: Mapping[Thing, Thing]
) -> bool:
    return any(network.disputed(span, at, ours, called) for span in path.spans)


def _boxes(path: Path) -> Iterable[Thing]:
    return (s.link.left for s in path.spans if s.link.kind is LinkKind.CONTAINER_CARRIES)


def _mark(arrival: Arrival, old: frozenset[Claim]) -> Arrival:
    if arrival.claim not in old or arrival.standing is not Standing.COUNTED:
        return arrival
    return replace(arrival, standing=Standing.SUPERSEDED)
