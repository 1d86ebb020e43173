"""What the checks share: the papers of one shipment with corrections applied, their lines aligned once, and how two values are judged."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from functools import cached_property
from typing import Any

from services.trade.domain.alignment import Alignment, Grouping, align
from services.trade.domain.finding import Difference, Finding, Reason, Rules, Sum, Tolerance, Verdict
from services.trade.domain.names import comparable, likeness
from services.trade.domain.official_tables import MONEY_OF
from services.trade.domain.paper import Kind, Line, Paper, PaperSet, Party, ReferenceKind, Role, lines_of
from services.trade.domain.places import Spot, named
from services.trade.domain.values import Field, Money, Place


class Shipment:
    """The papers of one shipment under the rules of one day; alignments are computed once."""

    def __init__(self, papers: PaperSet, rules: Rules) -> None:
        self.papers, self.rules = papers, rules
        self._aligned: dict[tuple[tuple[int, ...], tuple[int, ...]], Alignment] = {}

    @cached_property
    def invoices(self) -> tuple[Paper, ...]:
        """The invoices."""
        return self.papers.of(Kind.INVOICE)

    @cached_property
    def packing_lists(self) -> tuple[Paper, ...]:
        """The packing lists."""
        return self.papers.of(Kind.PACKING_LIST)

    @cached_property
    def notes(self) -> tuple[Paper, ...]:
        """The rail notes."""
        return self.papers.of(Kind.RAIL_NOTE)

    @cached_property
    def first_notes(self) -> tuple[Paper, ...]:
        """The rail notes under which the goods leave: those that do not go on from where another one ends."""
        ends = [_places(paper, -1) for paper in self.notes]
        return tuple(
            paper
            for at, paper in enumerate(self.notes)
            if not any(_meet(end, _places(paper, 0)) for n, end in enumerate(ends) if n != at)
        )

    @cached_property
    def last_notes(self) -> tuple[Paper, ...]:
        """The rail notes under which the goods arrive: those that no other one goes on from."""
        starts = [_places(paper, 0) for paper in self.notes]
        return tuple(
            paper
            for at, paper in enumerate(self.notes)
            if not any(_meet(_places(paper, -1), start) for n, start in enumerate(starts) if n != at)
        )

    @cached_property
    def resold(self) -> bool:
        """Whether a third country trades: box 11 names the seller's country, 贸易国 the buyer's, which need not be that of destination."""
        sellers = {paper.trade_country.value for paper in self.eaeu if paper.trade_country}
        buyers = {paper.trade_country.value for paper in self.chinese if paper.trade_country}
        arrives = {
            each.value
            for paper in (*self.eaeu, *self.transit, *self.chinese)
            for each in (paper.destination, paper.lodged_in)
            if each is not None
        } or set(MONEY_OF)
        return bool(sellers - {"CN"}) or bool(sellers and buyers - arrives - {"CN"})

    @cached_property
    def first_sale(self) -> tuple[Paper, ...]:
        """The invoices of the sale that the Chinese declaration states; in a resale those of its consignor as seller."""
        return self._of_sale(Role.SELLER, self.chinese, (Role.CONSIGNOR,))

    @cached_property
    def last_sale(self) -> tuple[Paper, ...]:
        """The invoices of the sale that the EAEU declaration states; in a resale those to its consignee or buyer."""
        return self._of_sale(Role.BUYER, self.eaeu, (Role.BUYER, Role.CONSIGNEE))

    def _of_sale(self, side: Role, papers: Sequence[Paper], roles: tuple[Role, ...]) -> tuple[Paper, ...]:
        if not self.resold:
            return self.invoices
        traders = [party for paper in papers for role in roles if (party := paper.party(role)) is not None]
        passes = self.tolerance("D28", "pass").value
        return tuple(
            invoice
            for invoice in self.invoices
            if (dealer := invoice.party(side)) is not None
            and any(_one_party(dealer, trader, passes) for trader in traders)
        )

    @cached_property
    def chinese(self) -> tuple[Paper, ...]:
        """The Chinese declarations."""
        return self.papers.of(Kind.CN_DECLARATION)

    @cached_property
    def transit(self) -> tuple[Paper, ...]:
        """The EAEU transit declarations."""
        return self.papers.of(Kind.EAEU_TRANSIT)

    @cached_property
    def wco(self) -> tuple[Paper, ...]:
        """Declarations in the WCO data model."""
        return self.papers.of(Kind.WCO_DECLARATION)

    @cached_property
    def corrections(self) -> tuple[Paper, ...]:
        """The corrections of EAEU declarations, as they are."""
        return self.papers.of(Kind.EAEU_CORRECTION)

    @cached_property
    def eaeu(self) -> tuple[Paper, ...]:
        """The EAEU goods declarations as corrected, corrections in the order of their numbers; without any declaration, the corrections."""
        declarations = list(self.papers.of(Kind.EAEU_DECLARATION))
        for correction in sorted(self.corrections, key=lambda each: each.number.value if each.number else ""):
            original = self.original_of(correction)
            for at, each in enumerate(declarations):
                if original is not None and each.place == original.place:
                    declarations[at] = corrected(each, correction)
        return tuple(declarations) or self.corrections

    def original_of(self, correction: Paper) -> Paper | None:
        """The declaration of the set that a correction names, by its number or by the id of its message."""
        named = {
            each.number.value for each in correction.references if each.kind is ReferenceKind.DECLARATION
        }
        return next(
            (
                each
                for each in self.papers.of(Kind.EAEU_DECLARATION)
                if (each.number and each.number.value in named) or (each.id and each.id in named)
            ),
            None,
        )

    def aligned(self, left: Sequence[Paper], right: Sequence[Paper]) -> Alignment:
        """The lines of both sides as pairs."""
        key = tuple(map(id, left)), tuple(map(id, right))
        if key not in self._aligned:
            self._aligned[key] = align(lines_of(left), lines_of(right), self._grouping)
        return self._aligned[key]

    @cached_property
    def _grouping(self) -> Grouping:
        return Grouping(self._codes)

    @cached_property
    def _codes(self) -> dict[Place, str]:
        """The subheadings of the lines of packing lists, which state none, from the invoice's lines."""
        pairs = align(lines_of(self.packing_lists), lines_of(self.first_sale or self.invoices)).pairs
        return {
            line.place: b.lines[0].code.value.hs6
            for a, b in pairs
            for line in a.lines
            if line.code is None and b.lines[0].code is not None
        }

    def converted(self, amount: Money, into: str, papers: Iterable[Paper]) -> Decimal | None:
        """``amount`` in the currency ``into`` by the rates of the first day that ``papers`` give; None without such rates."""
        if amount.currency == into:
            return amount.amount
        day = next((paper.day.value for paper in papers if paper.day), None)
        rates = self.rules.rates
        return (
            None
            if day is None or rates is None
            else rates.converted(amount.amount, amount.currency, into, day)
        )

    def tolerance(self, check: str, name: str) -> Tolerance:
        """A tolerance of the day."""
        return self.rules.tolerance(check, name)


