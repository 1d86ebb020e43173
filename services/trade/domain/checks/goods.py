"""Checks D00, D11 to D16 and D25: lines found on both sides, codes, descriptions, origins, quantities."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from functools import cache
from typing import Any, Final

from services.trade.domain.alignment import Group, article_tokens
from services.trade.domain.checks.shipment import (
    Check,
    Shipment,
    absent,
    pair_label,
    same,
    within,
)
from services.trade.domain.crosswalk import TableRow
from services.trade.domain.finding import Counted, Finding, Reason, Verdict
from services.trade.domain.names import comparable, script
from services.trade.domain.official_tables import TariffCode
from services.trade.domain.paper import Line, Paper, ReferenceKind
from services.trade.domain.values import SPECIAL_COUNTRIES, Field, rows_in_force

Side = tuple[str, Sequence[Paper]]
_NOTHING: Final = Decimal(0)
_MEASURED: Final = frozenset({"KGM", "MTR", "MTK", "MTQ", "LTR"})


def _sides(shipment: Shipment) -> list[tuple[Side, Side]]:
    """The pairs of papers whose lines are one another's: along the way of the goods, then its ends."""
    invoice, packing = (
        ("invoice", shipment.first_sale or shipment.invoices),
        ("packing list", shipment.packing_lists),
    )
    sold = ("invoice", shipment.last_sale or shipment.invoices)
    chinese, note = ("CN declaration", shipment.chinese), ("rail note", shipment.first_notes)
    eaeu, transit = ("EAEU declaration", shipment.eaeu), ("transit declaration", shipment.transit)
    wco = ("WCO declaration", shipment.wco)
    pairs = [
        (invoice, packing), (invoice, chinese), (packing, chinese), (chinese, eaeu), (sold, eaeu), (packing, eaeu),
        (chinese, note), (invoice, note), (eaeu, note), (chinese, transit), (transit, eaeu), (sold, wco), (wco, eaeu),
    ]  # fmt: skip
    return [(a, b) for a, b in pairs if a[1] and b[1]]


def _of(sides: list[tuple[Side, Side]], *wanted: tuple[str, str]) -> list[tuple[Side, Side]]:
    return [(a, b) for a, b in sides if (a[0], b[0]) in wanted]


def d00_lines_matched(shipment: Shipment) -> Iterator[Finding]:
    """Every line of one paper has its line in the other."""
    for (name, left), (other, right) in _sides(shipment):
        if other == "rail note":
            continue
        alignment = shipment.aligned(left, right)
        for groups, here, there in ((alignment.left, name, other), (alignment.right, other, name)):
            for group in groups:
                yield Finding(
                    "D00",
                    Verdict.REVIEW,
                    Reason.UNMATCHED,
                    group.label,
                    _shown(group),
                    f"{here} {group.label}: no line of {there}",
                )


def _shown(group: Group) -> tuple[Field[Any], ...]:
    line = group.lines[0]
    found = (line.code, line.amount, line.quantity, line.description)
    return tuple(Field(each.value, each.written, each.place) for each in found if each is not None)[:3] or (
        Field(line.number, line.number, line.place),
    )


def d11_hs_six_digits(shipment: Shipment) -> Iterator[Finding]:
    """The first six digits of the commodity code are the same, within one edition of the Harmonized System."""
    done = False
    for (_, left), (_, right) in _sides(shipment):
        for a, b in shipment.aligned(left, right).pairs:
            one, other = a.code, b.code
            if one is None or other is None:
                continue
            done = True
            label = pair_label(a.label, b.label)
            if one.value.edition != other.value.edition:
                text = f"HS {one.value.edition}, HS {other.value.edition}"
                yield Finding(
                    "D11", Verdict.NOT_COMPARABLE, Reason.UNLIKE_EDITIONS, label, (one, other), text
                )
            else:
                text = f"{one.value.hs6}, {other.value.hs6}"
                yield same("D11", one, other, one.value.hs6 == other.value.hs6, line=label, worked=text)
    if not done:
        yield absent("D11", "commodity codes of two papers")


