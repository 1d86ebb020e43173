"""The line: where trains are and were."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from services.api.responses.base import Moment, Shape

Bound = Annotated[
    Literal["WEST", "EAST", ""],
    Field(description="WEST: towards Europe, EAST: towards China; empty: unknown or both."),
]
Counts = Annotated[
    list[int | None],
    Field(
        description="Pairs: ticks since the pair before (of the first: since `from`), and how many from then on; null: fewer than 5."
    ),
]


class TrainOnLine(Shape):
    """One train from its first to its last sign in the period."""

    names: Annotated[
        list[str], Field(description="Its numbers, each of another railway, in the order of use.")
    ]
    bound: Bound
    boxes: int
    stops: Annotated[
        list[int],
        Field(
            description="Four numbers a stop: index in `stations`, ticks since it left the one before (of the first: since `from`), "
            "ticks that it stays, and what it does: 0 stands, 1 waits for its turn at a border, 2 is held on the way, 3 passes "
            "between two reports, by running times."
        ),
    ]


class WaitingTrains(Shape):
    """Trains before a crossing over time."""

    crossing: str
    bound: Bound
    counts: Counts


class HeldTrains(Shape):
    """Trains set aside on the way over time."""

    bound: Bound
    counts: Counts


class LegTrains(Shape):
    """Trains whose names the caller may not see, on one leg over time."""

    from_: Annotated[str, Field(alias="from")]
    to: str
    counts: Counts


class LineRestriction(Shape):
    """A crossing that an authority closed or restricted."""

    place: str
    kind: str
    bound: Literal["WEST", "EAST", "BOTH"]
    from_: Annotated[Moment, Field(alias="from")]
    to: Moment | None
    by: str


class LineFilm(Shape):
    """What was on the line in a period."""

    from_: Annotated[Moment, Field(alias="from")]
    to: Moment
    step: Annotated[int, Field(description="Seconds in a tick.")]
    shown: Annotated[
        Literal["ALL", "OWN", "PUBLIC"],
        Field(
            description="ALL: every train by name; OWN: those that carry the caller's cargo, the others as counts."
        ),
    ]
    stations: list[str]
    trains: list[TrainOnLine]
    waiting: list[WaitingTrains]
    held: list[HeldTrains]
    others: list[LegTrains]
    restrictions: list[LineRestriction]
