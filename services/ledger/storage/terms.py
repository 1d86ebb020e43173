"""The dictionary of texts behind the 64-bit numbers of state rows."""

from __future__ import annotations

from collections.abc import Iterable

from services.ledger.storage.arrays import bigints
from services.ledger.storage.words import word
from services.ledger.storage.work import Work

MOST = 200_000


class Terms:
    """Texts that this process knows to be stored. Not for several threads."""

    def __init__(self) -> None:
        self._known: set[str] = set()

    def unknown(self, texts: Iterable[Iterable[str]]) -> list[str]:
        """Those of ``texts`` that may have to be stored, in order of their numbers."""
        fresh = {text for group in texts for text in group if text not in self._known}
        return sorted(fresh, key=word)

    def put(self, work: Work, fresh: list[str]) -> None:
        """Store texts in order, before any other lock of the batch is taken but those of offsets and registry."""
        if fresh:
            work.count("terms", {"numbers": bigints([word(text) for text in fresh]), "texts": fresh})

    def committed(self, fresh: list[str]) -> None:
        """Remember that ``fresh`` are stored: their transaction has been committed."""
        if len(self._known) > MOST:  # publishers choose some of these texts
            self._known.clear()
        self._known.update(fresh)
