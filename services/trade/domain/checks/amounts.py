"""Checks D01 to D10: amounts, charges, terms of delivery, currencies and rates."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any, Final

from services.trade.domain.checks.shipment import (
    Check,
    Shipment,
    absent,
    pair_label,
    same,
    summed,
    within,
)
from services.trade.domain.finding import Finding, Reason, Tolerance, Verdict
from services.trade.domain.names import comparable, likeness
from services.trade.domain.paper import ChargeKind, Paper, lines_of
from services.trade.domain.values import Field, Money, minor_unit, number

_ADDED: Final = frozenset({ChargeKind.FREIGHT, ChargeKind.INSURANCE, ChargeKind.OTHER, ChargeKind.TAX})
CN_TERMS: Final = {
    "EXW": "7", "FCA": "3", "FAS": "3", "FOB": "3", "CFR": "2", "CPT": "2", "CIF": "1", "CIP": "1", "DAP": "1", "DPU": "1",
    "DDP": "1",
}  # fmt: skip
"""The code of 成交方式 for each Incoterm (crosswalk 17)."""
_BUYER_PAYS: Final = frozenset({"EXW", "FCA", "FAS", "FOB"})


def _of(amounts: Sequence[Field[Money]]) -> list[Field[Decimal]]:
    return [Field(each.value.amount, each.written, each.place) for each in amounts]


def d01_invoice_adds_up(shipment: Shipment) -> Iterator[Finding]:
    """Quantity times unit price is the line, and the lines with charges and discount are the total."""
    if not shipment.invoices:
        yield absent("D01", "invoice")
    per_unit, most, per_line = (
        shipment.tolerance("D01", name) for name in ("per unit", "line at most", "total per line")
    )
    for invoice in shipment.invoices:
        minor = minor_unit(invoice.currency.value if invoice.currency else "")
        for line in invoice.lines:
            if line.quantity is None or line.price is None or line.amount is None:
                continue
            count, price, amount = line.quantity.value.number, line.price.value, line.amount.value.amount
            rounding = per_unit.value * minor
            allowed = max(min(rounding * abs(count), most.value * abs(amount)), rounding)
            product = count * price
            yield within(
                "D01",
                (product, f"{number(count)} x {number(price)} = {number(product)}"),
                (amount, number(amount)),
                allowed,
                (line.quantity, line.price, line.amount),
                line=line.number,
                tolerance=per_unit,
            )
        yield from _total(invoice, minor, per_line)


def _total(invoice: Paper, minor: Decimal, per_line: Tolerance) -> Iterator[Finding]:
    amounts = [line.amount for line in invoice.lines if line.amount]
    if invoice.total is None or not amounts or len(amounts) != len(invoice.lines):
        yield absent("D01", "invoice total" if invoice.total is None else "line amounts")
        return
    total, made = summed(_of(amounts))
    used: list[Field[Money]] = []
    for charge in invoice.charges:
        if charge.amount is None or not charge.amount.value.amount:
            continue
        sign = 1 if charge.kind in _ADDED else -1
        total += sign * abs(charge.amount.value.amount)
        made += f" {'+' if sign > 0 else '-'} {number(abs(charge.amount.value.amount))}"
        used.append(charge.amount)
    if used:
        made += f" = {number(total)}"
    allowed = per_line.value * minor * len(amounts)
    stated = invoice.total.value.amount
    yield within(
        "D01",
        (total, made),
        (stated, number(stated)),
        allowed,
        (invoice.total, *amounts[:4], *used),
        tolerance=per_line,
        reason=Reason.SUM_DIFFERS,
    )


def _currency(papers: Sequence[Paper]) -> str:
    """The one currency of the amounts of ``papers``, "" where there are several or none."""
    found = {line.amount.value.currency for line in lines_of(papers) if line.amount} or {
        paper.total.value.currency for paper in papers if paper.total
    }
    return next(iter(found)) if len(found) == 1 else ""


def _whole(papers: Sequence[Paper]) -> tuple[Decimal, str, tuple[Field[Money], ...]] | None:
    """The total of ``papers``: as stated, else the sum of their lines; None where amounts are missing."""
    fields: list[Field[Money]] = []
    for paper in papers:
        if paper.total is not None:
            fields.append(paper.total)
        elif paper.lines and all(line.amount for line in paper.lines):
            fields += [line.amount for line in paper.lines if line.amount]
        else:
            return None
    if not fields:
        return None
    total, made = summed(_of(fields))
    return total, made, tuple(fields[:6])


def _totals(
    check: str, shipment: Shipment, left: Sequence[Paper], right: Sequence[Paper], names: tuple[str, str]
) -> Iterator[Finding]:
    ours, theirs = _whole(left), _whole(right)
    if ours is None or theirs is None:
        yield absent(
            check, *(name for name, found in zip(names, (ours, theirs), strict=True) if found is None)
        )
        return
    values = (*ours[2], *theirs[2])
    one, other = _currency(left), _currency(right)
    if not one or one != other:
        yield Finding(
            check,
            Verdict.NOT_COMPARABLE,
            Reason.UNLIKE_CURRENCIES,
            values=values,
            arithmetic=f"{one or '?'}, {other or '?'}",
        )
        return
    per_line = shipment.tolerance(check, "per line")
    allowed = per_line.value * minor_unit(one) * max(len(lines_of(left)), len(lines_of(right)), 1)
    finding = within(
        check, ours[:2], theirs[:2], allowed, values, tolerance=per_line, reason=Reason.SUM_DIFFERS
    )
    if finding.verdict is not Verdict.MATCH:
        fees = [
            charge.amount
            for paper in (*left, *right)
            for charge in paper.charges
            if charge.amount and charge.amount.value.currency == one
        ]
        fee = sum((each.value.amount for each in fees), Decimal(0))
        if fee and abs(abs(ours[0] - theirs[0]) - fee) <= allowed:
            text = f"{finding.arithmetic}; charges {number(fee)}"
            finding = Finding(check, Verdict.MATCH, Reason.BY_FEES, "", (*values, *fees), text, per_line)
    yield finding


def _by_line(
    check: str,
    shipment: Shipment,
    left: Sequence[Paper],
    right: Sequence[Paper],
    outside: Verdict = Verdict.CONTRADICTION,
) -> Iterator[Finding]:
    per_line = shipment.tolerance(check, "per line")
    currency = _currency(left)
    if not currency or currency != _currency(right):
        return
    for a, b in shipment.aligned(left, right).pairs:
        ours = [line.amount for line in a.lines if line.amount]
        theirs = [line.amount for line in b.lines if line.amount]
        if len(ours) != len(a.lines) or len(theirs) != len(b.lines):
            continue
        allowed = per_line.value * minor_unit(currency) * max(len(ours), len(theirs))
        yield within(
            check,
            summed(_of(ours)),
            summed(_of(theirs)),
            allowed,
            (*ours[:4], *theirs[:4]),
            line=pair_label(a.label, b.label),
            tolerance=per_line,
            outside=outside,
            reason=Reason.RESALE if outside is Verdict.REVIEW else Reason.DIFFERS,
        )


def d02_invoice_is_cn(shipment: Shipment) -> Iterator[Finding]:
    """The invoices and the Chinese declarations have one total, but for the charges that the terms add."""
    yield from _totals("D02", shipment, shipment.invoices, shipment.chinese, ("invoice", "CN declaration"))
    yield from _by_line("D02", shipment, shipment.invoices, shipment.chinese)


def d03_invoice_is_eaeu(shipment: Shipment) -> Iterator[Finding]:
    """The invoices are box 22 of the EAEU declaration, box 22 is the sum of boxes 42, and each line is its box 42."""
    yield from _totals("D03", shipment, shipment.invoices, shipment.eaeu, ("invoice", "EAEU declaration"))
    per_line = shipment.tolerance("D03", "per line")
    for paper in shipment.eaeu:
        amounts = [line.amount for line in paper.lines if line.amount]
        if paper.total is None or not amounts or len(amounts) != len(paper.lines):
            continue
        stated = paper.total.value.amount
        allowed = per_line.value * minor_unit(paper.total.value.currency) * len(amounts)
        yield within(
            "D03",
            summed(_of(amounts)),
            (stated, number(stated)),
            allowed,
            (paper.total, *amounts[:4]),
            tolerance=per_line,
            reason=Reason.SUM_DIFFERS,
        )
    yield from _by_line("D03", shipment, shipment.invoices, shipment.eaeu)


def d04_cn_price_is_eaeu(shipment: Shipment) -> Iterator[Finding]:
    """The lines have one price on both sides; where two sellers are seen, a difference is a resale."""
    if not shipment.chinese or not shipment.eaeu:
        yield absent(
            "D04",
            *(["CN declaration"] if not shipment.chinese else []),
            *(["EAEU declaration"] if not shipment.eaeu else []),
        )
        return
    one, other = _currency(shipment.chinese), _currency(shipment.eaeu)
    if one != other or not one:
        values = [
            line.amount
            for paper in (*shipment.chinese, *shipment.eaeu)
            for line in paper.lines[:1]
            if line.amount
        ]
        yield Finding(
            "D04",
            Verdict.NOT_COMPARABLE,
            Reason.UNLIKE_CURRENCIES,
            values=tuple(values),
            arithmetic=f"{one or '?'}, {other or '?'}",
        )
        return
    outside = Verdict.REVIEW if _resold(shipment) else Verdict.CONTRADICTION
    yield from _by_line("D04", shipment, shipment.chinese, shipment.eaeu, outside)


def _resold(shipment: Shipment) -> bool:
    """Whether a third country trades on a side: box 11 names the seller's country, and 贸易国 the buyer's."""
    sellers = {paper.trade_country.value for paper in shipment.eaeu if paper.trade_country}
    buyers = {paper.trade_country.value for paper in shipment.chinese if paper.trade_country}
    return bool(sellers - {"CN"}) or (bool(buyers & {"HK", "SG", "AE", "CH"}) and bool(sellers))


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
            if charge.amount and charge.amount.value.currency == _currency([paper])
        ]
        if paper.terms is not None and paper.terms.value in _BUYER_PAYS and not freight:
            yield from _customs_values_within_band(shipment, paper)
            continue
        price, value, rate = summed(_of(amounts))[0], summed(customs)[0], paper.rate.value
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
            if charge.amount and charge.amount.value.currency != _currency([paper]):
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


def d09_one_currency(shipment: Shipment) -> Iterator[Finding]:
    """Every paper of the sale names one currency."""
    stated = [
        each
        for paper in (*shipment.invoices, *shipment.chinese, *shipment.eaeu)
        for each in ((paper.currency,) if paper.currency else paper.currencies)
        if each is not None
    ]
    if len({field.place.file for field in stated}) < 2:
        yield absent("D09", "currency of two papers")
        return
    first = stated[0]
    for other in stated[1:]:
        yield same("D09", first, other, first.value == other.value)


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
    d01_invoice_adds_up,
    d02_invoice_is_cn,
    d03_invoice_is_eaeu,
    d04_cn_price_is_eaeu,
    d05_customs_value,
    d06_freight_plausible,
    d07_terms_and_freight,
    d08_terms_place,
    d09_one_currency,
    d10_rate,
)
