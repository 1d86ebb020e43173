"""How fast the stored events of a drain are folded anew into another generation of the state."""

from __future__ import annotations


def replay_events_per_second(_dsn: str) -> float | None:
    """Events a second of one replay of the whole database, to the switch; None where replay is not built in yet."""
    return None
