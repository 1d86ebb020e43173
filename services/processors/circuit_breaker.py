"""A circuit breaker per topic: consumption of a topic pauses while nearly all of its messages are refused.

Pure; times are in seconds. Such a topic has a wrong key, a wrong version or a flood of garbage, and each refusal costs a
verification and a dead letter. Nothing is skipped: the messages remain in the log. The pause doubles from one opening to the next.

Only topics of a single writer have one. In a shared topic the sender of an unverifiable message is unknown, and a partition
cannot skip records, so a pause would block every writer; there the bound on dead letters keeps refusals cheap
(``services.ledger.dead_letters.batch``).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class CircuitBreakerSettings:
    """The circuit opens when more than `ratio` of the last `window` messages were refused, for `first` to `longest` seconds.

    After a pause it is half-open: the next `trial` messages close it or open it again.
    """

    ratio: float = 0.99
    window: int = 5_000
    trial: int = 500
    first: float = 2.0
    longest: float = 300.0


@dataclass(slots=True)
class _Topic:
    recent: deque[tuple[int, int]] = field(default_factory=deque)
    total: int = 0
    refused: int = 0
    rests: int = 0
    until: float | None = None


class CircuitBreakers:
    """One breaker per topic with a single writer. Not thread-safe."""

    def __init__(self, settings: CircuitBreakerSettings | None = None) -> None:
        self._settings = settings or CircuitBreakerSettings()
        self._topics: dict[str, _Topic] = {}

    def record(self, topic: str, total: int, refused: int, now: float) -> float | None:
        """Count one batch of `topic`; the seconds for which this opens the circuit, else None."""
        settings, state = self._settings, self._topics.setdefault(topic, _Topic())
        state.recent.append((total, refused))
        state.total += total
        state.refused += refused
        enough = settings.trial if state.rests else settings.window
        while state.total - state.recent[0][0] >= enough:
            gone = state.recent.popleft()
            state.total -= gone[0]
            state.refused -= gone[1]
        if state.total < enough:
            return None
        if state.refused <= settings.ratio * state.total:
            state.rests = 0
            return None
        rest = min(settings.first * (1 << state.rests), settings.longest)
        self._topics[topic] = _Topic(rests=min(state.rests + 1, 32), until=now + rest)
        return rest

    def open_topics(self, now: float) -> frozenset[str]:
        """The topics whose circuit is open at `now`."""
        return frozenset(
            topic for topic, state in self._topics.items() if state.until is not None and now < state.until
        )

    def next_trial(self, now: float) -> float | None:
        """Seconds until the first open circuit becomes half-open; None where none is open."""
        ends = [state.until - now for state in self._topics.values() if state.until and state.until > now]
        return min(ends, default=None)
