"""Links (numbers 4000 to 4099): the opening of a consignment, and which object belongs to which.

Ids are plain strings where the field fixes the kind of object, and references otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Annotated

from pydantic import Field

from schemas.events.base import Edge, End, EngagingLink, LinkPayload, ObjectRef, PartyCode, Place, Wire
from schemas.events.declare import event
from schemas.events.keys import canonical_key
from schemas.events.vocabulary import ObjectKind, Region, Role, Territory
from schemas.events.wire import Commodity, Identifier, Jurisdiction, RoleName

Some = Annotated[tuple[Identifier, ...], Field(strict=False, min_length=1, max_length=256)]
Any = Annotated[tuple[Identifier, ...], Field(strict=False, max_length=256)]
Goals = Annotated[tuple[ObjectRef, ...], Field(strict=False, min_length=1, max_length=64)]

_CONTRACT = frozenset({ObjectKind.CONSIGNMENT, ObjectKind.BOOKING})
_link = partial(event, region=Region.LINK, by=(Role.OPERATOR, Role.FORWARDER, Role.RAILWAY), about=_CONTRACT)
_yard = partial(
    _link,
    by=(Role.RAILWAY, Role.TERMINAL, Role.OPERATOR),
    authority=(Role.RAILWAY, Role.TERMINAL),
    territory=Territory.PLACE,
    also=(Role.TERMINAL,),
)


def _end(kind: ObjectKind, text: str) -> End:
    return kind, canonical_key(kind, text)


def _join(kind: ObjectKind, lefts: Iterable[str], rights: Iterable[End]) -> tuple[Edge, ...]:
    goals = tuple(rights)
    ends = [(kind, canonical_key(kind, left)) for left in lefts]
    return tuple([(end, goal) for end in ends for goal in goals])


class EngagedParty(Wire):
    """A party of the consignment and what it is in it."""

    party: PartyCode
    role: RoleName


@_link("link.consignment_opened.v1", 4000, by=(Role.OPERATOR, Role.FORWARDER), document="booking")
class ConsignmentOpened(LinkPayload):
    """A party founded a consignment under its own reference and named the parties of the transport contract.

    Everybody knows the consignment as ``<publisher>/<reference>``. ``bookings``, ``notes`` and ``containers`` are links
    of the same publisher in [``from``, ``to``).
    """

    reference: Identifier
    parties: Annotated[tuple[EngagedParty, ...], Field(strict=False, max_length=16)] = ()
    bookings: Any = ()
    notes: Any = ()
    containers: Any = ()
    shared: bool = False
    commodities: Annotated[tuple[Commodity, ...], Field(strict=False, max_length=64)] = ()
    place_of_receipt: Place | None = None
    place_of_delivery: Place | None = None

    @property
    def names(self) -> frozenset[str]:
        return frozenset(engaged.party for engaged in self.parties)

    def consignment(self, publisher: str) -> End:
        """The consignment that this event of ``publisher`` founds."""
        return _end(ObjectKind.CONSIGNMENT, f"{publisher}/{self.reference}")

    def edges(self, publisher: str, /) -> tuple[Edge, ...]:
        goal = (self.consignment(publisher),)
        return (
            *_join(ObjectKind.BOOKING, self.bookings, goal),
            *_join(ObjectKind.NOTE, self.notes, goal),
            *_join(ObjectKind.CONTAINER, self.containers, goal),
        )


@_link("link.booking_assigned.v1", 4001, document="booking")
class BookingAssigned(EngagingLink):
    """A booking belongs to a consignment."""

    booking: Identifier
    consignment: Identifier

    def edges(self, _publisher: str, /) -> tuple[Edge, ...]:
        return _join(ObjectKind.BOOKING, (self.booking,), (_end(ObjectKind.CONSIGNMENT, self.consignment),))


@_link(
    "link.containers_assigned.v1",
    4002,
    by=(Role.OPERATOR, Role.FORWARDER, Role.SHIPPER, Role.RAILWAY, Role.TERMINAL),
    document="packing list",
)
class ContainersAssigned(EngagingLink):
    """Containers carry a consignment or a booking; ``shared`` says that others share them (LCL)."""

    containers: Some
    carries: Goals
    shared: bool = False

    def edges(self, _publisher: str, /) -> tuple[Edge, ...]:
        return _join(ObjectKind.CONTAINER, self.containers, ((ref.kind, ref.key) for ref in self.carries))

    def check(self) -> None:
        super().check()
        self.check_kinds(self.carries, "carries")


@_link("link.note_covers.v1", 4003, authority=(Role.RAILWAY,), document="consignment note")
class NoteCovers(EngagingLink):
    """A consignment note covers a consignment or a booking."""

    note: Identifier
    covers: Goals

    def edges(self, _publisher: str, /) -> tuple[Edge, ...]:
        return _join(ObjectKind.NOTE, (self.note,), ((ref.kind, ref.key) for ref in self.covers))

    def check(self) -> None:
        super().check()
        self.check_kinds(self.covers, "covers")


@_link(
    "link.declaration_covers.v1",
    4004,
    by=(Role.CUSTOMS, Role.FORWARDER, Role.OPERATOR, Role.RAILWAY, Role.SHIPPER, Role.CONSIGNEE),
    about=(ObjectKind.NOTE,),
    document="customs declaration",
)
class DeclarationCovers(EngagingLink):
    """A customs declaration covers consignment notes; one may cover many and many may cover one."""

    declaration: Identifier
    notes: Some

    def edges(self, _publisher: str, /) -> tuple[Edge, ...]:
        goals = tuple(_end(ObjectKind.NOTE, note) for note in self.notes)
        return _join(ObjectKind.DECLARATION, (self.declaration,), goals)


@_yard("link.wagon_loaded.v1", 4005, about=(ObjectKind.WAGON, ObjectKind.CONTAINER), document="wagon list")
class WagonLoaded(EngagingLink):
    """A wagon carries containers.

    Lists of a wagon that begin within seven days of one another may add to one another. A later list by the same railway (or
    terminal) at its own place is of another run: what it does not name was taken off before.
    """

    wagon: Identifier
    containers: Some

    def edges(self, _publisher: str, /) -> tuple[Edge, ...]:
        goals = tuple(_end(ObjectKind.CONTAINER, box) for box in self.containers)
        return _join(ObjectKind.WAGON, (self.wagon,), goals)


@_yard("link.train_composed.v1", 4006, about=(ObjectKind.TRAIN, ObjectKind.WAGON), document="train list")
class TrainComposed(EngagingLink):
    """A train carries wagons."""

    train: Identifier
    wagons: Some

    def edges(self, _publisher: str, /) -> tuple[Edge, ...]:
        goals = tuple(_end(ObjectKind.WAGON, wagon) for wagon in self.wagons)
        return _join(ObjectKind.TRAIN, (self.train,), goals)


@_link("link.consignments_same.v1", 4007, by=(Role.OPERATOR, Role.FORWARDER), about=(ObjectKind.CONSIGNMENT,))
class ConsignmentsSame(LinkPayload):
    """Two or more foundings are the same consignment."""

    consignments: Annotated[tuple[Identifier, ...], Field(strict=False, min_length=2, max_length=16)]

    def edges(self, _publisher: str, /) -> tuple[Edge, ...]:
        first, *others = self.consignments
        return _join(ObjectKind.CONSIGNMENT, others, (_end(ObjectKind.CONSIGNMENT, first),))


Names = Annotated[tuple[Identifier, ...], Field(strict=False, min_length=2, max_length=8)]


def _same(kind: ObjectKind, names: Iterable[str]) -> tuple[Edge, ...]:
    """Names of one object: statements about one of them apply to the others."""
    first, *others = dict.fromkeys(_end(kind, name) for name in names)
    return tuple(edge for other in others for edge in ((first, other), (other, first)))


@_link(
    "link.trains_same.v1",
    4009,
    about=(ObjectKind.TRAIN,),
    authority=(Role.RAILWAY,),
    territory=Territory.PLACE,
    also=(Role.RAILWAY,),
    document="train information",
)
class TrainsSame(LinkPayload):
    """Two or more names are one train: its identifier at one railway, its number with day and origin at another.

    ``place`` is where the train begins (or is taken over): the word of the railway of that place is an authority's.
    """

    trains: Names

    def edges(self, _publisher: str, /) -> tuple[Edge, ...]:
        return _same(ObjectKind.TRAIN, self.trains)


@_link(
    "link.declarations_same.v1",
    4010,
    by=(Role.CUSTOMS, Role.FORWARDER, Role.OPERATOR, Role.RAILWAY, Role.SHIPPER, Role.CONSIGNEE),
    about=(ObjectKind.DECLARATION,),
    authority=(Role.CUSTOMS,),
    territory=Territory.JURISDICTION,
    also=(Role.FORWARDER, Role.OPERATOR),
    document="customs declaration",
)
class DeclarationsSame(LinkPayload):
    """Two or more numbers are one declaration: the declarant's own (LRN) and the one that customs gave it (MRN)."""

    jurisdiction: Jurisdiction
    declarations: Names

    @property
    def jurisdiction_code(self) -> str:
        return self.jurisdiction

    def edges(self, _publisher: str, /) -> tuple[Edge, ...]:
        return _same(ObjectKind.DECLARATION, self.declarations)


@_link("link.route_planned.v1", 4008, document="route")
class RoutePlanned(EngagingLink):
    """A consignment or booking is planned to pass the places in this order."""

    objects: Goals
    places: Annotated[tuple[Place, ...], Field(strict=False, min_length=2, max_length=64)]

    def check(self) -> None:
        super().check()
        self.check_kinds(self.objects, "objects")
