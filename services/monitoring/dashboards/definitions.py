"""Declarations of dashboards, independent of Grafana's JSON, with their uids and the links shared by panels."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

PREFIX = "lianyun-"


class Kind(StrEnum):
    """The visualization of a panel."""

    NUMBER = "stat"
    LINES = "timeseries"
    BARS = "bargauge"
    TABLE = "table"


@dataclass(frozen=True, slots=True)
class Metric:
    """PromQL, and the legend of its series (``{{label}}``)."""

    expression: str
    legend: str = ""


@dataclass(frozen=True, slots=True)
class Rows:
    """SQL on the views of the schema ``dashboard``; its columns are those of a table."""

    statement: str


Query = Metric | Rows


@dataclass(frozen=True, slots=True)
class Link:
    """A link to the dashboard ``to`` (its uid), with the variables ``having`` set."""

    title: str
    to: str
    having: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel. ``empty`` says why it may show nothing; without it, an empty panel is a fault.

    ``cells`` link the values of a column; ``units`` and ``widths`` (pixels) override those of columns. A number is red from ``alarming``
    on and below ``alarming_below``, orange from ``worrying`` on, and green otherwise; without any of them it is neither good nor bad, and has no
    colour. Raises ValueError where something is missing that a reader needs.
    """

    title: str
    unit: str
    description: str
    kind: Kind
    queries: tuple[Query, ...]
    down: tuple[Link, ...]
    empty: str = ""
    width: int = 12
    height: int = 8
    worrying: float | None = None
    alarming: float | None = None
    alarming_below: float | None = None
    cells: Mapping[str, Link] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)
    widths: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("title", "unit", "description", "queries", "down"):
            if not getattr(self, name):
                raise ValueError(f"the panel {self.title!r} has no {name}")
        if not self.description.endswith("."):
            raise ValueError(f"{self.title}: the description is a sentence")

    @property
    def judges(self) -> bool:
        """Whether it says of its values which are good."""
        return (self.worrying, self.alarming, self.alarming_below) != (None, None, None)


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable: the values of ``label`` of the series ``of``, initially all; without ``of``, a text box."""

    name: str
    title: str
    of: str = ""
    label: str = ""


@dataclass(frozen=True, slots=True)
class Annotation:
    """An annotation: points or spans of time drawn across every panel. It may be empty without a reason."""

    name: str
    colour: str
    query: Query
    title: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """Panels under a heading."""

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True, slots=True)
class Dashboard:
    """A dashboard. ``name`` determines its uid and its file."""

    name: str
    title: str
    description: str
    rows: tuple[Row, ...]
    variables: tuple[Variable, ...] = ()
    links: tuple[Link, ...] = ()
    since: str = "now-6h"

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z]+(-[a-z]+)*", self.name):
            raise ValueError(f"{self.name}: a dashboard is named in lower case, with hyphens")

    @property
    def uid(self) -> str:
        """The uid used by links and alerts."""
        return PREFIX + self.name

    @property
    def panels(self) -> tuple[Panel, ...]:
        """The panels of all rows."""
        return tuple(panel for row in self.rows for panel in row.panels)


CONTROL_TOWER_UID = PREFIX + "control-tower"
BORDER_BOARD_UID = PREFIX + "border-board"
PIPELINE_UID = PREFIX + "pipeline-health"
PARTNERS_UID = PREFIX + "partner-quality"
FINANCING_UID = PREFIX + "financing"
OBJECTIVES_UID = PREFIX + "promises"

TO_BORDER = Link("Border board", BORDER_BOARD_UID)
TO_CROSSING = Link("Trains at this crossing", BORDER_BOARD_UID, {"crossing": "${__field.labels.crossing}"})
TO_CORRIDOR = Link(
    "Trains at this corridor's crossing", BORDER_BOARD_UID, {"crossing": "${__field.labels.corridor}"}
)
TO_PIPELINE = Link("Pipeline health", PIPELINE_UID)
TO_PARTNERS = Link("Partners and dead letters", PARTNERS_UID)
TO_PARTNER = Link("This partner", PARTNERS_UID, {"partner": "${__field.labels.partner}"})
TO_FINANCING = Link("Financing and bank API", FINANCING_UID)
TO_OBJECTIVES = Link("Promises and error budgets", OBJECTIVES_UID)
