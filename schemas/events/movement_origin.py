"""Before the journey: booking (numbers 100 to 199) and the origin terminal (numbers 200 to 299)."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Literal

from pydantic import Field

from schemas.events.base import Milestone, PlacedMilestone
from schemas.events.declare import CARGO, DOCUMENTED, RUNNING, event
from schemas.events.spec import DAY, HOUR, MINUTE
from schemas.events.vocabulary import Episode, ObjectKind, Region, Role, Territory
from schemas.events.wire import Code, Count, Identifier, Kilograms, Place, Seal

_booking = partial(
    event,
    region=Region.MOVEMENT,
    by=(Role.OPERATOR, Role.FORWARDER),
    about=DOCUMENTED,
    authority=(Role.OPERATOR,),
    tolerance=DAY,
    document="slot confirmation",
)
_terminal = partial(
    event,
    region=Region.MOVEMENT,
    by=(Role.TERMINAL, Role.OPERATOR, Role.RAILWAY, Role.FORWARDER),
    about=CARGO,
    authority=(Role.TERMINAL,),
    territory=Territory.PLACE,
    also=(Role.OPERATOR,),
    moves=True,
)


@_booking(
    "movement.booked.v1",
    100,
    by=(Role.FORWARDER, Role.SHIPPER, Role.OPERATOR),
    authority=(Role.FORWARDER, Role.SHIPPER),
    also=(Role.OPERATOR,),
    closes=Episode.BOOKING_CANCELLED,
    moves=True,
    document="booking",
)
class Booked(Milestone):
    """A forwarder or shipper booked space on a train."""

    place_of_receipt: Place | None = None
    place_of_delivery: Place | None = None
    container_quantity: Count | None = None


@_booking(
    "movement.booking_confirmed.v1",
    101,
    closes=Episode.BOOKING_REJECTED,
    moves=True,
    answers=("movement.booked.v1",),
)
class BookingConfirmed(Milestone):
    """The operator confirmed a booking."""

    train: Identifier | None = None


@_booking(
    "movement.booking_rejected.v1",
    102,
    opens=Episode.BOOKING_REJECTED,
    answers=("movement.booked.v1",),
    owner=Role.FORWARDER,
    due=DAY,
)
class BookingRejected(Milestone):
    """The operator refused a booking."""

    reason: Literal["NO_SLOT", "EMBARGO", "COMMODITY", "DANGEROUS_GOODS", "CREDIT", "OTHER"]


@_booking(
    "movement.booking_cancelled.v1",
    103,
    by=(Role.OPERATOR, Role.FORWARDER, Role.SHIPPER),
    authority=(Role.OPERATOR, Role.FORWARDER, Role.SHIPPER),
    opens=Episode.BOOKING_CANCELLED,
    answers=("movement.booked.v1",),
    owner=Role.FORWARDER,
    due=DAY,
)
class BookingCancelled(Milestone):
    """A booking was withdrawn by the party that made or confirmed it."""

    reason: Literal["CUSTOMER", "OPERATOR", "NO_CARGO", "OTHER"]


@_terminal(
    "movement.empty_released.v1",
    200,
    by=(Role.CONTAINER_OWNER, Role.TERMINAL, Role.OPERATOR),
    authority=(Role.CONTAINER_OWNER,),
    territory=Territory.NONE,
    also=(Role.TERMINAL,),
    tolerance=DAY,
    document="release order",
)
class EmptyReleased(Milestone):
    """The owner of a container released it empty for stuffing."""

    container_owner_order: Code | None = None


@_terminal(
    "movement.stuffed.v1",
    201,
    by=(Role.SHIPPER, Role.FORWARDER, Role.TERMINAL, Role.OPERATOR),
    authority=(Role.SHIPPER,),
    territory=Territory.NONE,
    also=(Role.FORWARDER, Role.TERMINAL),
    tolerance=4 * HOUR,
    document="packing list",
)
class Stuffed(Milestone):
    """Cargo was stuffed into containers and sealed."""

    seals: Annotated[tuple[Seal, ...], Field(strict=False, max_length=16)] = ()
    package_quantity: Count | None = None
    gross_weight_kg: Kilograms | None = None
    verified_gross_mass_kg: Kilograms | None = None


@_terminal("movement.gated_in.v1", 202, tolerance=HOUR, document="equipment interchange receipt")
class GatedIn(PlacedMilestone):
    """A container entered the origin terminal."""

    seals: Annotated[tuple[Seal, ...], Field(strict=False, max_length=16)] = ()
    gross_weight_kg: Kilograms | None = None


@_terminal(
    "movement.loaded_on_wagon.v1",
    203,
    about=CARGO | {ObjectKind.WAGON},
    authority=(Role.RAILWAY, Role.TERMINAL),
    also=(Role.TERMINAL,),
    tolerance=2 * HOUR,
    document="wagon list",
)
class LoadedOnWagon(PlacedMilestone):
    """A container was loaded on a wagon at its origin; which wagon it is, a link says."""


_refusal = partial(
    _terminal,
    by=(Role.RAILWAY, Role.TERMINAL, Role.OPERATOR, Role.AUTHORITY),
    authority=(Role.RAILWAY, Role.TERMINAL, Role.AUTHORITY),
    tolerance=DAY,
    moves=False,
    document="dangerous goods declaration",
)


@_refusal(
    "movement.dangerous_goods_rejected.v1",
    210,
    opens=Episode.DANGEROUS_GOODS_REJECTED,
    owner=Role.SHIPPER,
    due=DAY,
)
class DangerousGoodsRejected(PlacedMilestone):
    """Dangerous goods were refused for carriage."""

    un_number: Annotated[str, Field(pattern=r"^[0-9]{4}$")] | None = None
    reason: Literal["UNDECLARED", "CLASS_NOT_ACCEPTED", "PACKAGING", "PAPERS", "OTHER"]


@_refusal(
    "movement.dangerous_goods_accepted.v1",
    211,
    closes=Episode.DANGEROUS_GOODS_REJECTED,
    answers=("movement.dangerous_goods_rejected.v1",),
)
class DangerousGoodsAccepted(PlacedMilestone):
    """Dangerous goods refused before were accepted for carriage."""


_slot = partial(
    event,
    region=Region.MOVEMENT,
    by=(Role.OPERATOR, Role.RAILWAY),
    about=RUNNING,
    authority=(Role.OPERATOR, Role.RAILWAY),
    also=(Role.RAILWAY,),
    tolerance=HOUR,
)


@_slot(
    "movement.train_cancelled.v1",
    220,
    opens=Episode.TRAIN_CANCELLED,
    owner=Role.OPERATOR,
    due=DAY,
)
class TrainCancelled(Milestone):
    """A train does not run; its cargo waits for another slot."""

    reason: Literal["NO_LOCOMOTIVE", "NO_PATH", "RESTRICTION", "NO_CARGO", "INFRASTRUCTURE", "OTHER"]


@_slot(
    "movement.slot_rolled.v1",
    221,
    tolerance=30 * MINUTE,
    closes=Episode.TRAIN_CANCELLED,
    answers=("movement.train_cancelled.v1",),
)
class SlotRolled(Milestone):
    """Cargo of a cancelled train got a slot on another train."""

    train: Identifier
