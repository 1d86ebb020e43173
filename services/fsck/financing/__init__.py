"""Financing checked: decisions are proven and replayed, never taken again, and what is kept of them must follow from them."""

from __future__ import annotations

from services.fsck.events import lowest_number
from services.fsck.financing.decisions import check_decisions
from services.fsck.financing.holds import check_holds
from services.fsck.financing.releases import check_releases
from services.fsck.financing.subjects import check_watches, check_words
from services.fsck.finding import Notebook
from services.fsck.snapshot import Snapshot
from services.registry.as_of import RegistryHistory


def check_financing(snapshot: Snapshot, history: RegistryHistory, network: str, notebook: Notebook) -> None:
    """Check every decision, everything that is held, and where events about financing are found; blocks.

    ``financings_wrong``, ``double_pledges`` and ``releases_wrong`` are counted, also where both are zero. Memory does not grow with the store.
    """
    check_decisions(snapshot, history, network, notebook)
    check_holds(snapshot, notebook)
    check_releases(snapshot, notebook)
    check_words(snapshot, history, lowest_number(snapshot), notebook)
    check_watches(snapshot, notebook)
