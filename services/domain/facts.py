"""The facts that accepted events state, as named tuples: claims, links, foundings, withdrawals and what surrounds them.

A set of them is the whole state. Merging two states is set union, so order, batches and duplicates cannot matter. Times are
integer microseconds since 1970-01-01T00:00Z. Event ids are the 16-byte digest of (source, id); of two facts that tie the one
with the greater digest precedes.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from enum import IntEnum
from typing import NamedTuple, Protocol

from schemas.events.base import Classifier, Edge, End, Region
from services.domain.objects import Thing

EventId = bytes
Micros = int


class Attributed(Protocol):
    """A fact of a publisher."""

    @property
    def publisher(self) -> str:
        """The code of the party."""

    @property
    def territorial(self) -> bool:
        """Whether its role and territory cover the fact."""


def counts(fact: Attributed, engaged: Container[str]) -> bool:
    """Whether ``fact`` is the word of an ``engaged`` party or of the territory's own authority."""
    return fact.territorial or fact.publisher in engaged


FOREVER: Micros = 2**62
"""An interval that nobody has ended."""
SINCE_EVER: Micros = -(2**62)
"""The start of a link that is not timed (documents, bookings)."""


class Assurance(IntEnum):
    """How well the publisher of a claim is established; the three levels are never shown as one."""

    ASSERTED = 1
    RELAYED = 2
    SIGNED_BY_AUTHORITY = 3


class LinkKind(IntEnum):
    """What belongs to what; facts about the left object reach the right one. Numbers are stored, never reused."""

    CONTAINER_CARRIES = 1  # container -> consignment or booking, timed
    NOTE_COVERS = 2  # note -> consignment or booking
    BOOKING_OF = 3  # booking -> consignment
    NOTE_REISSUED = 4  # new note -> old note
    DECLARATION_COVERS = 5  # declaration -> note
    WAGON_CARRIES = 6  # wagon -> container, timed
    TRAIN_CARRIES = 7  # train -> wagon, timed
    SAME_CONSIGNMENT = 8  # consignment -> consignment: one group, no path
    SAME_TRAIN = 9  # train -> train: names of one train, stated both ways
    SAME_DECLARATION = 10  # declaration -> declaration: numbers of one declaration, stated both ways
    UNLOADED = 11  # no path: from the start on the object, left and right, is on no wagon
    GATED_OUT = 12  # the same
    DELIVERED = 13  # no path: from the start on the object, left and right, holds no cargo
    EMPTY_RETURNED = 14  # the same


FREEING = frozenset({LinkKind.UNLOADED, LinkKind.GATED_OUT, LinkKind.DELIVERED, LinkKind.EMPTY_RETURNED})
"""What a fact frees, from the moment after it: it ends links and leads nowhere (services.domain.freeing)."""
TIMED = frozenset({LinkKind.CONTAINER_CARRIES, LinkKind.WAGON_CARRIES, LinkKind.TRAIN_CARRIES})


class Claim(NamedTuple):
    """One publisher's statement that something happened, is expected or is planned for one object."""

    event: EventId
    publisher: str
    published: Micros
    happened: Micros
    thing: Thing
    milestone: int  # EventSpec.number
    region: Region
    jurisdiction: str  # ISO 3166 alpha-2 for customs, else ""
    place: str  # canonical place, "" when the type has none
    occurrence: str
    classifier: Classifier
    assurance: Assurance
    territorial: bool  # the publisher's role and territory cover this fact
    stop: str = ""  # of a hand-over the station that receives, where it is known; "" is the place
    detail: tuple[tuple[str, str], ...] = ()  # typed extras for showing, never folded


class Link(NamedTuple):
    """One publisher's statement that ``left`` belongs to ``right`` in [start, end); ``end`` None is open.

    One of FREEING says instead that the object, on both sides, is free from ``start`` on.
    """

    event: EventId
    publisher: str
    published: Micros
    kind: LinkKind
    left: Thing
    right: Thing
    start: Micros
    end: Micros | None
    territorial: bool
    shared: bool = False  # a consolidated box: several consignments at once are no contradiction
    names: frozenset[str] = frozenset()  # parties that this link engages
    place: str = (
        ""  # canonical place where it begins (of a freeing fact: where it happened), "" where not named
    )


class Founding(NamedTuple):
    """The one kind of event that brings a consignment into being, with the parties it names."""

    event: EventId
    publisher: str
    published: Micros
    consignment: Thing
    names: frozenset[str]
    detail: tuple[tuple[str, str], ...] = ()


class Withdrawal(NamedTuple):
    """A correction or retraction: ``event`` targets an earlier (or not yet seen) event of the same source.

    ``replaces`` is True for a correction: the target stays withdrawn even when the correction itself is corrected.
    """

    event: EventId
    target: EventId
    replaces: bool


class PlannedRoute(NamedTuple):
    """The places that a consignment is planned to pass, in order, by one publisher."""

    event: EventId
    publisher: str
    published: Micros
    thing: Thing
    places: tuple[str, ...]


