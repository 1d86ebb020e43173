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