def d12_national_code(shipment: Shipment) -> Iterator[Finding]:
    """A national code has its ten digits and is in force in the tariff on the day of the declaration."""
    done = False
    for side, papers in (("CN", shipment.chinese), ("EAEU", shipment.eaeu)):
        coded = [(paper, line) for paper in papers for line in paper.lines if line.code is not None]
        done = done or bool(coded)
        for _, line in coded:
            if line.code and len(line.code.value.digits) not in (10, 13):
                text = f"{len(line.code.value.digits)} digits"
                yield Finding("D12", Verdict.REVIEW, Reason.FORM, line.number, (line.code,), text)
        yield from _in_tariff(shipment, side, coded)
    if not done:
        yield absent("D12", "national commodity codes")


def _in_tariff(shipment: Shipment, side: str, coded: Sequence[tuple[Paper, Line]]) -> Iterator[Finding]:
    tariff = shipment.rules.tariff
    if not coded:
        return
    if tariff is None:
        yield Finding("D12", Verdict.MISSING, Reason.NO_TABLE, worked=f"tariff table {side}")
        return
    undated = next((paper for paper, _ in coded if paper.day is None), None)
    if undated is not None:
        yield absent("D12", f"day of the {side} declaration")
    for paper, line in coded:
        if line.code is None or paper.day is None or len(line.code.value.digits) not in (10, 13):
            continue
        day, digits = paper.day.value, line.code.value.digits[:10]
        values = (line.code, paper.day)
        if not tariff.covers(side, day):
            yield Finding(
                "D12", Verdict.MISSING, Reason.NO_TABLE, "", values, f"{tariff.name}: {side}, {day}"
            )
            return
        found = tariff.code(side, digits, day)
        known = found or tariff.last(side, digits)
        text = f"{digits}, {day}" if found else f"{digits}, {day}; {_days(known)}"
        yield Finding(
            "D12",
            Verdict.MATCH if found else Verdict.REVIEW,
            Reason.AGREES if found else Reason.NOT_IN_TABLE,
            line.number,
            values,
            text,
            table=known.row if known else TableRow(tariff.name, side, "", day),
        )


def _days(known: TariffCode | None) -> str:
    return "-" if known is None else f"{known.row.valid_from} - {known.until or ''}".rstrip()


def d13_description(shipment: Shipment) -> Iterator[Finding]:
    """Article and model names in the descriptions agree; the words themselves are not judged."""
    done = False
    sides = _of(
        _sides(shipment),
        ("CN declaration", "EAEU declaration"),
        ("invoice", "CN declaration"),
        ("invoice", "EAEU declaration"),
    )
    for (_, left), (_, right) in sides:
        for a, b in shipment.aligned(left, right).pairs:
            one, other = _described(a), _described(b)
            if one is None or other is None:
                continue
            done = True
            ours, theirs = article_tokens(one.value), article_tokens(other.value)
            label = pair_label(a.label, b.label)
            if not ours or not theirs:
                reason = Reason.UNLIKE_SCRIPTS if not comparable(one.value, other.value) else Reason.ABSENT
                text = f"{script(one.value)}, {script(other.value)}"
                yield Finding("D13", Verdict.NOT_COMPARABLE, reason, label, (one, other), text)
            else:
                text = (
                    ", ".join(sorted(ours & theirs))
                    or f"{', '.join(sorted(ours))} / {', '.join(sorted(theirs))}"
                )
                yield same(
                    "D13",
                    one,
                    other,
                    bool(ours & theirs),
                    line=label,
                    outside=Verdict.REVIEW,
                    worked=text,
                )
    if not done:
        yield absent("D13", "descriptions of two papers")


def _described(group: Group) -> Field[str] | None:
    return group.lines[0].description if len(group.lines) == 1 else None


def d14_vague_description(shipment: Shipment) -> Iterator[Finding]:
    """No description that carriers and customs refuse as too vague."""
    words = _stop_words(shipment.rules.as_of)
    done = False
    for paper in (*shipment.notes, *shipment.transit):
        for line in paper.lines:
            if line.description is None:
                continue
            done = True
            text = " ".join(line.description.value.casefold().split()).strip(" .,;")
            row = words.get(text)
            yield Finding(
                "D14",
                Verdict.REVIEW if row else Verdict.MATCH,
                Reason.STOP_WORD if row else Reason.AGREES,
                line.number,
                (line.description,),
                row["word"] if row else "",
                table=TableRow("stop_words", row["word"], row["source"], date.fromisoformat(row["valid_from"])) if row else None,
            )  # fmt: skip
    if not done:
        yield absent("D14", "descriptions in the rail note or transit declaration")


