"""Timetables: when trains of a service leave, for a share of today's traffic."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from services.testbed.simulator.service import Service
from services.testbed.simulator.world import DAY, HOUR, SECOND


def departures(service: Service, first: int, last: int, share: float, random: Random) -> Iterator[int]:
    """The departures of ``service`` in [first, last) at ``share`` of today's trains, evenly spread, each a little late."""
    headway = DAY / (service.per_day * share)
    moment = first + random.random() * headway
    while moment < last:
        late = random.random() * min(3 * HOUR, headway / 4)
        yield int(moment + late) // SECOND * SECOND
        moment += headway
