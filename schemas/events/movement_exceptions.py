"""Exceptions on the way (numbers 350 to 369) and harm to cargo (numbers 370 to 389), with the events that end each."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Literal

from pydantic import Field

from schemas.events.base import Milestone, ObjectRef, PartyCode, Place, PlacedMilestone
from schemas.events.declare import CARGO, RUNNING, event
from schemas.events.spec import DAY, HOUR, MINUTE
from schemas.events.vocabulary import Episode, ObjectKind, Region, Role, Territory
from schemas.events.wire import Identifier, Seal

_railway = partial(
    event,
    region=Region.MOVEMENT,
    by=(Role.RAILWAY, Role.OPERATOR, Role.TERMINAL),
    about=RUNNING,
    authority=(Role.RAILWAY,),
    territory=Territory.PLACE,
    also=(Role.OPERATOR,),
    tolerance=HOUR,
)
_contract = partial(
    event,
    region=Region.MOVEMENT,
    by=(Role.RAILWAY, Role.OPERATOR, Role.FORWARDER),
    about=CARGO,
    authority=(Role.RAILWAY,),
    also=(Role.OPERATOR, Role.FORWARDER),
    tolerance=DAY,
    document="consignment note",
)


@_railway("movement.train_held.v1", 350, opens=Episode.TRAIN_HELD, owner=Role.RAILWAY, due=2 * DAY)
class TrainHeld(PlacedMilestone):
    """A train was set aside on the way."""

    reason: Literal["CONGESTION", "RESTRICTION", "NO_LOCOMOTIVE", "TECHNICAL", "CUSTOMS", "OTHER"]


@_railway("movement.train_resumed.v1", 351, closes=Episode.TRAIN_HELD, answers=("movement.train_held.v1",))
class TrainResumed(PlacedMilestone):
    """A train that was set aside goes on."""


@_railway("movement.wagon_broken.v1", 352, opens=Episode.WAGON_BROKEN, owner=Role.RAILWAY, due=3 * DAY)
class WagonBroken(PlacedMilestone):
    """A wagon was found in bad order and taken out of its train."""

    fault: Literal["WHEELSET", "BRAKE", "COUPLER", "BODY", "LOADING", "OTHER"] = "OTHER"


@_railway(
    "movement.wagon_restored.v1", 353, closes=Episode.WAGON_BROKEN, answers=("movement.wagon_broken.v1",)
)
class WagonRestored(PlacedMilestone):
    """A wagon was repaired, or its cargo was moved to another one."""

    remedy: Literal["REPAIRED", "RELOADED"] = "REPAIRED"


@_railway("movement.queued.v1", 354, opens=Episode.QUEUED, owner=Role.RAILWAY, due=3 * DAY)
class Queued(PlacedMilestone):
    """A train or cargo waits at a border or junction for its turn."""

    position: Annotated[int, Field(ge=1, le=100_000)] | None = None


@_railway("movement.queue_left.v1", 355, closes=Episode.QUEUED, answers=("movement.queued.v1",))
class QueueLeft(PlacedMilestone):
    """A train or cargo that waited at a border or junction had its turn."""


_pickup = partial(
    _railway,
    by=(Role.TERMINAL, Role.FORWARDER, Role.OPERATOR),
    about=CARGO,
    authority=(Role.TERMINAL,),
    also=(Role.FORWARDER,),
)


@_pickup("movement.pickup_queued.v1", 356, opens=Episode.PICKUP_QUEUED, owner=Role.TERMINAL, due=2 * DAY)
class PickupQueued(PlacedMilestone):
    """A container waits for a pickup slot at a terminal, or its slot was moved."""


@_pickup(
    "movement.pickup_slot_given.v1",
    357,
    closes=Episode.PICKUP_QUEUED,
    answers=("movement.pickup_queued.v1",),
)
class PickupSlotGiven(PlacedMilestone):
    """A container that waited got its pickup slot."""


@_contract("movement.split.v1", 360, about=RUNNING, territory=Territory.PLACE, document="train list")
class Split(PlacedMilestone):
    """Cargo of one train or consignment went on in several parts, as at a change of gauge."""

    parts: Annotated[tuple[ObjectRef, ...], Field(strict=False, min_length=2, max_length=16)]

    def check(self) -> None:
        super().check()
        self.check_kinds(self.parts, "parts")


@_contract("movement.merged.v1", 361, about=RUNNING, territory=Territory.PLACE, document="train list")
class Merged(PlacedMilestone):
    """Parts that went separately went on together."""

    parts: Annotated[tuple[ObjectRef, ...], Field(strict=False, min_length=2, max_length=16)]

    def check(self) -> None:
        super().check()
        self.check_kinds(self.parts, "parts")


@_contract("movement.reconsigned.v1", 362, opens=Episode.RECONSIGNED, owner=Role.OPERATOR, due=DAY)
class Reconsigned(Milestone):
    """A cargo got another destination or consignee by an order recorded in the note."""

    order_number: Identifier
    place_of_delivery: Place | None = None
    consignee: PartyCode | None = None


@_contract(
    "movement.reconsignment_settled.v1",
    363,
    closes=Episode.RECONSIGNED,
    answers=("movement.reconsigned.v1",),
)
class ReconsignmentSettled(Milestone):
    """A changed destination or consignee was accepted, or the order was withdrawn."""

    outcome: Literal["ACCEPTED", "WITHDRAWN"]


@_contract("movement.returned.v1", 364, opens=Episode.RETURNED, owner=Role.FORWARDER, due=7 * DAY)
class Returned(Milestone):
    """A cargo is being sent back to where it came from."""

    reason: Literal["CUSTOMS", "REFUSED_BY_CONSIGNEE", "RESTRICTION", "ORDER_OF_SHIPPER", "OTHER"]


@_contract(
    "movement.abandoned.v1",
    365,
    by=(Role.CONSIGNEE, Role.SHIPPER, Role.FORWARDER, Role.OPERATOR, Role.TERMINAL),
    authority=(Role.CONSIGNEE, Role.SHIPPER),
    opens=Episode.ABANDONED,
    owner=Role.FORWARDER,
    due=7 * DAY,
    document="declaration of abandonment",
)
class Abandoned(Milestone):
    """The party entitled to the cargo gave it up, or nobody claimed it."""


@_contract(
    "movement.resent.v1",
    366,
    closes=Episode.RETURNED,
    answers=("movement.returned.v1",),
)
class Resent(Milestone):
    """A cargo that was being sent back goes forward again."""


@_contract(
    "movement.reclaimed.v1",
    367,
    by=(Role.CONSIGNEE, Role.SHIPPER, Role.FORWARDER, Role.OPERATOR, Role.TERMINAL),
    authority=(Role.CONSIGNEE, Role.SHIPPER),
    closes=Episode.ABANDONED,
    answers=("movement.abandoned.v1",),
)
class Reclaimed(Milestone):
    """A cargo that was given up is claimed after all."""


_CARGO = CARGO | {ObjectKind.WAGON}
Seals = Annotated[tuple[Seal, ...], Field(strict=False, max_length=16)]
MilliCelsius = Annotated[int, Field(ge=-100_000, le=100_000)]

_survey = partial(
    event,
    region=Region.MOVEMENT,
    by=(Role.RAILWAY, Role.TERMINAL, Role.OPERATOR, Role.FORWARDER, Role.CONSIGNEE, Role.CUSTOMS),
    about=_CARGO,
    authority=(Role.RAILWAY, Role.TERMINAL, Role.CUSTOMS),
    territory=Territory.PLACE,
    also=(Role.RAILWAY, Role.TERMINAL),
    tolerance=DAY,
    document="survey report",
)


@_survey("movement.seal_broken.v1", 370, opens=Episode.SEAL_BROKEN, owner=Role.RAILWAY, due=DAY)
class SealBroken(PlacedMilestone):
    """A seal was found broken or missing, or was broken on purpose."""

    seals: Seals = ()
    cause: Literal["FOUND_BROKEN", "FOUND_MISSING", "OPENED_BY_CUSTOMS", "OPENED_BY_CARRIER"]


@_survey(
    "movement.resealed.v1",
    371,
    closes=Episode.SEAL_BROKEN,
    answers=("movement.seal_broken.v1",),
)
class Resealed(PlacedMilestone):
    """New seals were put on."""

    seals: Annotated[tuple[Seal, ...], Field(strict=False, min_length=1, max_length=16)]


@_survey("movement.damaged.v1", 372, opens=Episode.DAMAGED, owner=Role.FORWARDER, due=3 * DAY)
class Damaged(PlacedMilestone):
    """Damage to a container or to its cargo was found."""

    severity: Literal["MINOR", "MAJOR", "TOTAL_LOSS"]
    concerns: Literal["CONTAINER", "CARGO", "BOTH"]


@_survey(
    "movement.damage_settled.v1",
    373,
    closes=Episode.DAMAGED,
    answers=("movement.damaged.v1",),
)
class DamageSettled(PlacedMilestone):
    """Damage was surveyed and repaired, accepted or claimed."""

    report_number: Identifier | None = None
    outcome: Literal["REPAIRED", "ACCEPTED", "CLAIMED"]


@_survey(
    "movement.lost.v1",
    374,
    opens=Episode.LOST,
    owner=Role.RAILWAY,
    due=3 * DAY,
    document="search request",
)
class Lost(Milestone):
    """A container, a wagon or a cargo cannot be found."""


@_survey("movement.found.v1", 375, closes=Episode.LOST, answers=("movement.lost.v1",))
class Found(PlacedMilestone):
    """What was lost has been found."""


_sensor = partial(
    _survey,
    by=(Role.RAILWAY, Role.TERMINAL, Role.OPERATOR, Role.FORWARDER, Role.CONTAINER_OWNER),
    about=CARGO,
    authority=(Role.CONTAINER_OWNER, Role.OPERATOR),
    territory=Territory.NONE,
    also=(Role.RAILWAY,),
    tolerance=30 * MINUTE,
    document="sensor reading",
)


@_sensor(
    "movement.temperature_alarm.v1",
    376,
    opens=Episode.TEMPERATURE,
    owner=Role.OPERATOR,
    due=4 * HOUR,
)
class TemperatureAlarm(Milestone):
    """A cargo's temperature left its allowed range; values in thousandths of a degree Celsius."""

    measured_millicelsius: MilliCelsius
    lowest_millicelsius: MilliCelsius | None = None
    highest_millicelsius: MilliCelsius | None = None


@_sensor(
    "movement.temperature_normal.v1",
    377,
    closes=Episode.TEMPERATURE,
    answers=("movement.temperature_alarm.v1",),
)
class TemperatureNormal(Milestone):
    """A cargo's temperature is within its allowed range again; in thousandths of a degree Celsius."""

    measured_millicelsius: MilliCelsius
