"""How fast the stored events of a drain are folded anew into another generation of the state."""

from __future__ import annotations

from dataclasses import dataclass

from services.audit.replay.outcome import ReplayError
from services.audit.replay.rebuild import replay


@dataclass(frozen=True, slots=True)
class ReplayResult:
    """One replay of the whole database, to the switch; ``longest_hold`` seconds is how long workers had to wait."""

    events: int
    seconds: float
    longest_hold: float
    compared: int
    differences: int

    @property
    def per_second(self) -> float:
        """Stored events a second."""
        return self.events / self.seconds if self.seconds else 0.0


def replayed(dsn: str, processes: int) -> ReplayResult:
    """Replay the database into a new generation and compare it with the one in use. Raises ReplayError."""
    done = replay(dsn, processes=processes)
    if done.differences:
        raise ReplayError(f"{done.differences} of {done.compared} rows came out otherwise: {done.shown}")
    return ReplayResult(done.events, done.seconds, done.hold_seconds, done.compared, done.differences)
