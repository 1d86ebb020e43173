"""Statistics of trade and finance by corridor and month."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from services.api.responses.base import Moment, Shape

Month = Annotated[str, Field(description="A month, UTC.", examples=["2025-09"])]


class StatisticDefinition(Shape):
    """What a number is of. The same texts stand at `/statistics/definitions/ID` of the pages."""

    id: str
    title: str
    kind: Literal["DURATION", "SHARE", "AMOUNT"]
    unit: Annotated[
        Literal["HOURS", "PERCENT", "MINOR_UNITS"], Field(description="Of `p10`, `value` and `p90`.")
    ]
    by: Annotated[
        Literal["", "crossing", "currency"], Field(description="What a corridor is split by: see `part`.")
    ]
    parties: Annotated[list[str], Field(description="Who could be recognised in it.")]
    population: str
    counts: str
    leaves_out: str
    since: str
    query: Annotated[
        str, Field(description="The SQL statement that finds the signed events behind it, for psql.")
    ]


class DisclosureRules(Shape):
    """The one rule of what is hidden and rounded; docs/reference/statistics.md."""

    least_contributors: int
    dominance_percent: int
    counts_rounded_to: int


class StatisticFigure(Shape):
    """A published number. What is hidden is not there."""

    definition: str
    corridor: Annotated[str | None, Field(description="Null: all corridors together.")]
    part: Annotated[str, Field(description="The crossing or the currency, as the definition's `by` says.")]
    counted: Annotated[int | None, Field(description="Rounded; of amounts null.")]
    p10: int | None
    value: int
    p90: int | None
    events: Annotated[int, Field(description="About so many signed events are behind it.")]
    inputs: Annotated[str, Field(description="SHA-256 over the ids, in order, of the events behind it; hex.")]


class StatisticMonth(Shape):
    """A month as it stands: its last publication. Nothing follows a final one."""

    month: Month
    as_of: Moment
    revision: int
    final: bool
    definitions: Annotated[str, Field(description="The version of the definitions.")]
    figures: list[StatisticFigure]


class Statistics(Shape):
    """What is published, the last month first."""

    version: str
    rules: DisclosureRules
    definitions: list[StatisticDefinition]
    months: list[StatisticMonth]
