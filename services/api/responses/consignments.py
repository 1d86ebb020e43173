"""Consignments and their timelines. What a caller may not see is null or left out of its list."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from services.api.responses.base import EventName, Moment, NextCursor, Shape


class ClaimShown(Shape):
    """One publisher's word. A masked claim keeps milestone, classifier, time and jurisdiction; the rest is null."""

    milestone: str
    phase: int
    classifier: Literal["ACT", "EST", "PLN"]
    happened: Moment
    place: str | None = None
    place_name: str | None = None
    object: Annotated[str | None, Field(description="kind:key; a number may be shown as its digest.")] = None
    jurisdiction: str | None = None
    occurrence: str | None = None
    by: Annotated[str | None, Field(description="The publisher's party code.")] = None
    assurance: Literal["SIGNED_BY_AUTHORITY", "RELAYED", "ASSERTED"] | None = None
    published: Moment | None = None
    event: EventName | None = None
    corrects: Annotated[
        EventName | None, Field(description="The event of the same source that it was published instead of.")
    ] = None


class Recorded(ClaimShown):
    """A claim of the timeline."""

    standing: Literal["COUNTED", "SUPERSEDED", "UNENGAGED"]
    because: Annotated[
        Literal["PUBLISHER_NO_PARTY", "LINK_BY_NO_PARTY", "ENDS_OWN_LINK_ONLY"] | None,
        Field(
            description="Why it is UNENGAGED. ENDS_OWN_LINK_ONLY ends an assignment that its publisher stated, and counts for nothing else."
        ),
    ] = None
    finding: Annotated[str | None, Field(description="The category of an inspection's finding.")] = None
    recorded: Annotated[Moment, Field(description="When the platform's log took it: tells late news apart.")]


class BoxShown(Shape):
    """A container of the consignment and where it is."""

    container: str
    holds_cargo: bool
    counted: bool
    position: ClaimShown | None


class AssignmentShown(Shape):
    """One side of a contradiction of links. What leads to a consignment that is not the caller's to see is null but for the kind."""

    kind: str
    left: str | None = None
    right: str | None = None
    from_: Annotated[Moment | None, Field(alias="from")] = None
    to: Moment | None = None
    by: Annotated[str | None, Field(description="The publisher's party code.")] = None
    published: Moment | None = None
    event: EventName | None = None
    ours: Annotated[bool, Field(description="Whether it leads to this consignment.")]
    counts: Annotated[bool | None, Field(description="Whether its publisher is a party here.")] = None


class LinkDisputeShown(Shape):
    """Two publishers assign an object to different ones in an interval, whether or not anything has happened to it."""

    object: str
    from_: Annotated[Moment, Field(alias="from")]
    to: Moment | None
    sides: list[AssignmentShown]


class GoodsShown(Shape):
    """An HS code of the cargo, as many digits of it as the caller may see."""

    hs: str
    by: str


class Consignment(Shape):
    """A consignment as the caller may see it, as of ``as_of``."""

    consignment: Annotated[str, Field(description="Its id: the founding party and that party's reference.")]
    members: list[str]
    as_of: Moment
    founded_by: list[str]
    engaged: list[str]
    movement: ClaimShown | None
    boxes: list[BoxShown]
    boxes_behind: int
    customs: Annotated[dict[str, ClaimShown], Field(description="The latest customs fact by jurisdiction.")]
    document: ClaimShown | None
    disputes: list[dict[str, Any]]
    disputed_links: Annotated[
        list[LinkDisputeShown],
        Field(description="Two publishers assign one box, wagon or train to different things."),
    ]
    exceptions: list[dict[str, Any]]
    handovers: list[dict[str, Any]]
    route: list[str] | None
    restrictions: Annotated[
        list[dict[str, Any]],
        Field(
            description="In force on the rest of the route; `to` is the known end, by the order or its lifting."
        ),
    ]
    announced_restrictions: Annotated[
        list[dict[str, Any]], Field(description="On the rest of the route, beginning later.")
    ]
    past_restrictions: Annotated[
        list[dict[str, Any]],
        Field(
            description="In force while their place lay ahead of the cargo: ended since (PAST), or behind it (PASSED)."
        ),
    ]
    overdue: list[ClaimShown]
    silent: bool
    not_live: Annotated[
        list[dict[str, Any]],
        Field(
            description="Events about it that do not count: withdrawn (with what corrected or retracted them), in a cycle of "
            "corrections, or equivocating (with each content under the one id)."
        ),
    ]
    goods: list[GoodsShown] | None
    invoices: list[dict[str, Any]] | None
    shown: Annotated[dict[str, str], Field(description="How each group of fields is shown to the caller.")]


class ConsignmentSummary(Shape):
    """A consignment in a list."""

    consignment: str
    movement: ClaimShown | None
    boxes: int
    boxes_behind: int
    disputes: int
    disputed_links: Annotated[
        int,
        Field(description="Assignments that another publisher contradicts, also before anything has moved."),
    ]
    exceptions: int


class UnreachedFact(ClaimShown):
    """A fact of the caller that reaches no consignment that it may see."""

    counts: Annotated[bool, Field(description="False where the caller took it back or signed it twice.")]
    because: Annotated[
        list[dict[str, Any]],
        Field(
            description="Where its ways end: `reason` (NONE_VISIBLE, AFTER_ASSIGNMENT, BEFORE_ASSIGNMENT, LINK_ or FOUNDING_ with "
            "WITHDRAWN, EQUIVOCATES or IN_CYCLE), the `assignment`, the event that `said` it, and those that it was `withdrawn_by`."
        ),
    ]


class Unreached(Shape):
    """What the caller itself published about an object and what reaches no consignment that it may see."""

    object: str
    facts: list[UnreachedFact]
    foundings: Annotated[
        list[dict[str, Any]],
        Field(description="Its foundings of this consignment that do not count, with their variants."),
    ]


class ConsignmentPage(Shape):
    """Consignments that an identifier leads to, as far as the caller may see them."""

    items: list[ConsignmentSummary]
    next: NextCursor
    unreached: list[Unreached]


class TimelinePage(Shape):
    """Claims in the order in which they were recorded."""

    items: list[Recorded]
    next: NextCursor
