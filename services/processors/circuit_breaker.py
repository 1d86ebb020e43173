"""The fuse of a sender: when nearly everything in the topic that it alone writes to is refused, that topic rests.

Pure; time comes in as seconds. Refusing everything means a wrong key, a wrong version or a flood of garbage, not
single bad events; each refusal costs a verification and a dead letter. Nothing is skipped: the messages wait in
the log. A resting topic is tried again after a while that doubles from rest to rest.

A topic that several parties write to has no fuse. Who sent what cannot be verified is not known there, for its headers name whom
they like, and in a partition nothing can be passed over: resting would silence everybody for the sake of one. What keeps
the others flowing there is that a refusal is cheap (``services.ledger.dead_letters.batch``).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class CircuitBreakerSettings:
    """Blow when more than `ratio` of the last `window` messages were refused; rest for `first` to `longest` s.

    After a rest `trial` messages decide whether the topic flows again.
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
    """One fuse per topic that one party alone writes to. Not for several threads."""

    def __init__(self, settings: CircuitBreakerSettings | None = None) -> None:
        self._settings = settings or CircuitBreakerSettings()
        self._topics: dict[str, _Topic] = {}

    def record(self, topic: str, total: int, refused: int, now: float) -> float | None:
        """Count one batch of `topic`; return the seconds that it rests from now if this blew the fuse, else None."""
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
        """The topics that rest at `now`."""
        return frozenset(
            topic for topic, state in self._topics.items() if state.until is not None and now < state.until
        )

    def next_trial(self, now: float) -> float | None:
        """Seconds until the first resting topic is tried again, None when none rests."""
        ends = [state.until - now for state in self._topics.values() if state.until and state.until > now]
        return min(ends, default=None)
