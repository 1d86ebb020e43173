"""Control by customs (numbers 1100 to 1199 inspection, 1310 seals, 1400 risk assessment before entry)."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Literal

from pydantic import Field

from schemas.events.base import CustomsMilestone
from schemas.events.declare import CARGO, event
from schemas.events.spec import DAY, HOUR, MINUTE
from schemas.events.vocabulary import Episode, ObjectKind, Region, Role, Territory
from schemas.events.wire import Code, Commodity, Seal

_control = partial(
    event,
    region=Region.CUSTOMS,
    by=(Role.CUSTOMS, Role.FORWARDER, Role.OPERATOR, Role.RAILWAY, Role.TERMINAL),
    about=CARGO | {ObjectKind.DECLARATION, ObjectKind.TRAIN, ObjectKind.WAGON},
    authority=(Role.CUSTOMS,),
    territory=Territory.JURISDICTION,
    also=(Role.TERMINAL, Role.FORWARDER),
    tolerance=60 * MINUTE,
    moves=True,
    document="inspection order",
)


@_control(
    "customs.selected_for_inspection.v1",
    1100,
    opens=Episode.INSPECTION,
    owner=Role.FORWARDER,
    due=3 * DAY,
)
class SelectedForInspection(CustomsMilestone):
    """Customs selected the goods for inspection."""

    method: Literal["DOCUMENTS", "SCAN", "PHYSICAL", "SAMPLE"] | None = None


@_control(
    "customs.inspection_passed.v1",
    1101,
    closes=Episode.INSPECTION,
    answers=("customs.selected_for_inspection.v1",),
)
class InspectionPassed(CustomsMilestone):
    """An inspection ended without a finding."""


@_control(
    "customs.inspection_finding.v1",
    1102,
    opens=Episode.INSPECTION,
    answers=("customs.selected_for_inspection.v1",),
    owner=Role.FORWARDER,
    due=3 * DAY,
)
class InspectionFinding(CustomsMilestone):
    """An inspection found something; it stays open until the finding is settled."""

    finding: Literal[
        "QUANTITY", "COMMODITY_CODE", "VALUE", "ORIGIN", "RIGHTS", "PROHIBITED", "PAPERS", "OTHER"
    ]
    commodities: Annotated[tuple[Commodity, ...], Field(strict=False, max_length=256)] = ()


@_control(
    "customs.finding_settled.v1",
    1103,
    closes=Episode.INSPECTION,
    answers=("customs.inspection_finding.v1",),
)
class FindingSettled(CustomsMilestone):
    """A finding of an inspection was settled."""

    outcome: Literal["CORRECTED", "PENALTY", "WITHDRAWN", "OTHER"]


_seal = partial(_control, moves=False, document="seal record")


@_seal("customs.navigation_seal_applied.v1", 1310)
class NavigationSealApplied(CustomsMilestone):
    """A navigation seal was put on, to be tracked through the territory."""

    seals: Annotated[tuple[Seal, ...], Field(strict=False, min_length=1, max_length=16)]


@_seal("customs.navigation_seal_removed.v1", 1311, answers=("customs.navigation_seal_applied.v1",))
class NavigationSealRemoved(CustomsMilestone):
    """A navigation seal was taken off."""

    seals: Annotated[tuple[Seal, ...], Field(strict=False, min_length=1, max_length=16)]


_ens = partial(
    _control,
    by=(Role.CUSTOMS, Role.RAILWAY, Role.FORWARDER, Role.OPERATOR),
    also=(Role.RAILWAY, Role.FORWARDER),
    tolerance=15 * MINUTE,
    document="entry summary declaration",
)


@_ens("customs.ens_assessed.v1", 1400, closes=Episode.ENS_REFERRED, answers=("customs.ens_lodged.v1",))
class EnsAssessed(CustomsMilestone):
    """The risk assessment of an entry summary declaration ended: the goods may enter."""

    outcome: Literal["OK"] = "OK"


@_ens(
    "customs.ens_referred.v1",
    1401,
    opens=Episode.ENS_REFERRED,
    answers=("customs.ens_lodged.v1",),
    owner=Role.FORWARDER,
    due=6 * HOUR,
)
class EnsReferred(CustomsMilestone):
    """The risk assessment of an entry summary declaration asks for more, or forbids loading or entry for now."""

    outcome: Literal["RFI", "DO_NOT_LOAD", "HOLD"]
    referral: Code | None = None
