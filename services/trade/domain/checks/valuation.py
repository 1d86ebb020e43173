"""Checks D05 to D08 and D10: what the customs value is made of: terms of delivery, freight and rate."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any, Final

from services.trade.domain.checks.amounts import CN_TERMS, amounts_of, one_currency
from services.trade.domain.checks.shipment import (
    Check,
    Shipment,
    absent,
    same,
    summed,
    within,
)
from services.trade.domain.finding import Finding, Reason, Verdict
from services.trade.domain.names import comparable, likeness
from services.trade.domain.paper import ChargeKind, Paper
from services.trade.domain.values import Field, number

_BUYER_PAYS: Final = frozenset({"EXW", "FCA", "FAS", "FOB"})


def d05_customs_value(shipment: Shipment) -> Iterator[Finding]:
    """Box 45 is box 42 at the rate of box 23, with the freight that the terms leave out; where no paper states it, within a band."""
    done = False
    for paper in shipment.eaeu:
        amounts = [line.amount for line in paper.lines if line.amount]
        customs = [line.customs_value for line in paper.lines if line.customs_value]
        if (
            paper.rate is None
            or not customs
            or len(customs) != len(paper.lines)
            or len(amounts) != len(paper.lines)
        ):
            continue
        done = True
        freight = [
            charge.amount
            for each in (*shipment.chinese, *shipment.invoices)
            for charge in each.charged(ChargeKind.FREIGHT)
            if charge.amount and charge.amount.value.currency == one_currency([paper])
        ]
        if paper.terms is not None and paper.terms.value in _BUYER_PAYS and not freight:
            yield from _customs_values_within_band(shipment, paper)
            continue
        price, value, rate = summed(amounts_of(amounts))[0], summed(customs)[0], paper.rate.value
        added = sum((each.value.amount for each in freight), Decimal(0))
        if paper.terms is None or paper.terms.value not in _BUYER_PAYS:
            yield from _customs_values_at_rate(shipment, paper)
            added = Decimal(0)
        expected = (price + added) * rate
        made = f"({number(price)} + {number(added)}) x {number(rate)} = {number(expected)}"
        yield _customs_value(shipment, (*amounts[:3], paper.rate, *customs[:3]), expected, made, value)
    if not done:
        yield absent("D05", "EAEU declaration with rate and customs value")


def _customs_value(
    shipment: Shipment,
    values: Sequence[Field[Any]],
    expected: Decimal,
    made: str,
    value: Decimal,
    line: str = "",
) -> Finding:
    share, least = shipment.tolerance("D05", "value"), shipment.tolerance("D05", "at least")
    return within(
        "D05",
        (expected, made),
        (value, number(value)),
        max(share.value * expected, least.value),
        values,
        line=line,
        tolerance=share,
        outside=Verdict.REVIEW,
        reason=Reason.SUM_DIFFERS,
    )


def _customs_values_at_rate(shipment: Shipment, paper: Paper) -> Iterator[Finding]:
    """Where the seller pays the freight, each line's customs value is its price at the rate."""
    for line in paper.lines:
        if line.amount and line.customs_value and paper.rate:
            expected = line.amount.value.amount * paper.rate.value
            made = f"{number(line.amount.value.amount)} x {number(paper.rate.value)} = {number(expected)}"
            values = (line.amount, paper.rate, line.customs_value)
            yield _customs_value(shipment, values, expected, made, line.customs_value.value, line.number)


def _customs_values_within_band(shipment: Shipment, paper: Paper) -> Iterator[Finding]:
    """What the customs value has above the price is a usual share of freight."""
    high = shipment.tolerance("D06", "to")
    low = -shipment.tolerance("D05", "value").value
    for line in paper.lines:
        if not line.amount or not line.customs_value or not paper.rate or not line.amount.value.amount:
            continue
        share = line.customs_value.value / (line.amount.value.amount * paper.rate.value) - 1
        fits = low <= share <= high.value
        yield Finding(
            "D05",
            Verdict.MATCH if fits else Verdict.REVIEW,
            Reason.AGREES if fits else Reason.BEYOND_BAND,
            line.number,
            (line.amount, paper.rate, line.customs_value),
            f"{number(line.customs_value.value)} / ({number(line.amount.value.amount)} x {number(paper.rate.value)}) - 1 = "
            f"{number(round(share, 4))}; {number(low)} to {number(high.value)}",
            high,
        )


