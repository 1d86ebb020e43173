"""Checks D31 and D32: one paper under two deals, and offshore deals whose goods were seen in home territory or before home customs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Final

from schemas.events.trade_offshore import ContractRole, DealKind
from schemas.identifiers.confusables import skeleton
from services.domain.objects import Thing, deal_paper
from services.trade.domain.checks.shipment import Check, Shipment, absent
from services.trade.domain.finding import Finding, Reason, Verdict
from services.trade.domain.offshore import (
    BONDED,
    HOME,
    MERCHANTING,
    DealClass,
    KnownDeal,
    Sighting,
    classify,
)
from services.trade.domain.paper import Paper
from services.trade.domain.values import Field, Place


def d31_used_twice(shipment: Shipment) -> Iterator[Finding]:
    """No two papers of one kind have one number and different contents, and no paper stands behind two offshore deals."""
    groups: dict[tuple[str, str], list[Paper]] = defaultdict(list)
    for paper in shipment.papers.papers:
        if paper.number is not None:
            groups[paper.kind, skeleton(paper.number.value)].append(paper)
    behind = _behind(shipment.papers.deals)
    if not groups and not behind:
        yield absent("D31", "numbered papers")
        return
    for papers in groups.values():
        numbers = tuple(paper.number for paper in papers if paper.number)
        contents = {paper.sha256 or _content(paper) for paper in papers}
        twice = len(papers) > 1 and len(contents) > 1
        yield Finding(
            "D31",
            Verdict.CONTRADICTION if twice else Verdict.MATCH,
            Reason.TWICE if twice else Reason.AGREES,
            values=numbers[:4],
            worked=f"{len(papers)} x {numbers[0].value}",
        )
    for deals in behind.values():
        several = len(deals) > 1
        yield Finding(
            "D31",
            Verdict.CONTRADICTION if several else Verdict.MATCH,
            Reason.TWO_DEALS if several else Reason.AGREES,
            values=tuple(deals.values())[:4],
            worked=f"{len(deals)} x {next(iter(deals.values())).value}",
        )


def _content(paper: Paper) -> str:
    return repr(
        [
            (line.number, line.amount and line.amount.value, line.quantity and line.quantity.value)
            for line in paper.lines
        ]
    )


def _behind(deals: tuple[KnownDeal, ...]) -> dict[Thing, dict[str, Field[str]]]:
    """Of each paper behind deals, its number as each deal has it, by the names of the deals."""
    found: dict[Thing, dict[str, Field[str]]] = defaultdict(dict)
    for deal, _ in sorted(deals, key=lambda known: known.deal.name):
        for n, paper in enumerate(deal.stated.papers):
            place = Place(deal.name, f"/papers/{n}/number")
            found[deal_paper(deal.owner, paper)][deal.name] = Field(paper.number, paper.number, place)
    return found


_OF_CLASS: Final = {
    DealClass.RESOLD_IN_TRANSIT: (Verdict.MATCH, Reason.RESOLD_IN_TRANSIT),
    DealClass.TRANSIT_THROUGH_CHINA: (Verdict.REVIEW, Reason.IN_TRANSIT),
    DealClass.TOUCHES_HOME_TERRITORY: (Verdict.CONTRADICTION, Reason.HOME_TERRITORY),
}
_MERCHANTS: Final = (DealKind.RESALE, DealKind.GLOBAL_PURCHASE)


def d32_offshore(shipment: Shipment) -> Iterator[Finding]:
    """The goods of an offshore deal are declared to no home customs and do not enter home territory; its code is that of its class."""
    declared = tuple(paper.number for paper in shipment.chinese if paper.number)
    if not shipment.papers.deals:
        yield Finding("D32", Verdict.MISSING, Reason.NOT_CONCERNED, values=declared, worked="offshore deal")
    for known in shipment.papers.deals:
        if declared:
            yield Finding("D32", Verdict.CONTRADICTION, Reason.HOME_TERRITORY, values=declared)
        yield from _of_deal(known)


def _of_deal(known: KnownDeal) -> Iterator[Finding]:
    deal = known.deal
    found, follows_from = classify(known)
    bop = Field(deal.stated.bop, deal.stated.bop, Place(deal.name, "/bop"))
    if found is DealClass.OFFSHORE:
        verdict, reason = (
            (Verdict.MATCH, Reason.AGREES) if known.sightings else (Verdict.MISSING, Reason.ABSENT)
        )
    elif found is DealClass.TOUCHES_HOME_TERRITORY and deal.stated.bop == BONDED:
        verdict, reason = Verdict.REVIEW, Reason.BONDED
    else:
        verdict, reason = _OF_CLASS[found]
    seen = tuple(_seen(each) for each in follows_from)
    yield Finding("D32", verdict, reason, deal.name, (bop, *seen[:6]), f"{found}; {HOME}: {len(seen)}")
    outside = found in (DealClass.OFFSHORE, DealClass.RESOLD_IN_TRANSIT)
    if outside and deal.stated.kind in _MERCHANTS and deal.stated.bop != MERCHANTING:
        text = f"{deal.stated.bop} / {MERCHANTING}"
        yield Finding("D32", Verdict.REVIEW, Reason.BOP_CODE, deal.name, (bop,), text)
    bought, sold = (deal.subheadings(role) for role in (ContractRole.BUYS, ContractRole.SELLS))
    if deal.stated.kind is DealKind.RESALE and bought and sold and not sold <= bought:
        text = f"{', '.join(sorted(bought))} -> {', '.join(sorted(sold))}"
        yield Finding("D32", Verdict.REVIEW, Reason.SUBHEADING, deal.name, (), text)


def _seen(sighting: Sighting) -> Field[str]:
    where = sighting.jurisdiction or sighting.place
    text = " ".join(filter(None, (sighting.milestone, where, sighting.procedure)))
    return Field(text, text, Place(f"{sighting.by} {sighting.event.hex()}", str(sighting.thing)))


CHECKS: Final[tuple[Check, ...]] = (d31_used_twice, d32_offshore)
