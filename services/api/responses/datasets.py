"""Answers about trades: the versions of their data, how they follow one another, what changed."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from services.api.responses.base import EventName, Moment, Shape


class Statement(Shape):
    """An event that states the version."""

    event: EventName
    by: str
    published: Moment


class NotCounted(Statement):
    """A version that counts for nobody; only its publisher and the trade's owner are shown it."""

    because: Literal["UNENGAGED", "WITHDRAWN", "EQUIVOCATES", "IN_CYCLE"]


class ValueChanged(Shape):
    """A value that the version before states otherwise, or not at all (null)."""

    path: str
    before: Any
    after: Any


class Version(Shape):
    """A version of the trade's data; equal ones of several publishers are one."""

    version: int
    digest: Annotated[str | None, Field(description="Null where the price is not shown.")]
    previous: Annotated[str | None, Field(description="The digest of the version before, as it names it.")]
    stated: list[Statement]
    head: Annotated[bool, Field(description="No other version follows it.")]
    forked: Annotated[
        bool, Field(description="Another version follows the same one before, or is a first one too.")
    ]
    gap: Annotated[bool, Field(description="The version before is not here.")]
    misnumbered: Annotated[bool, Field(description="Its number does not follow that of the version before.")]
    price: Annotated[bool, Field(description="Whether prices, amounts and charges are shown to the caller.")]
    data: Annotated[dict[str, Any], Field(description="As stated, as far as the caller sees it.")]
    follows: Annotated[EventName | None, Field(description="The version before, where the caller sees it.")]
    changes: list[ValueChanged]


class TradeVersions(Shape):
    """The versions of one trade, by their numbers."""

    dataset: str
    whole: Annotated[bool, Field(description="One unbroken line: no fork, gap or number out of order.")]
    current: Annotated[
        EventName | None, Field(description="The last version of an unbroken line; else null.")
    ]
    versions: list[Version]
    not_counted: list[NotCounted]


class Declared(Shape):
    """A declaration of one side: CN export, DT goods of the EAEU, TD its transit."""

    side: Literal["CN", "DT", "TD", "OTHER"]
    declaration: Annotated[str | None, Field(description="Null where the caller may not see the number.")]
    also: Annotated[
        list[str], Field(description="Further numbers of the same declaration: the declarant's own.")
    ]


class FollowedBy(Shape):
    """The row of the table of what must follow."""

    follows: str
    rule: str
    source: str
    valid_from: str


class ByWhen(Shape):
    """A term; no day where none is known."""

    day: str | None
    source: str


class NotFollowed(Shape):
    """A version of the trade's data, or the moment of an amendment of the other side."""

    version: int | None
    amended: Moment | None


class Behind(Shape):
    """Declarations of one side that have not followed."""

    side: Literal["CN", "DT", "TD"]
    declarations: list[Declared]
    status: Literal["STALE", "FROZEN", "REFUSED"]
    reason: str
    since: NotFollowed
    due: ByWhen


class ElementStatus(Shape):
    """One element of one pair of sides; of a question about one side the other is empty."""

    left: list[Declared]
    right: list[Declared]
    element: Annotated[str, Field(description="The number of the element in the crosswalk of declarations.")]
    lines: Annotated[str, Field(description="Lines of the trade's data by their ids; empty for the whole.")]
    status: Literal["SAME", "ALLOWED", "STALE", "FROZEN", "REFUSED", "QUESTION"]
    reason: str
    values: Annotated[
        list[list[str] | None],
        Field(description="As written, left and right; null where somebody else lodged it."),
    ]
    rule: FollowedBy | None
    behind: list[Behind]
    due: ByWhen | None


class TradeStatuses(Shape):
    """Whether the declarations of one trade are in step, by the tables of a day."""

    dataset: str
    as_of: str
    in_step: bool
    statuses: list[ElementStatus]