def d06_freight_plausible(shipment: Shipment) -> Iterator[Finding]:
    """The freight that a declaration or invoice states is a usual share of the goods' price."""
    low, high = shipment.tolerance("D06", "from"), shipment.tolerance("D06", "to")
    done = False
    for paper in (*shipment.chinese, *shipment.invoices):
        amounts = [line.amount for line in paper.lines if line.amount]
        goods = sum((each.value.amount for each in amounts), Decimal(0))
        for charge in paper.charged(ChargeKind.FREIGHT):
            stated = charge.share or charge.amount
            if stated is None or goods <= 0:
                continue
            if charge.amount and charge.amount.value.currency != one_currency([paper]):
                yield Finding(
                    "D06",
                    Verdict.NOT_COMPARABLE,
                    Reason.UNLIKE_CURRENCIES,
                    values=(charge.amount, *amounts[:1]),
                )
                continue
            share = charge.share.value if charge.share else charge.amount.value.amount / goods  # type: ignore[union-attr]
            fits = low.value <= share <= high.value
            done = True
            yield Finding(
                "D06",
                Verdict.MATCH if fits else Verdict.REVIEW,
                Reason.AGREES if fits else Reason.BEYOND_BAND,
                values=(stated, *amounts[:3]),
                arithmetic=f"{number(low.value)} <= {number(round(share, 4))} <= {number(high.value)}"
                if fits
                else f"{number(round(share, 4))} is not in {number(low.value)} to {number(high.value)}",
                tolerance=low if share < low.value else high,
            )
    if not done:
        yield absent("D06", "freight")


def d07_terms_and_freight(shipment: Shipment) -> Iterator[Finding]:
    """The terms of all papers are one, and freight is charged where they have the seller pay it, and nowhere else."""
    stated = [
        (paper, paper.terms)
        for paper in (*shipment.invoices, *shipment.packing_lists, *shipment.eaeu, *shipment.wco)
        if paper.terms is not None
    ]
    done = bool(stated)
    for paper, terms in stated:
        for charge in paper.charged(ChargeKind.FREIGHT) if terms.value in _BUYER_PAYS else ():
            field = charge.amount or charge.share
            if field:
                yield Finding("D07", Verdict.CONTRADICTION, Reason.DIFFERS, values=(terms, field))
        for chinese in shipment.chinese:
            if chinese.terms is not None:
                expected = CN_TERMS.get(terms.value, "?")
                text = f"{terms.value} -> {expected}"
                yield same("D07", terms, chinese.terms, expected == chinese.terms.value, arithmetic=text)
    for (_, one), (_, other) in itertools.pairwise(stated):
        yield same("D07", one, other, one.value == other.value, arithmetic=f"{one.value}, {other.value}")
    for paper in shipment.chinese:
        if paper.terms is None:
            continue
        done = True
        freight = paper.charged(ChargeKind.FREIGHT)
        wanted = paper.terms.value in ("1", "2")
        paid = next((each.amount or each.share for each in freight), None)
        right = bool(freight) == wanted or paper.terms.value not in ("1", "2", "3", "7")
        yield Finding(
            "D07",
            Verdict.MATCH if right else Verdict.CONTRADICTION,
            Reason.AGREES if right else Reason.DIFFERS,
            values=(paper.terms,) if paid is None else (paper.terms, paid),
            arithmetic=f"{paper.terms.value}: {'freight' if freight else 'no freight'}",
        )
    if not done:
        yield absent("D07", "terms of delivery")


def d08_terms_place(shipment: Shipment) -> Iterator[Finding]:
    """The named place of the terms is the same in invoice and EAEU declaration."""
    done = False
    points = shipment.tolerance("D08", "pass")
    for invoice in shipment.invoices:
        for paper in (*shipment.eaeu, *shipment.packing_lists):
            one, other = invoice.terms_place, paper.terms_place
            if one is None or other is None:
                continue
            done = True
            if not comparable(one.value, other.value):
                yield Finding("D08", Verdict.NOT_COMPARABLE, Reason.UNLIKE_SCRIPTS, values=(one, other))
                continue
            score = likeness(one.value, other.value)
            fits = score >= points.value
            yield Finding(
                "D08", Verdict.MATCH if fits else Verdict.REVIEW, Reason.AGREES if fits else Reason.DIFFERS,
                values=(one, other), arithmetic=f"{score} {'>=' if fits else '<'} {number(points.value)}", tolerance=points,
            )  # fmt: skip
    if not done:
        yield absent("D08", "named place of delivery")


def d10_rate(shipment: Shipment) -> Iterator[Finding]:
    """The rate of box 23 is the authority's of that day; no table of rates is part of an offline check."""
    for paper in shipment.eaeu:
        if paper.rate is not None:
            yield Finding(
                "D10", Verdict.MISSING, Reason.NO_TABLE, values=(paper.rate,), arithmetic="table of rates"
            )
            return
    yield absent("D10", "rate")


CHECKS: Final[tuple[Check, ...]] = (
    d05_customs_value,
    d06_freight_plausible,
    d07_terms_and_freight,
    d08_terms_place,
    d10_rate,
)
