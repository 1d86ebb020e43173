"""Restrictions of a border, line or station (numbers 3000 to 3099); they meet consignments through planned routes."""

from __future__ import annotations

from functools import cached_property, partial
from typing import Annotated, Literal

from pydantic import Field

from schemas.events.base import EventRef, Interval, Payload, Place, Time
from schemas.events.declare import event
from schemas.events.vocabulary import ObjectKind, Region, Role, Territory
from schemas.events.wire import Commodity, Identifier
from schemas.rfc3339 import parse_micros

_network = partial(
    event,
    region=Region.NETWORK,
    by=(Role.RAILWAY, Role.AUTHORITY, Role.CUSTOMS, Role.TERMINAL, Role.OPERATOR),
    about=(ObjectKind.PLACE,),
    authority=(Role.RAILWAY, Role.AUTHORITY, Role.CUSTOMS),
    territory=Territory.PLACE,
    also=(Role.OPERATOR,),
)


@_network("network.restricted.v1", 3000, document="telegram or order")
class Restricted(Interval):
    """A border, line or station is closed, embargoed or not accepting cargo from a time on.

    Without ``to`` it holds until it is lifted; without ``commodities`` it concerns all goods.
    """

    place: Place
    kind: Literal["BORDER_CLOSED", "EMBARGO", "ACCEPTANCE_BAN", "TIGHTENED_CONTROL"]
    direction: Literal["WEST", "EAST", "BOTH"]
    commodities: Annotated[tuple[Commodity, ...], Field(strict=False, max_length=256)] = ()
    order_number: Identifier | None = None


@_network(
    "network.restriction_lifted.v1", 3001, document="telegram or order", answers=("network.restricted.v1",)
)
class RestrictionLifted(Payload):
    """A restriction ends at a time; only the source that restricted can lift."""

    restriction: EventRef
    at: Time

    @cached_property
    def at_micros(self) -> int:
        """``at`` in UTC microseconds; raises Refusal where it is no time that exists."""
        return parse_micros(self.at, "/at")

    def check(self) -> None:
        self.at_micros  # noqa: B018 - read once, kept
