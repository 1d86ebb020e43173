"""A chart of one definition over months as path data: a line for each corridor that is shown, with gaps where a month is not. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 720, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 8, 12, 28
_NAMED = 6
"""Months that are named under a chart at most."""


@dataclass(frozen=True, slots=True)
class Line:
    """One corridor: its place among all (which gives its colour), the line, its points, and the band between P10 and P90 ("" without)."""

    index: int
    path: str
    points: tuple[tuple[float, float], ...]
    band: str


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart with what stands at its axes: (place, value) of the ticks, (place, month) of the months."""

    lines: tuple[Line, ...]
    ticks: tuple[tuple[float, float], ...]
    months: tuple[tuple[float, int], ...]
    closed: tuple[tuple[float, float], ...]  # (x, width) of the time in which a border was closed


Point = tuple[float | None, float, float | None]
"""Low, middle, high."""


def chart(
    months: Sequence[int],
    series: Mapping[int, Mapping[int, Point]],
    *,
    bands: bool = False,
    most: float = 0.0,
    closed: Sequence[tuple[float, float]] = (),
) -> Chart:
    """The chart of ``series``: by index of a corridor, its points by month; ``most`` is the least end of the scale.

    ``closed`` is in months, with fractions.
    """
    values = [v for points in series.values() for p in points.values() for v in (p if bands else p[1:2]) if v]
    step, top = scale(max(values, default=0.0), most)

    def x(month: float, within: float = 0.5) -> float:
        return round(_LEFT + (WIDTH - _LEFT - _RIGHT) * (month - months[0] + within) / len(months), 1)

    def y(value: float) -> float:
        return round(HEIGHT - _BOTTOM - (HEIGHT - _BOTTOM - _TOP) * value / top, 1)

    lines = []
    for index, points in sorted(series.items()):
        runs: list[list[int]] = []
        for month in sorted(points):
            if runs and runs[-1][-1] == month - 1:
                runs[-1].append(month)
            else:
                runs.append([month])
        path = "".join(
            "M" + "L".join(f"{x(month):g} {y(points[month][1]):g}" for month in run) for run in runs
        )
        lines.append(
            Line(
                index,
                path,
                tuple((x(month), y(points[month][1])) for month in sorted(points)),
                "".join(_band(run, points, x, y) for run in runs) if bands else "",
            )
        )
    every = -(-len(months) // _NAMED)
    inside = [(max(a, months[0]), min(b, months[-1] + 1)) for a, b in closed]
    shut = tuple((x(a, 0), max(1.5, round(x(b, 0) - x(a, 0), 1))) for a, b in inside if a < b)
    named = tuple((x(month), month) for month in months[:: max(1, every)])
    return Chart(
        tuple(lines), tuple((y(step * n), step * n) for n in range(round(top / step) + 1)), named, shut
    )


def _band(
    run: Sequence[int], points: Mapping[int, Point], x: Callable[[int], float], y: Callable[[float], float]
) -> str:
    ends = [(x(month), low, high) for month in run for low, _, high in (points[month],)]
    known = [(at, low, high) for at, low, high in ends if low is not None and high is not None]
    if len(known) < 2:
        return ""
    there = [f"{at:g} {y(high):g}" for at, _, high in known]
    back = [f"{at:g} {y(low):g}" for at, low, _ in reversed(known)]
    return f"M{'L'.join([*there, *back])}Z"


def scale(greatest: float, most: float = 0.0) -> tuple[float, float]:
    """(step, end) of an axis from 0 that holds ``greatest``, with at most five round steps."""
    greatest = max(greatest, most) or 1.0
    size = 1.0
    while size * 10 <= greatest:
        size *= 10
    while size > greatest:
        size /= 10
    step = next(size * each for each in (0.2, 0.5, 1, 2, 5) if size * each * 5 >= greatest)
    return step, step * -(-greatest // step)
