"""What the papers of a consignment say of its goods and their price: beside the view, for those who may see it."""

from __future__ import annotations

from typing import Any

from schemas.events.document_trade import InvoiceIssued
from schemas.rfc3339 import format_micros
from services.domain.liveness import judge
from services.domain.view import ClaimStatus
from services.query.views import SourcedView, facts_of


def goods(told: SourcedView) -> list[dict[str, Any]]:
    """The HS codes of the cargo, each with who said it, of live events of engaged publishers and authorities."""
    facts = facts_of(list(told.events.values()))
    liveness = judge(facts.withdrawals, facts.equivocated)
    said = {
        (code, each.publisher)
        for each in facts.goods
        if liveness.live(each.event) and (each.publisher in told.view.engaged or each.territorial)
        for code in each.commodities
    }
    return [{"hs": code, "by": by} for code, by in sorted(said)]


def invoices(told: SourcedView) -> list[dict[str, Any]]:
    """The commercial invoices that count: number, date, parties, amount in minor units, and who handed them in."""
    counted = {arrival.claim.event for arrival in told.view.arrivals if arrival.status is ClaimStatus.COUNTED}
    found = []
    for id_ in counted:
        event = told.events[id_]
        said = event.admitted.payload
        if isinstance(said, InvoiceIssued):
            plain = said.model_dump(
                mode="json", include={"seller_party", "buyer_party", "grand_total_amount"}
            )
            found.append(
                {
                    "document_id": said.document_id,
                    "issue_date": str(said.issue_date),
                    **plain,
                    "by": event.admitted.party.code,
                    "published": format_micros(event.admitted.envelope.published_micros),
                }
            )
    return sorted(found, key=lambda each: (each["document_id"], each["published"], each["by"]))
