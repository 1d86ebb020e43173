"""How long trains run, from the legs of the network."""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from functools import cache

from schemas.railnet.reader import legs


@cache
def hours_to(station: str) -> Mapping[str, float]:
    """How long a train runs from each station to ``station`` without a border between them, by the shortest way."""
    back: dict[str, list[tuple[str, float]]] = {}
    for leg in legs().values():
        if leg.crossing is None:
            back.setdefault(leg.to_station, []).append((leg.from_station, leg.run_hours))
    found: dict[str, float] = {}
    todo = [(0.0, station)]
    while todo:
        hours, at = heapq.heappop(todo)
        if at in found:
            continue
        found[at] = hours
        for before, run in back.get(at, ()):
            heapq.heappush(todo, (hours + run, before))
    return found
