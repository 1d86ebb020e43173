"""Checks D01 to D04 and D09: what is paid, in one currency: the invoice adds up and both declarations state its prices."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from typing import Final

from services.trade.domain.checks.shipment import (
    Check,
    Shipment,
    absent,
    pair_label,
    same,
    summed,
    within,
)
from services.trade.domain.crosswalk import codes
from services.trade.domain.finding import Finding, Reason, Sum, Tolerance, Verdict
from services.trade.domain.paper import ChargeKind, Paper, lines_of
from services.trade.domain.values import Field, Money, minor_unit, number

CN_TERMS: Final = {key: row.code("cn") for key, row in codes("terms", date.max).items()}
"""The code of 成交方式 for each Incoterm of the table."""
_ADDED: Final = frozenset({ChargeKind.FREIGHT, ChargeKind.INSURANCE, ChargeKind.OTHER, ChargeKind.TAX})


def amounts_of(amounts: Sequence[Field[Money]]) -> list[Field[Decimal]]:
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
    total, of_lines = summed(amounts_of(amounts))
    made = str(of_lines)
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


def one_currency(papers: Sequence[Paper]) -> str:
    """The one currency of the amounts of ``papers``, "" where there are several or none."""
    found = {line.amount.value.currency for line in lines_of(papers) if line.amount} or {
        paper.total.value.currency for paper in papers if paper.total
    }
    return next(iter(found)) if len(found) == 1 else ""


def _whole(papers: Sequence[Paper]) -> tuple[Decimal, Sum, tuple[Field[Money], ...]] | None:
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
    total, made = summed(amounts_of(fields))
    return total, made, tuple(fields[:6])


def _totals(
    check: str,
    shipment: Shipment,
    left: Sequence[Paper],
    right: Sequence[Paper],
    names: tuple[str, str],
    outside: Verdict,
) -> Iterator[Finding]:
    ours, theirs = _whole(left), _whole(right)
    if ours is None or theirs is None:
        yield absent(
            check, *(name for name, found in zip(names, (ours, theirs), strict=True) if found is None)
        )
        return
    values = (*ours[2], *theirs[2])
    one, other = one_currency(left), one_currency(right)
    if not one or one != other:
        yield Finding(
            check,
            Verdict.NOT_COMPARABLE,
            Reason.UNLIKE_CURRENCIES,
            values=values,
            worked=f"{one or '?'}, {other or '?'}",
        )
        return
    per_line = shipment.tolerance(check, "per line")
    allowed = per_line.value * minor_unit(one) * max(len(lines_of(left)), len(lines_of(right)), 1)
    reason = Reason.RESALE if outside is Verdict.REVIEW else Reason.SUM_DIFFERS
    finding = within(
        check, ours[:2], theirs[:2], allowed, values, tolerance=per_line, outside=outside, reason=reason
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
    currency = one_currency(left)
    if not currency or currency != one_currency(right):
        return
    for a, b in shipment.aligned(left, right).pairs:
        ours = [line.amount for line in a.lines if line.amount]
        theirs = [line.amount for line in b.lines if line.amount]
        if len(ours) != len(a.lines) or len(theirs) != len(b.lines):
            continue
        allowed = per_line.value * minor_unit(currency) * max(len(ours), len(theirs))
        yield within(
            check,
            summed(amounts_of(ours)),
            summed(amounts_of(theirs)),
            allowed,
            (*ours[:4], *theirs[:4]),
            line=pair_label(a.label, b.label),
            tolerance=per_line,
            outside=outside,
            reason=Reason.RESALE if outside is Verdict.REVIEW else Reason.DIFFERS,
        )


def d02_invoice_is_cn(shipment: Shipment) -> Iterator[Finding]:
    """The invoices and the Chinese declarations have one total, but for the charges that the terms add."""
    invoices = shipment.first_sale or shipment.invoices
    outside = Verdict.REVIEW if shipment.resold and not shipment.first_sale else Verdict.CONTRADICTION
    yield from _totals("D02", shipment, invoices, shipment.chinese, ("invoice", "CN declaration"), outside)
    yield from _by_line("D02", shipment, invoices, shipment.chinese, outside)


def d03_invoice_is_eaeu(shipment: Shipment) -> Iterator[Finding]:
    """The invoices are box 22 of the EAEU declaration, box 22 is the sum of boxes 42, and each line is its box 42."""
    invoices = shipment.last_sale or shipment.invoices
    outside = Verdict.REVIEW if shipment.resold and not shipment.last_sale else Verdict.CONTRADICTION
    yield from _totals("D03", shipment, invoices, shipment.eaeu, ("invoice", "EAEU declaration"), outside)
    per_line = shipment.tolerance("D03", "per line")
    for paper in shipment.eaeu:
        amounts = [line.amount for line in paper.lines if line.amount]
        if paper.total is None or not amounts or len(amounts) != len(paper.lines):
            continue
        stated = paper.total.value.amount
        allowed = per_line.value * minor_unit(paper.total.value.currency) * len(amounts)
        yield within(
            "D03",
            summed(amounts_of(amounts)),
            (stated, number(stated)),
            allowed,
            (paper.total, *amounts[:4]),
            tolerance=per_line,
            reason=Reason.SUM_DIFFERS,
        )
    yield from _by_line("D03", shipment, invoices, shipment.eaeu, outside)


def d04_cn_price_is_eaeu(shipment: Shipment) -> Iterator[Finding]:
    """The lines have one price on both sides; where two sellers are seen, a difference is a resale."""
    if not shipment.chinese or not shipment.eaeu:
        yield absent(
            "D04",
            *(["CN declaration"] if not shipment.chinese else []),
            *(["EAEU declaration"] if not shipment.eaeu else []),
        )
        return
    one, other = one_currency(shipment.chinese), one_currency(shipment.eaeu)
    if one != other or not one:
        yield _in_other_currency(shipment, one, other)
        return
    outside = Verdict.REVIEW if shipment.resold else Verdict.CONTRADICTION
    yield from _by_line("D04", shipment, shipment.chinese, shipment.eaeu, outside)


def _in_other_currency(shipment: Shipment, one: str, other: str) -> Finding:
    """Both totals in the currency of the EAEU declaration by the table of rates; without rates they are not comparable."""
    values = tuple(
        line.amount
        for paper in (*shipment.chinese, *shipment.eaeu)
        for line in paper.lines[:1]
        if line.amount
    )
    ours, theirs = _whole(shipment.chinese), _whole(shipment.eaeu)
    worth = (
        shipment.converted(Money(ours[0], one), other, (*shipment.eaeu, *shipment.chinese))
        if one and other and ours and theirs
        else None
    )
    if worth is None or ours is None or theirs is None:
        return Finding(
            "D04", Verdict.NOT_COMPARABLE, Reason.UNLIKE_CURRENCIES, values=values, worked=f"{one or '?'}, {other or '?'}"
        )  # fmt: skip
    share = shipment.tolerance("D04", "other currency")
    worth = round(worth, 2)
    return within(
        "D04", (worth, f"{number(ours[0])} {one} = {number(worth)} {other}"), theirs[:2], share.value * worth, values,
        tolerance=share, outside=Verdict.REVIEW,
    )  # fmt: skip


def d09_one_currency(shipment: Shipment) -> Iterator[Finding]:
    """Every paper of the sale names one currency."""
    sales: list[tuple[Paper, ...]] = [(*shipment.invoices, *shipment.chinese, *shipment.eaeu)]
    if shipment.resold:
        sales = [(*shipment.first_sale, *shipment.chinese), (*shipment.last_sale, *shipment.eaeu)]
    done = False
    for papers in sales:
        stated = [
            each
            for paper in papers
            for each in ((paper.currency,) if paper.currency else paper.currencies)
            if each is not None
        ]
        if len({field.place.file for field in stated}) < 2:
            continue
        done = True
        first = stated[0]
        for other in stated[1:]:
            yield same("D09", first, other, first.value == other.value)
    if not done:
        yield absent("D09", "currency of two papers")


CHECKS: Final[tuple[Check, ...]] = (
    d01_invoice_adds_up,
    d02_invoice_is_cn,
    d03_invoice_is_eaeu,
    d04_cn_price_is_eaeu,
    d09_one_currency,
)
