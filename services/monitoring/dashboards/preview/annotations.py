"""The annotations of a dashboard: moments and spans that are drawn across every curve."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from services.monitoring.dashboards.preview.frames import Field, Frame, Refused


@dataclass(frozen=True, slots=True)
class Mark:
    """From ``start`` to ``end`` in milliseconds; a moment has no length."""

    name: str
    colour: str
    start: int
    end: int

    def plain(self) -> dict[str, Any]:
        """As JSON."""
        return {"name": self.name, "colour": self.colour, "from": self.start, "to": self.end}


def marks(annotation: Mapping[str, Any], frames: list[Frame], step: int) -> Iterator[Mark]:
    """What ``frames`` say: rows with ``time`` and perhaps ``timeend``, or curves where not zero, ``step`` between points.

    Raises Refused.
    """
    name, colour = str(annotation.get("name", "")), str(annotation.get("iconColor", "red"))
    for frame in frames:
        columns = {each.name.lower(): each for each in frame.fields}
        if "time" not in columns:
            raise Refused("an annotation needs a column called time")
        if "timeend" in columns or "text" in columns:
            starts = columns["time"].values
            ends = columns["timeend"].values if "timeend" in columns else starts
            for start, end in zip(starts, ends, strict=True):
                if start is not None:
                    yield Mark(name, colour, start, start if end is None else end)
        elif "value" in columns:
            for start, end in _held(columns["time"], columns["value"], step):
                yield Mark(name, colour, start, end)


def _held(moments: Field, values: Field, step: int) -> Iterator[tuple[int, int]]:
    """The spans in which a curve has a value other than zero, without a gap of more than a step."""
    start = last = None
    for at, value in zip(moments.values, values.values, strict=True):
        if not value or (last is not None and at - last > step):
            if start is not None and last is not None:
                yield start, last
            start = last = None
        if value:
            start, last = at if start is None else start, at
    if start is not None and last is not None:
        yield start, last
