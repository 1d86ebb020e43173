"""Texts for the numbers that state rows carry, for the words of findings only."""

from __future__ import annotations

from services.audit.fsck.snapshot import Snapshot


class Names:
    """Looks numbers up in lianyun.term and remembers a bounded number of them."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._known: dict[int, str] = {0: ""}

    def __call__(self, number: int) -> str:
        """The party's code or the place behind ``number``; its digits where nothing is known of it."""
        if number not in self._known:
            rows = self._snapshot.rows("SELECT text FROM lianyun.term WHERE number = %s", (number,))
            if len(self._known) > 10_000:
                self._known = {0: ""}
            self._known[number] = rows[0][0] if rows else f"number {number}"
        return self._known[number]
