"""A declaration's life before one customs administration (numbers 1000 to 1099 lodging, 1200 to 1399 decisions).

Every step moves the customs status of its jurisdiction: the status is the last step, except where noted.
"""

from __future__ import annotations

from functools import partial
from typing import Annotated, Literal

from pydantic import Field

from schemas.events.base import CustomsMilestone
from schemas.events.declare import CARGO, event
from schemas.events.spec import DAY, MINUTE
from schemas.events.vocabulary import Episode, ObjectKind, Region, Role, Territory
from schemas.events.wire import Commodity, Identifier, Time
from schemas.rfc3339 import parse_micros

_ABOUT = CARGO | {ObjectKind.DECLARATION, ObjectKind.TRAIN, ObjectKind.WAGON}
_declarant = partial(
    event,
    region=Region.CUSTOMS,
    by=(Role.CUSTOMS, Role.FORWARDER, Role.OPERATOR, Role.RAILWAY, Role.SHIPPER, Role.CONSIGNEE),
    about=_ABOUT,
    authority=(Role.CUSTOMS,),
    territory=Territory.JURISDICTION,
    also=(Role.FORWARDER, Role.OPERATOR),
    tolerance=60 * MINUTE,
    moves=True,
    document="customs declaration",
)
_decision = partial(
    _declarant,
    by=(Role.CUSTOMS, Role.FORWARDER, Role.OPERATOR, Role.RAILWAY, Role.TERMINAL),
    tolerance=15 * MINUTE,
    document="customs decision",
)

Commodities = Annotated[tuple[Commodity, ...], Field(strict=False, max_length=256)]
Transit = Literal["T1", "T2", "EAEU", "CN", "TIR", "OTHER"]


@_declarant("customs.export_lodged.v1", 1000)
class ExportLodged(CustomsMilestone):
    """An export declaration was lodged."""

    commodities: Commodities = ()


@_declarant("customs.manifest_accepted.v1", 1001, document="rail manifest")
class ManifestAccepted(CustomsMilestone):
    """Customs accepted the rail manifest of a train."""

    stage: Literal["ORIGINAL", "PRE_MANIFEST", "FAST_CLEARANCE", "LOADING", "ARRIVAL"] | None = None


@_declarant("customs.prior_information_lodged.v1", 1002, document="prior information")
class PriorInformationLodged(CustomsMilestone):
    """Prior information about goods on their way into a customs union was lodged."""


@_declarant("customs.ens_lodged.v1", 1003, document="entry summary declaration")
class EnsLodged(CustomsMilestone):
    """An entry summary declaration was lodged, by the carrier or for a house consignment."""

    level: Literal["MASTER", "HOUSE"]


@_declarant("customs.import_lodged.v1", 1004)
class ImportLodged(CustomsMilestone):
    """An import declaration was lodged."""

    commodities: Commodities = ()


@_declarant(
    "customs.accepted.v1", 1005, closes=Episode.DECLARATION_REJECTED, answers=("customs.rejected.v1",)
)
class Accepted(CustomsMilestone):
    """Customs accepted a declaration and gave it a number."""


@_decision(
    "customs.rejected.v1",
    1006,
    opens=Episode.DECLARATION_REJECTED,
    answers=("customs.export_lodged.v1", "customs.import_lodged.v1", "customs.ens_lodged.v1"),
    owner=Role.FORWARDER,
    due=DAY,
)
class Rejected(CustomsMilestone):
    """Customs rejected a declaration."""

    reason: Literal["DESCRIPTION", "COMMODITY_CODE", "PARTY_ID", "TRANSLATION", "VALUE", "PAPERS", "OTHER"]


@_declarant("customs.amended.v1", 1007, closes=Episode.DECLARATION_REJECTED, moves=False)
class Amended(CustomsMilestone):
    """A declaration was amended; the customs status stays."""

    amendment_number: Annotated[int, Field(ge=1, le=999)] | None = None


@_declarant("customs.cancelled.v1", 1008)
class Cancelled(CustomsMilestone):
    """A declaration was withdrawn or declared invalid."""


@_declarant("customs.transit_lodged.v1", 1009, document="transit declaration")
class TransitLodged(CustomsMilestone):
    """A transit declaration was lodged; the procedure is not open yet."""

    procedure: Transit
    time_limit: Time | None = None
    office_of_destination: Identifier | None = None
    commodities: Commodities = ()

    def check(self) -> None:
        super().check()
        if self.time_limit is not None:
            parse_micros(self.time_limit, "/time_limit")


@_decision("customs.released.v1", 1200)
class Released(CustomsMilestone):
    """Customs released the goods to a procedure.

    An earlier hold or detention by the same administration is over with it.
    """

    procedure: Literal["EXPORT", "IMPORT", "TRANSIT", "WAREHOUSE", "RE_EXPORT"]


@_decision("customs.held.v1", 1201, opens=Episode.CUSTOMS_HELD, owner=Role.FORWARDER, due=3 * DAY)
class Held(CustomsMilestone):
    """Customs holds the goods until something is supplied or decided."""

    reason: Literal["PAPERS", "PAYMENT", "RISK", "RIGHTS", "PERMIT", "OTHER"]


@_decision("customs.hold_lifted.v1", 1202, closes=Episode.CUSTOMS_HELD, answers=("customs.held.v1",))
class HoldLifted(CustomsMilestone):
    """Customs no longer holds the goods."""


@_decision("customs.detained.v1", 1203, opens=Episode.DETAINED, owner=Role.OPERATOR, due=7 * DAY)
class Detained(CustomsMilestone):
    """Customs detained the goods, as in transit at an inland station."""

    ground: Literal["DUAL_USE", "SANCTIONS", "MISDECLARED", "NEIGHBOUR_ON_WAGON", "PROHIBITED", "OTHER"]
    act_number: Identifier | None = None


@_decision("customs.detention_lifted.v1", 1204, closes=Episode.DETAINED, answers=("customs.detained.v1",))
class DetentionLifted(CustomsMilestone):
    """Customs ended a detention."""

    outcome: Literal["CLEARED", "RETURNED", "SEIZED", "OTHER"]


@_decision("customs.exit_cleared.v1", 1205, document="exit confirmation")
class ExitCleared(CustomsMilestone):
    """Customs cleared the goods or their train to leave the country."""


@_decision("customs.transit_opened.v1", 1300, document="transit declaration")
class TransitOpened(CustomsMilestone):
    """A customs transit procedure was opened."""

    procedure: Transit
    time_limit: Time | None = None
    office_of_destination: Identifier | None = None

    def check(self) -> None:
        super().check()
        if self.time_limit is not None:
            parse_micros(self.time_limit, "/time_limit")


@_decision(
    "customs.transit_closed.v1",
    1301,
    document="transit declaration",
    answers=("customs.transit_opened.v1",),
)
class TransitClosed(CustomsMilestone):
    """A customs transit procedure was closed at its destination."""


@_decision(
    "customs.unloading_permitted.v1",
    1302,
    document="unloading permission",
    answers=("customs.transit_opened.v1",),
)
class UnloadingPermitted(CustomsMilestone):
    """Customs at the destination of a transit procedure, to whom the goods were presented, permitted to unload them."""