def _places(paper: Paper, at: int) -> tuple[Spot, ...]:
    return named(paper.stations[at].value) if len(paper.stations) > 1 else ()


def _meet(end: Sequence[Spot], start: Sequence[Spot]) -> bool:
    """Whether a note ends where another one begins."""
    return bool({each.id for each in end} & {each.id for each in start})


def _one_party(one: Party, other: Party, passes: Decimal) -> bool:
    if one.id is not None and other.id is not None and len(one.id.value) == len(other.id.value):
        return one.id.value == other.id.value
    return (
        one.name is not None
        and other.name is not None
        and comparable(one.name.value, other.name.value)
        and likeness(one.name.value, other.name.value) >= passes
    )


Check = Callable[[Shipment], Iterator[Finding]]


def corrected(declaration: Paper, correction: Paper) -> Paper:
    """``declaration`` with what ``correction`` states instead; lines by their numbers."""
    changed = {line.number: line for line in correction.lines}
    lines = tuple(_filled(changed.get(line.number), line) for line in declaration.lines)
    known = {line.number for line in declaration.lines}
    added = tuple(line for line in correction.lines if line.number not in known)
    header = {
        name: value
        for name in ("total", "currency", "terms", "gross", "net", "rate")
        if (value := getattr(correction, name)) is not None
    }
    several = {name: value for name in ("packages", "boxes") if (value := getattr(correction, name))}
    return replace(declaration, lines=lines + added, **header, **several)


def _filled(new: Line | None, old: Line) -> Line:
    """``new`` with what only ``old`` states."""
    if new is None:
        return old
    empty = {
        name: getattr(old, name)
        for name in Line.__dataclass_fields__
        if getattr(new, name) in (None, ()) and getattr(old, name) not in (None, ())
    }
    return replace(new, **empty)


def absent(check: str, *needed: str) -> Finding:
    """Nothing to compare: the papers or values that the check needs and the set does not have."""
    return Finding(check, Verdict.MISSING, Reason.ABSENT, worked=", ".join(needed))


def summed(fields: Iterable[Field[Decimal]]) -> tuple[Decimal, Sum]:
    """The sum of values, and how it was made."""
    values = tuple([each.value for each in fields])
    total = values[0] if len(values) == 1 else sum(values, Decimal(0))
    return total, Sum(total, values)


def within(
    check: str,
    left: tuple[Decimal, object],
    right: tuple[Decimal, object],
    allowed: Decimal,
    values: Iterable[Field[Any]],
    *,
    line: str = "",
    tolerance: Tolerance | None = None,
    outside: Verdict = Verdict.CONTRADICTION,
    reason: Reason = Reason.DIFFERS,
    masses: bool = False,
) -> Finding:
    """Whether two numbers, each with how it was made, differ by at most ``allowed``; two ``masses`` may be one in kilograms and in tonnes."""
    fits = abs(left[0] - right[0]) <= allowed
    if masses and not fits and thousandfold(left[0], right[0]):
        reason = Reason.THOUSANDFOLD
    verdict, why = (Verdict.MATCH, Reason.AGREES) if fits else (outside, reason)
    return Finding(check, verdict, why, line, tuple(values), Difference(left, right, allowed), tolerance)


def thousandfold(one: Decimal, other: Decimal) -> bool:
    """Whether one is a thousand of the other, as tonnes and kilograms are, to half a per cent."""
    less, more = sorted((one, other))
    return less > 0 and abs(less * 1000 - more) <= more / 200


def same(
    check: str,
    one: Field[Any],
    other: Field[Any],
    equal: bool,
    *,
    line: str = "",
    outside: Verdict = Verdict.CONTRADICTION,
    reason: Reason = Reason.DIFFERS,
    worked: str = "",
) -> Finding:
    """Whether two values are the same."""
    return Finding(
        check,
        Verdict.MATCH if equal else outside,
        Reason.AGREES if equal else reason,
        line,
        (one, other),
        worked,
    )


def pair_label(left: str, right: str) -> str:
    """The label of a pair of lines: one number where both are the same."""
    return left if left == right else f"{left} ~ {right}"
