"""When a delivery that failed is tried again: exponential backoff with jitter, for days, and then no more."""

from __future__ import annotations

from typing import NamedTuple

SECOND = 1_000_000


class Backoff(NamedTuple):
    """The pauses between attempts, seconds: ``first``, then each ``factor`` times the one before, at most ``longest``.

    With the defaults: 5 s, 20 s, 80 s, 5 min, 21 min, 85 min, 6 h, 23 h, then daily; twelve attempts over four days.
    """

    first: float = 5.0
    factor: float = 4.0
    longest: float = 86_400.0
    attempts: int = 12
    jitter: float = 0.25

    def pause(self, attempt: int, chance: float, asked: float = 0.0) -> float | None:
        """Seconds from failed attempt number ``attempt`` (1, 2, ...) to the next; None when that was the last.

        ``chance`` in [0, 1) spreads the pause by ``jitter`` to both sides, so that an endpoint that comes back is not
        overrun; the pause is never shorter than what the receiver ``asked`` for, which counts up to ``longest``.
        """
        if attempt >= self.attempts:
            return None
        exponent = min(attempt - 1, 64)
        plain = min(self.longest, self.first * self.factor**exponent)
        return max(plain * (1 + self.jitter * (2 * chance - 1)), min(asked, self.longest))

    def total(self) -> float:
        """Seconds from the first attempt to the last, without jitter."""
        return sum(self.pause(attempt, 0.5) or 0.0 for attempt in range(1, self.attempts))
