"""Whether the record still names the goods that a step rests on, as it did when they were reserved."""

from __future__ import annotations

from collections.abc import Sequence

from services.domain.facts import FOREVER, Micros
from services.domain.objects import Thing
from services.financing.domain.cargo import NAMING, UNSEEN, Report
from services.financing.domain.decisions import DecisionOutcome
from services.financing.domain.goods_unnamed import GoodsUnnamed, Unnamed
from services.financing.domain.guards import Failed
from services.financing.domain.lifecycle import Hold
from services.financing.domain.pledged_goods import KnownFacts, Pledge, PledgedGoods
from services.financing.domain.requests import DecisionContext
from services.financing.domain.reviews import Unsettled


def still_named(context: DecisionContext, hold: Hold, at: Micros) -> Unsettled | None:
    """What of the goods of ``hold`` is named no longer, for people to look at; None where all is, or ended in the ordinary way."""
    return unsettled_by(no_longer_named(context.reports, sorted(context.named), hold, at))


def no_longer_named(
    reports: Sequence[Report], consignments: Sequence[Thing], hold: Hold, at: Micros
) -> tuple[Unnamed, ...]:
    """What named the goods of ``hold`` when they were reserved or pledged and does not at ``at``, the first first.

    The same as the pledgee is alerted to; without what was given back.
    """
    if not _changed(reports, hold.reserved_at):
        return ()
    since = hold.reserved_at if hold.pledged_at is None else hold.pledged_at
    pledge = Pledge(tuple(consignments), since, FOREVER, hold.reserved_at)
    found = GoodsUnnamed(PledgedGoods(KnownFacts(reports, pledge), pledge, at)).found
    return tuple(unnamed for unnamed in found if unnamed.thing not in hold.released())


def unsettled_by(gone: Sequence[Unnamed]) -> Unsettled | None:
    """What is missing where ``gone`` is named no longer."""
    if not gone:
        return None
    first = gone[0]
    more = f", and {len(gone) - 1} more" if len(gone) > 1 else ""
    text = (
        f"A new reservation on what is named now, or a look by two persons of the bank: {first.thing.kind.wire} "
        f"{first.thing.key} is named no longer ({first.happened} by {first.publisher}{more})."
    )
    return Unsettled(Failed("GOODS_NAMED", text[:200]), DecisionOutcome.REVIEW, reviewable=True)


def _changed(reports: Sequence[Report], since: Micros) -> bool:
    """Whether anything came since then that may take a name away."""
    return any(
        report.aside
        or (
            report.known > since - UNSEEN
            and (
                report.facts.withdrawals
                or report.facts.foundings
                or any(link.kind in NAMING for link in report.facts.links)
            )
        )
        for report in reports
    )
