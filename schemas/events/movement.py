"""On the way and after the journey: departure to running position (numbers 300 to 349), at destination (400), gated out (500),
delivered (600), empty returned (700), closed (800).
"""

from __future__ import annotations

from functools import partial
from typing import Annotated, Literal

from pydantic import Field

from schemas.events.base import Classifier, Milestone, PartyCode, Place, PlacedMilestone
from schemas.events.declare import CARGO, RUNNING, event
from schemas.events.spec import DAY, HOUR, MINUTE
from schemas.events.vocabulary import ObjectKind, Region, Role, Territory
from schemas.events.wire import Count, Identifier, Seal

_running = partial(
    event,
    region=Region.MOVEMENT,
    by=(Role.RAILWAY, Role.OPERATOR, Role.TERMINAL, Role.FORWARDER),
    about=RUNNING,
    authority=(Role.RAILWAY,),
    territory=Territory.PLACE,
    also=(Role.OPERATOR,),
    moves=True,
)

Gauge = Literal[1435, 1520, 1668]
"""Track gauge in millimetres."""


@_running("movement.departed.v1", 300, tolerance=30 * MINUTE, document="train list")
class Departed(PlacedMilestone):
    """A train, wagon or cargo left a station or border point."""


@_running("movement.arrived.v1", 301, tolerance=30 * MINUTE, document="train list")
class Arrived(PlacedMilestone):
    """A train, wagon or cargo arrived at a station or border point on its way."""


@_running(
    "movement.handed_over.v1",
    302,
    by=(Role.RAILWAY, Role.TERMINAL),
    also=(Role.RAILWAY,),
    tolerance=HOUR,
    document="hand-over list",
)
class HandedOver(PlacedMilestone):
    """One side of a hand-over between railways signed for its set of containers.

    The hand-over is confirmed only when the other side has signed for the same set. Either side may name the border by
    its own station and its own run in ``occurrence``, or none: lists of one run meet, and others by border, boxes and time. ``objects``
    name the containers and may name the trains; the two train numbers differ, because the number changes at every network.
    """

    side: Literal["DELIVERING", "RECEIVING"]
    counterparty: PartyCode
    delivered_train: Identifier | None = None
    received_train: Identifier | None = None
    list_number: Identifier | None = None


@_running(
    "movement.advance_list_sent.v1",
    303,
    by=(Role.RAILWAY, Role.OPERATOR),
    moves=False,
    document="advance list",
)
class AdvanceListSent(PlacedMilestone):
    """A delivering railway announced the containers that it is going to hand over; always planned."""

    classifier: Literal[Classifier.PLN]
    counterparty: PartyCode
    delivered_train: Identifier | None = None
    list_number: Identifier | None = None


@_running(
    "movement.transshipped.v1",
    304,
    about=CARGO | {ObjectKind.TRAIN},
    authority=(Role.RAILWAY, Role.TERMINAL),
    also=(Role.RAILWAY, Role.TERMINAL),
    tolerance=HOUR,
    document="transfer act",
)
class Transshipped(PlacedMilestone):
    """Cargo changed to wagons of another gauge."""

    gauge_from: Gauge
    gauge_to: Gauge
    method: Literal["CRANE", "BOGIES"] = "CRANE"


@_running("movement.position_reported.v1", 305, tolerance=None)
class PositionReported(PlacedMilestone):
    """A train reported where it is while running."""

    next_place: Place | None = None
    delay_minutes: Annotated[int, Field(ge=-1_440, le=525_600)] | None = None


_vessel = partial(
    _running,
    about=CARGO,
    by=(Role.TERMINAL, Role.OPERATOR, Role.FORWARDER),
    authority=(Role.TERMINAL,),
    tolerance=2 * HOUR,
)


@_vessel("movement.loaded_on_vessel.v1", 306)
class LoadedOnVessel(PlacedMilestone):
    """Cargo was loaded on a vessel, as on the Caspian leg."""

    vessel_imo: Annotated[str, Field(pattern=r"^[0-9]{7}$")] | None = None


@_vessel("movement.discharged_from_vessel.v1", 307)
class DischargedFromVessel(PlacedMilestone):
    """Cargo was discharged from a vessel."""

    vessel_imo: Annotated[str, Field(pattern=r"^[0-9]{7}$")] | None = None


_terminal = partial(
    event,
    region=Region.MOVEMENT,
    by=(Role.TERMINAL, Role.RAILWAY, Role.OPERATOR, Role.FORWARDER),
    about=CARGO,
    authority=(Role.TERMINAL,),
    territory=Territory.PLACE,
    also=(Role.RAILWAY, Role.OPERATOR),
    moves=True,
)


@_terminal(
    "movement.arrived_at_destination.v1",
    400,
    about=RUNNING,
    authority=(Role.RAILWAY, Role.TERMINAL),
    tolerance=30 * MINUTE,
)
class ArrivedAtDestination(PlacedMilestone):
    """A train or its cargo arrived at the destination terminal."""


@_terminal(
    "movement.unloaded.v1",
    401,
    about=CARGO | {ObjectKind.WAGON, ObjectKind.TRAIN},
    authority=(Role.RAILWAY, Role.TERMINAL),
    tolerance=2 * HOUR,
)
class Unloaded(PlacedMilestone):
    """A container was taken off its wagon at the destination terminal."""


@_terminal("movement.available.v1", 402, tolerance=4 * HOUR, document="arrival notice")
class Available(PlacedMilestone):
    """Cargo may be picked up at the destination terminal."""

    free_days: Annotated[int, Field(ge=0, le=365)] | None = None


@_terminal("movement.gated_out.v1", 500, tolerance=HOUR, document="equipment interchange receipt")
class GatedOut(PlacedMilestone):
    """A container left the destination terminal."""

    seals: Annotated[tuple[Seal, ...], Field(strict=False, max_length=16)] = ()


@_terminal(
    "movement.delivered.v1",
    600,
    by=(Role.CONSIGNEE, Role.FORWARDER, Role.OPERATOR, Role.TERMINAL),
    authority=(Role.CONSIGNEE,),
    territory=Territory.NONE,
    also=(Role.FORWARDER,),
    tolerance=4 * HOUR,
    document="proof of delivery",
)
class Delivered(Milestone):
    """The consignee received the cargo."""

    condition: Literal["AS_DOCUMENTED", "SHORT", "DAMAGED", "REFUSED"] = "AS_DOCUMENTED"
    package_quantity: Count | None = None


@_terminal(
    "movement.empty_returned.v1",
    700,
    by=(Role.TERMINAL, Role.CONTAINER_OWNER, Role.FORWARDER, Role.OPERATOR),
    authority=(Role.TERMINAL, Role.CONTAINER_OWNER),
    also=(Role.CONTAINER_OWNER,),
    tolerance=DAY,
    document="equipment interchange receipt",
)
class EmptyReturned(PlacedMilestone):
    """A container came back empty to a depot."""


@_terminal(
    "movement.closed.v1",
    800,
    by=(Role.PLATFORM, Role.OPERATOR, Role.FORWARDER),
    authority=(Role.PLATFORM, Role.OPERATOR),
    territory=Territory.NONE,
    also=(),
    tolerance=DAY,
)
class Closed(Milestone):
    """Nothing more is expected of the consignment: its claim window has passed."""