@cache
def _stop_words(as_of: date) -> Mapping[str, Mapping[str, str]]:
    """The rows of the list by the descriptions that are too vague: the word, its plural, the word after "goods:"."""
    return {
        form: row
        for row in rows_in_force("stop_words", ("word",), as_of)
        for form in (row["word"], f"{row['word']}s", f"goods: {row['word']}")
    }


def d15_origin(shipment: Shipment) -> Iterator[Finding]:
    """The country of origin is the same; what names no single country is for a person to judge."""
    done = False
    for (_, left), (_, right) in _sides(shipment):
        for a, b in shipment.aligned(left, right).pairs:
            one, other = a.origin, b.origin
            if one is None or other is None:
                continue
            done = True
            label, text = pair_label(a.label, b.label), f"{one.value}, {other.value}"
            if {one.value, other.value} & SPECIAL_COUNTRIES and one.value != other.value:
                yield Finding("D15", Verdict.REVIEW, Reason.SPECIAL_CODE, label, (one, other), text)
            else:
                yield same("D15", one, other, one.value == other.value, line=label, worked=text)
    if not done:
        yield absent("D15", "origins of two papers")


def d16_origin_certificate(shipment: Shipment) -> Iterator[Finding]:
    """A certificate of origin is dated not before the invoice and not long after departure."""
    days = shipment.tolerance("D16", "after departure")
    certificates = [
        each.day
        for paper in shipment.eaeu
        for each in paper.references
        if each.kind is ReferenceKind.ORIGIN and each.day
    ]
    invoiced = [paper.day for paper in shipment.invoices if paper.day]
    departed = [paper.day for paper in shipment.notes if paper.day]
    if not certificates or not (invoiced or departed):
        yield absent(
            "D16", *(["certificate of origin"] if not certificates else ["invoice or rail note with a date"])
        )
        return
    for issued in certificates:
        first = min(invoiced, key=lambda each: each.value, default=None)
        last = max(departed, key=lambda each: each.value, default=None)
        if first is not None:
            text = f"{issued.value} {'>=' if issued.value >= first.value else '<'} {first.value}"
            yield same("D16", issued, first, issued.value >= first.value, outside=Verdict.REVIEW, worked=text)
        if last is not None:
            limit = last.value + timedelta(days=int(days.value))
            text = f"{issued.value} {'<=' if issued.value <= limit else '>'} {limit}"
            yield same("D16", issued, last, issued.value <= limit, outside=Verdict.REVIEW, worked=text)


def d25_quantity(shipment: Shipment) -> Iterator[Finding]:
    """The quantity of a line is the same after the table of units; of unlike dimensions nothing is said."""
    share = shipment.tolerance("D25", "measured")
    done = False
    for (_, left), (_, right) in _sides(shipment):
        for a, b in shipment.aligned(left, right).pairs:
            finding = _quantities(a, b, share.value)
            if finding is not None:
                done = True
                yield finding
    if not done:
        yield absent("D25", "quantities of two papers")


def _quantities(a: Group, b: Group, measured: Decimal) -> Finding | None:
    """The first unit that every line of both states, pieces before kilograms."""
    label = pair_label(a.label, b.label)
    ours, theirs = a.quantities, b.quantities
    common = [base for base in ours if base in theirs]
    if not common:
        one, other = a.lines[0].quantity, b.lines[0].quantity
        if one is None or other is None:
            return None
        text = f"{one.value.unit_written or '?'}, {other.value.unit_written or '?'}"
        return Finding("D25", Verdict.NOT_COMPARABLE, Reason.UNLIKE_UNITS, label, (one, other), text)
    base = common[0] if len(common) == 1 else min(common, key=lambda each: each in _MEASURED)
    (fields, one_sum), (other_fields, other_sum) = ours[base], theirs[base]
    allowed = measured * max(one_sum, other_sum) if base in _MEASURED else _NOTHING
    values = (*fields[:3], *other_fields[:3])
    left, right = (one_sum, Counted(one_sum, base)), (other_sum, Counted(other_sum, base))
    return within("D25", left, right, allowed, values, line=label)


CHECKS: Final[tuple[Check, ...]] = (
    d00_lines_matched,
    d11_hs_six_digits,
    d12_national_code,
    d13_description,
    d14_vague_description,
    d15_origin,
    d16_origin_certificate,
    d25_quantity,
)
