"""What answers have in common."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Moment = Annotated[
    str,
    Field(
        description="RFC 3339 with an offset.",
        json_schema_extra={"format": "date-time"},
        examples=["2026-03-02T02:00:00Z"],
    ),
]
Cursor = str
NextCursor = Annotated[
    Cursor | None,
    Field(description="The cursor of the next page; null on the last. Opaque: pass it on unchanged."),
]


class Shape(BaseModel):
    """An object of an answer. Further members may come at any time."""

    model_config = ConfigDict(extra="allow", frozen=True)


class EventName(Shape):
    """The event that says so, by its publisher's source and id."""

    source: str
    id: str
