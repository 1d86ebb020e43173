"""What the pass over the events hands to the passes over what is derived from them."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from services.audit.fsck.expected_rows import Values
from services.domain.facts import Withdrawal


@dataclass(slots=True)
class Evidence:
    """Collected from the stored bytes. Grows with corrections, dead events and damage, not with the number of events.

    ``repaired`` holds, for events whose state rows are damaged, the rows that they should have: what is derived is
    compared with those, so that one damaged row is one finding and not ten.
    """

    withdrawals: list[tuple[int, Withdrawal]] = field(default_factory=list)  # with the event's number
    quarantined: dict[int, bytes] = field(default_factory=dict)  # by number: the event's id
    marked_dead: dict[int, bytes] = field(default_factory=dict)  # events with rows that say they are dead
    publishers: dict[int, str] = field(default_factory=dict)  # of those three
    terms: set[str] = field(default_factory=set)
    damaged: set[int] = field(default_factory=set)
    repaired: dict[str, list[tuple[int, Values]]] = field(default_factory=lambda: defaultdict(list))

    def merge(self, other: Evidence) -> None:
        """Take over what another pass collected."""
        self.withdrawals += other.withdrawals
        self.quarantined |= other.quarantined
        self.marked_dead |= other.marked_dead
        self.publishers |= other.publishers
        self.terms |= other.terms
        self.damaged |= other.damaged
        for table, rows in other.repaired.items():
            self.repaired[table] += rows
