"""What a search found."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from services.api.responses.base import NextCursor, Shape


class SearchHit(Shape):
    """An object that was meant, and the consignments of it that the caller may see."""

    kind: Literal["CONSIGNMENT", "BOOKING", "NOTE", "CONTAINER", "DECLARATION", "WAGON", "TRAIN"]
    id: Annotated[str, Field(description="The key in canonical spelling.")]
    typed: Annotated[str, Field(description="The words of `q` that it was found by.")]
    match: Annotated[
        Literal["EXACT", "LOOK_ALIKE", "CHECK_DIGIT_MISSING", "BEGINS", "ONE_CHARACTER"],
        Field(
            description="Why: as it stands there; as it looks; without its check digit; by its beginning; but for one character."
        ),
    ]
    certainty: Literal["CERTAIN", "LIKELY", "POSSIBLE"]
    consignments: Annotated[list[str], Field(description="Some of them, by their references: at most 5.")]


class SearchPage(Shape):
    """At most 20 hits, the surest first; there is no further page: more characters find more."""

    items: list[SearchHit]
    next: NextCursor
    scope: Annotated[str, Field(description="What was looked at, whatever was found.")]
