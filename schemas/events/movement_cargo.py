"""Harm to cargo (numbers 370 to 389): seals, damage, loss, temperature; and what ends each."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Literal

from pydantic import Field

from schemas.events.base import Milestone, PlacedMilestone
from schemas.events.declare import CARGO, event
from schemas.events.spec import DAY, HOUR, MINUTE
from schemas.events.vocabulary import Episode, ObjectKind, Region, Role, Territory
from schemas.events.wire import Identifier, Seal

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
