"""When a party cannot send: what it writes meanwhile waits, and goes out in order when it can again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from services.testbed.simulator.world import MINUTE


@dataclass(frozen=True, slots=True)
class Outage:
    """``party`` sends nothing in [start, end); the backlog then takes ``backfill`` (all times in microseconds)."""

    party: str
    start: int
    end: int
    backfill: int = 120 * MINUTE


def sent_after(outages: Iterable[Outage], party: str, sent: int) -> int:
    """When ``party`` really sends what it would have sent at ``sent``; two messages never change places."""
    for outage in outages:
        if outage.party == party and outage.start <= sent < outage.end:
            return outage.end + (sent - outage.start) * outage.backfill // (outage.end - outage.start)
    return sent