class Goods(NamedTuple):
    """The contents of the cargo by one publisher, as HS codes or prefixes of them."""

    event: EventId
    publisher: str
    thing: Thing
    commodities: tuple[str, ...]
    territorial: bool


class Restriction(NamedTuple):
    """A border, line or station that is closed, embargoed or not accepting in [start, end)."""

    event: EventId
    publisher: str
    published: Micros
    place: str
    kind: str
    direction: str  # "WEST", "EAST" or "BOTH"
    commodities: tuple[str, ...]  # HS prefixes; empty means all
    start: Micros
    end: Micros | None
    territorial: bool


class Lifting(NamedTuple):
    """A publisher's end of its own restriction at ``at``."""

    event: EventId
    restriction: EventId
    at: Micros


class Handover(NamedTuple):
    """One side's list of what passed (or shall pass) between two railways."""

    event: EventId
    publisher: str
    published: Micros
    happened: Micros
    train: Thing | None
    place: str
    occurrence: str
    side: str  # "DELIVERING", "RECEIVING" or "ADVANCE"
    containers: frozenset[str]
    territorial: bool
    border: str  # what both sides' names of the place lead to (services.domain.handovers.border)
    counterparty: str = ""


class Facts(NamedTuple):
    """A grow-only set of everything that accepted events state; ``|`` merges two of them.

    ``equivocated`` holds ids under which two different messages were accepted: none of their variants is live.
    """

    claims: frozenset[Claim] = frozenset()
    links: frozenset[Link] = frozenset()
    foundings: frozenset[Founding] = frozenset()
    withdrawals: frozenset[Withdrawal] = frozenset()
    routes: frozenset[PlannedRoute] = frozenset()
    restrictions: frozenset[Restriction] = frozenset()
    liftings: frozenset[Lifting] = frozenset()
    handovers: frozenset[Handover] = frozenset()
    goods: frozenset[Goods] = frozenset()
    contents: frozenset[tuple[EventId, bytes]] = frozenset()

    @property
    def equivocated(self) -> frozenset[EventId]:
        """Ids that carry more than one content."""
        seen: set[EventId] = set()
        twice: set[EventId] = set()
        for event, _ in self.contents:
            (twice if event in seen else seen).add(event)
        return frozenset(twice)

    def __or__(self, other: Facts) -> Facts:
        return Facts(
            self.claims | other.claims,
            self.links | other.links,
            self.foundings | other.foundings,
            self.withdrawals | other.withdrawals,
            self.routes | other.routes,
            self.restrictions | other.restrictions,
            self.liftings | other.liftings,
            self.handovers | other.handovers,
            self.goods | other.goods,
            self.contents | other.contents,
        )

    @classmethod
    def union(cls, parts: Iterable[Facts]) -> Facts:
        """The merge of all ``parts``, in one pass."""
        every = tuple(parts)
        return cls(
            frozenset().union(*(part.claims for part in every)),
            frozenset().union(*(part.links for part in every)),
            frozenset().union(*(part.foundings for part in every)),
            frozenset().union(*(part.withdrawals for part in every)),
            frozenset().union(*(part.routes for part in every)),
            frozenset().union(*(part.restrictions for part in every)),
            frozenset().union(*(part.liftings for part in every)),
            frozenset().union(*(part.handovers for part in every)),
            frozenset().union(*(part.goods for part in every)),
            frozenset().union(*(part.contents for part in every)),
        )


class ClaimGroup(NamedTuple):
    """Claims of one event that differ in their objects alone: ``claim`` is one of them, ``objects`` are those of all."""

    claim: Claim
    objects: frozenset[End]

    def about(self, objects: Iterable[End]) -> list[Claim]:
        """The claims about ``objects``, which are some of its own."""
        before, behind = self.claim[:4], self.claim[5:]
        return [Claim._make((*before, Thing(*each), *behind)) for each in objects]


class LinkGroup(NamedTuple):
    """Links of one event that differ in their ends alone: ``link`` is one of them, ``edges`` are the ends of all."""

    link: Link
    edges: Sequence[Edge]

    def between(self, edges: Iterable[Edge]) -> list[Link]:
        """The links of ``edges``, which are some of its own."""
        before, behind = self.link[:4], self.link[6:]
        return [Link._make((*before, Thing(*left), Thing(*right), *behind)) for left, right in edges]


class GroupedFacts(NamedTuple):
    """What an event states: its claims and links in groups, so that who reads one of hundreds makes no more; ``rest`` has neither."""

    claims: tuple[ClaimGroup, ...] = ()
    links: tuple[LinkGroup, ...] = ()
    rest: Facts = Facts()

    def facts(self) -> Facts:
        """All of them."""
        claims = (claim for group in self.claims for claim in group.about(group.objects))
        links = (link for group in self.links for link in group.between(group.edges))
        return Facts(frozenset(claims), frozenset(links), *self.rest[2:])
