"""After the journey: at destination (400), gated out (500), delivered (600), empty returned (700), closed (800)."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Literal

from pydantic import Field

from schemas.events.base import Milestone, PlacedMilestone
from schemas.events.declare import CARGO, RUNNING, event
from schemas.events.spec import DAY, HOUR, MINUTE
from schemas.events.vocabulary import ObjectKind, Region, Role, Territory
from schemas.events.wire import Count, Seal

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
    "movement.unloaded.v1", 401, about=CARGO | {ObjectKind.WAGON, ObjectKind.TRAIN}, tolerance=2 * HOUR
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
