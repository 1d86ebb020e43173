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


class ComparedValue(Shape):
    """A value that a check compared, and the event that states it."""

    written: Annotated[str, Field(description="As written.")]
    paper: Literal[
        "DATASET", "CN_DECLARATION", "EAEU_DECLARATION", "EAEU_TRANSIT", "EAEU_CORRECTION", "WCO_DECLARATION", "RAIL_NOTE"
    ]  # fmt: skip
    event: EventName
    at: Annotated[str, Field(description="JSON pointer within what the event states.")]


class DatedTolerance(Shape):
    """The row of the table of tolerances by which a check decided."""

    name: str
    value: str
    unit: str
    source: str
    valid_from: str


class DatedRow(Shape):
    """The row of a code list or of an authority's table by which a check decided."""

    name: str
    row: str
    source: str
    valid_from: str


class FindingExplanation(Shape):
    """A signed explanation; the text only to its author and to whoever may read every value."""

    by: str
    at: Moment
    text: str | None


class FindingOfTrade(Shape):
    """What one check says of one pair of lines, or of the whole. What is null stands in papers that the caller may not read whole."""

    check: Annotated[str, Field(pattern=r"^D[0-9]{2}$")]
    verdict: Literal["MATCH", "REVIEW", "CONTRADICTION", "NOT_COMPARABLE", "MISSING"]
    lines: Annotated[str, Field(description="Lines as their papers number them; empty for the whole.")]
    explained: Annotated[bool, Field(description="Whether an explanation of these values counts.")]
    digest: Annotated[
        str | None,
        Field(description="By which it is explained (`trade.finding_explained`); it betrays no value."),
    ]
    reason: str | None
    values: list[ComparedValue] | None
    arithmetic: str | None
    tolerance: DatedTolerance | None
    table: DatedRow | None
    explanations: list[FindingExplanation]


class TradeFindings(Shape):
    """The findings of one trade, in the order of the checks."""

    dataset: str
    as_of: Annotated[str, Field(description="The latest day of what is stated: its tables decided.")]
    checks: Annotated[str, Field(description="The version of the checks.")]
    findings: list[FindingOfTrade]
