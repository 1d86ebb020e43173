"""Financing checked: decisions are proven and replayed, never taken again, and what is kept of them must follow from them."""

from __future__ import annotations

from collections.abc import Callable

from services.audit.fsck.financing.annotations import check_annotations
from services.audit.fsck.financing.assignments import check_assignments
from services.audit.fsck.financing.decisions import check_decisions
from services.audit.fsck.financing.holds import check_holds
from services.audit.fsck.financing.named_goods import check_named_goods
from services.audit.fsck.financing.pledges import check_pledges
from services.audit.fsck.financing.proposals import check_proposals
from services.audit.fsck.financing.releases import check_releases
from services.audit.fsck.financing.subjects import check_watches, check_words
from services.audit.fsck.snapshot import Snapshot, attempt, lowest_number
from services.audit.report import Findings
from services.ledger.registry.store import RegistryHistory


def check_financing(snapshot: Snapshot, history: RegistryHistory, network: str, findings: Findings) -> None:
    """Check every decision, everything that is held, and where events about financing are found; blocks.

    ``financings_wrong``, ``double_pledges``, ``double_annotations``, ``releases_wrong``, ``assignments_wrong`` and ``unnamed_goods`` are counted, also where zero. Memory does not grow with the store.
    """

    def pass_over(what: str, work: Callable[[], None]) -> None:
        attempt(snapshot, findings, what, work, None)

    lowest = lowest_number(snapshot)
    pass_over("financing_decision", lambda: check_decisions(snapshot, history, network, findings))
    pass_over("financing_proposal and financing_verdict", lambda: check_proposals(snapshot, findings))
    pass_over("financing_hold, financing_entry and financing_cargo", lambda: check_holds(snapshot, findings))
    pass_over("releases beside debt and shared goods", lambda: check_releases(snapshot, history, findings))
    pass_over("assignments of cargo", lambda: check_assignments(snapshot, history, findings))
    pass_over("goods named no longer", lambda: check_named_goods(snapshot, history, findings))
    pass_over("financing_word and financing_asked", lambda: check_words(snapshot, history, lowest, findings))
    pass_over("financing_watch", lambda: check_watches(snapshot, lowest, findings))
    pass_over("financing_entry of several holders", lambda: check_pledges(snapshot, history, findings))
    pass_over(
        "annotation_decision and annotation_entry",
        lambda: check_annotations(snapshot, history, network, findings),
    )
