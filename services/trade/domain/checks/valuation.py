"""Checks D05, D06 and D10: what the customs value is made of: price, freight and rate."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

from services.trade.domain.checks.amounts import amounts_of, one_currency
from services.trade.domain.checks.shipment import Check, Shipment, absent, summed, within
from services.trade.domain.finding import Finding, Reason, Verdict
from services.trade.domain.official_tables import MONEY_OF, Rate
from services.trade.domain.paper import BUYER_PAYS, ChargeKind, Paper
from services.trade.domain.values import Field, number


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
        money = one_currency([paper])
        freight = [
            worth
            for each in (*shipment.chinese, *shipment.invoices)
            for charge in each.charged(ChargeKind.FREIGHT)
            if charge.amount
            and (worth := shipment.converted(charge.amount.value, money, (paper,))) is not None
        ]
        if paper.terms is not None and paper.terms.value in BUYER_PAYS and not freight:
            yield from _customs_values_within_band(shipment, paper)
            continue
        price, value, rate = (
            summed(amounts_of(amounts))[0],
            summed(customs)[0],
            _of_one(shipment, paper, paper.rate),
        )
        added = sum(freight, Decimal(0))
        if paper.terms is None or paper.terms.value not in BUYER_PAYS:
            yield from _customs_values_at_rate(shipment, paper)
            added = Decimal(0)
        expected = (price + added) * rate
        made = f"({number(price)} + {number(added)}) x {number(rate)} = {number(expected)}"
        yield _customs_value(shipment, (*amounts[:3], paper.rate, *customs[:3]), expected, made, value)
    if not done:
        yield absent("D05", "EAEU declaration with rate and customs value")


def _of_one(shipment: Shipment, paper: Paper, rate: Field[Decimal]) -> Decimal:
    """The rate of one unit: box 23 may state that of the units that the authority publishes (100 JPY)."""
    table = shipment.rules.rates
    if table is None or paper.day is None or paper.currency is None:
        return rate.value
    found = table.on(_money(paper), paper.currency.value, paper.day.value)
    published = found is not None and abs(rate.value - found.value) <= (
        shipment.tolerance("D10", "rate").value * found.value
    )
    return rate.value / found.units if found is not None and published else rate.value


def _money(paper: Paper) -> str:
    """The currency of customs value where the declaration is lodged; "" where it does not state where."""
    return MONEY_OF.get(paper.lodged_in.value if paper.lodged_in else "", "")


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
            rate = _of_one(shipment, paper, paper.rate)
            expected = line.amount.value.amount * rate
            made = f"{number(line.amount.value.amount)} x {number(rate)} = {number(expected)}"
            values = (line.amount, paper.rate, line.customs_value)
            yield _customs_value(shipment, values, expected, made, line.customs_value.value, line.number)


def _customs_values_within_band(shipment: Shipment, paper: Paper) -> Iterator[Finding]:
    """What the customs value has above the price is a usual share of freight."""
    high = shipment.tolerance("D06", "to")
    low = -shipment.tolerance("D05", "value").value
    for line in paper.lines:
        if not line.amount or not line.customs_value or not paper.rate or not line.amount.value.amount:
            continue
        rate = _of_one(shipment, paper, paper.rate)
        share = line.customs_value.value / (line.amount.value.amount * rate) - 1
        fits = low <= share <= high.value
        yield Finding(
            "D05",
            Verdict.MATCH if fits else Verdict.REVIEW,
            Reason.AGREES if fits else Reason.BEYOND_BAND,
            line.number,
            (line.amount, paper.rate, line.customs_value),
            f"{number(line.customs_value.value)} / ({number(line.amount.value.amount)} x {number(rate)}) - 1 = "
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
            worth = (
                shipment.converted(charge.amount.value, one_currency([paper]), (paper,))
                if charge.amount
                else None
            )
            if charge.amount and worth is None:
                yield Finding(
                    "D06",
                    Verdict.NOT_COMPARABLE,
                    Reason.UNLIKE_CURRENCIES,
                    values=(charge.amount, *amounts[:1]),
                )
                continue
            share = charge.share.value if charge.share else (worth or Decimal(0)) / goods
            fits = low.value <= share <= high.value
            done = True
            yield Finding(
                "D06",
                Verdict.MATCH if fits else Verdict.REVIEW,
                Reason.AGREES if fits else Reason.BEYOND_BAND,
                values=(stated, *amounts[:3]),
                worked=f"{number(low.value)} <= {number(round(share, 4))} <= {number(high.value)}"
                if fits
                else f"{number(round(share, 4))} is not in {number(low.value)} to {number(high.value)}",
                tolerance=low if share < low.value else high,
            )
    if not done:
        yield absent("D06", "freight")


def d10_rate(shipment: Shipment) -> Iterator[Finding]:
    """The rate of box 23 is that of the authority's table on the day of the declaration; a day beside it is one to look at."""
    stated = [(paper, paper.rate) for paper in shipment.eaeu if paper.rate is not None]
    if not stated:
        yield absent("D10", "rate")
    for paper, rate in stated:
        yield _rate(shipment, paper, rate)


def _rate(shipment: Shipment, paper: Paper, rate: Field[Decimal]) -> Finding:
    table = shipment.rules.rates
    if table is None:
        return Finding("D10", Verdict.MISSING, Reason.NO_TABLE, values=(rate,), worked="table of rates")
    money = _money(paper)
    if not money or paper.day is None or paper.currency is None:
        needed = (
            "country whose customs the declaration is for"
            if not money
            else "day of the declaration"
            if paper.day is None
            else "currency"
        )
        return Finding("D10", Verdict.MISSING, Reason.ABSENT, values=(rate,), worked=needed)
    share, beside = shipment.tolerance("D10", "rate"), shipment.tolerance("D10", "day beside")
    values = (rate, paper.currency, paper.day)
    day, currency = paper.day.value, paper.currency.value
    found = table.on(money, currency, day)
    for each in (
        found,
        *(table.on(money, currency, day + timedelta(days)) for days in _beside(int(beside.value))),
    ):
        if each is not None and (value := _published(each, rate.value, share.value)) is not None:
            same_day = each is found
            return Finding(
                "D10", Verdict.MATCH if same_day else Verdict.REVIEW, Reason.AGREES if same_day else Reason.OTHER_DAY, "", values,
                f"{number(rate.value)} = {number(value)}, {day}" if same_day else f"{number(rate.value)} = {number(value)}, {each.row.valid_from}, not {day}",
                share, each.row,
            )  # fmt: skip
    if found is None:
        text = f"{table.name}: {money} {currency}, {day}"
        return Finding("D10", Verdict.MISSING, Reason.NO_TABLE, values=values, worked=text)
    text = f"{number(rate.value)}, not {number(found.value)}, {day}"
    if found.units > 1:
        text = f"{text} ({found.units} {currency})"
    return Finding("D10", Verdict.REVIEW, Reason.DIFFERS, "", values, text, share, found.row)


def _beside(days: int) -> tuple[int, ...]:
    return tuple(sign * each for each in range(1, days + 1) for sign in (-1, 1))


def _published(rate: Rate, stated: Decimal, share: Decimal) -> Decimal | None:
    """The rate as ``stated``: for its units or for one; None where it is neither."""
    return next((each for each in (rate.value, rate.each) if abs(stated - each) <= share * each), None)


CHECKS: Final[tuple[Check, ...]] = (
    d05_customs_value,
    d06_freight_plausible,
    d10_rate,
)
