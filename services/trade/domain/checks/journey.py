"""Checks D26 to D32: boxes, seals, parties, dates, amendments, papers used twice, offshore deals."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import Any, Final

from schemas.identifiers import iso6346
from schemas.identifiers.check_digit import CheckDigit
from schemas.identifiers.confusables import skeleton
from schemas.identifiers.form import MalformedIdentifier
from services.trade.domain.checks.shipment import Check, Shipment, absent, pair_label, same
from services.trade.domain.finding import Finding, Reason, Tolerance, Verdict
from services.trade.domain.names import comparable, likeness
from services.trade.domain.paper import Line, Paper, Party, ReferenceKind, Role
from services.trade.domain.values import Field, number


def d26_boxes(shipment: Shipment) -> Iterator[Finding]:
    """The boxes are the same set in all papers; a wrong check digit is a reason to look."""
    sides = [
        (name, [box for paper in papers for box in paper.boxes])
        for name, papers in (
            ("packing list", shipment.packing_lists),
            ("CN declaration", shipment.chinese),
            ("rail note", shipment.first_notes),
            (
                "rail note at the end",
                shipment.last_notes if shipment.last_notes != shipment.first_notes else (),
            ),
            ("transit declaration", shipment.transit),
            ("EAEU declaration", shipment.eaeu),
            ("WCO declaration", shipment.wco),
        )
    ]
    sides = [(name, boxes) for name, boxes in sides if boxes]
    seen: dict[str, Field[str]] = {}
    for _, boxes in sides:
        for box in boxes:
            if seen.setdefault(box.value, box) is box:
                yield from _check_digit(box)
    if len(sides) < 2:
        yield absent("D26", "boxes of two papers")
        return
    for (name, left), (other, right) in itertools.pairwise(sides):
        ours, theirs = {box.value for box in left}, {box.value for box in right}
        if ours == theirs:
            yield Finding(
                "D26",
                Verdict.MATCH,
                Reason.AGREES,
                values=(left[0], right[0]),
                worked=f"{len(ours)} = {len(theirs)}",
            )
            continue
        only = (
            [box for box in left if box.value not in theirs],
            [box for box in right if box.value not in ours],
        )
        text = f"{name}: {', '.join(box.value for box in only[0]) or '-'}; {other}: {', '.join(box.value for box in only[1]) or '-'}"
        reloaded = other == "rail note at the end"
        yield Finding(
            "D26",
            Verdict.REVIEW if reloaded else Verdict.CONTRADICTION,
            Reason.RELOADED if reloaded else Reason.DIFFERS,
            values=(*only[0][:3], *only[1][:3]),
            worked=text,
        )


def _check_digit(box: Field[str]) -> Iterator[Finding]:
    try:
        parsed = iso6346.parse(box.value)
    except MalformedIdentifier:
        yield Finding("D26", Verdict.REVIEW, Reason.FORM, values=(box,), worked="ISO 6346")
        return
    if parsed.check is CheckDigit.WRONG:
        expected = iso6346.check_digit(parsed.text[:10])
        text = f"{parsed.text[:10]} -> {expected}, not {parsed.text[10]}"
        yield Finding("D26", Verdict.REVIEW, Reason.CHECK_DIGIT, values=(box,), worked=text)


def d27_seals(shipment: Shipment) -> Iterator[Finding]:
    """The seals of the note are those of the transit declaration; blanks, case and look-alikes make no difference."""
    note = [seal for paper in shipment.last_notes for seal in paper.seals]
    transit = [seal for paper in (*shipment.transit, *shipment.wco) for seal in paper.seals]
    if not note or not transit:
        yield absent("D27", "seals of the rail note" if not note else "seals of the transit declaration")
        return
    ours, theirs = ({skeleton(seal.value): seal for seal in seals} for seals in (note, transit))
    left = [seal for key, seal in ours.items() if key not in theirs]
    right = [seal for key, seal in theirs.items() if key not in ours]
    if not left and not right:
        yield Finding(
            "D27",
            Verdict.MATCH,
            Reason.AGREES,
            values=(note[0], transit[0]),
            worked=f"{len(ours)} = {len(theirs)}",
        )
        return
    text = (
        f"{', '.join(each.value for each in left) or '-'} / {', '.join(each.value for each in right) or '-'}"
    )
    yield Finding("D27", Verdict.CONTRADICTION, Reason.DIFFERS, values=(*left[:3], *right[:3]), worked=text)


def d28_parties(shipment: Shipment) -> Iterator[Finding]:
    """Seller, buyer, consignor and consignee are the same by their numbers, else by their names.

    A rail note may name a forwarder, and in a resale China's declaration the reseller: a difference there is one to look at.
    """
    passes, review = shipment.tolerance("D28", "pass"), shipment.tolerance("D28", "review")
    others = (
        *shipment.packing_lists,
        *shipment.chinese,
        *shipment.notes,
        *shipment.transit,
        *shipment.eaeu,
        *shipment.wco,
    )
    done = False
    for role, instead in (
        (Role.CONSIGNOR, Role.SELLER),
        (Role.CONSIGNEE, Role.BUYER),
        (Role.BUYER, Role.BUYER),
    ):
        invoices = shipment.last_sale if role is Role.BUYER else shipment.invoices
        parties = [
            (paper, party)
            for paper in (*invoices, *others)
            if (party := paper.party(role) or (None if shipment.resold else paper.party(instead))) is not None
        ]
        apart = (*shipment.notes, *(shipment.chinese if shipment.resold and role is Role.CONSIGNEE else ()))
        main = [party for paper, party in parties if paper not in apart]
        pairs = [(one, other, Verdict.CONTRADICTION) for one, other in itertools.pairwise(main)]
        pairs += [(main[0], party, Verdict.REVIEW) for paper, party in parties if main and paper in apart]
        for one, other, outside in pairs:
            finding = _party(one, other, passes, review, outside)
            if finding is not None:
                done = True
                yield finding
    if not done:
        yield absent("D28", "parties of two papers")


def _party(
    one: Party, other: Party, passes: Tolerance, review: Tolerance, outside: Verdict
) -> Finding | None:
    """Whether two are one; where one is the seller or buyer and the other consignor or consignee, they need not be."""
    outside = outside if one.role is other.role else Verdict.REVIEW
    if one.id is not None and other.id is not None and len(one.id.value) == len(other.id.value):
        text = f"{one.id.value}, {other.id.value}"
        return same("D28", one.id, other.id, one.id.value == other.id.value, outside=outside, worked=text)
    if one.name is None or other.name is None:
        return None
    values = (one.name, other.name)
    if not comparable(one.name.value, other.name.value):
        return Finding("D28", Verdict.NOT_COMPARABLE, Reason.UNLIKE_SCRIPTS, values=values)
    score = likeness(one.name.value, other.name.value)
    if score >= passes.value:
        return Finding(
            "D28", Verdict.MATCH, Reason.AGREES, "", values, f"{score} >= {number(passes.value)}", passes
        )
    if score >= review.value:
        text = f"{number(review.value)} <= {score} < {number(passes.value)}"
        return Finding("D28", Verdict.REVIEW, Reason.ALIKE_NAMES, "", values, text, passes)
    return Finding("D28", outside, Reason.DIFFERS, "", values, f"{score} < {number(review.value)}", review)


def d29_order_of_dates(shipment: Shipment) -> Iterator[Finding]:
    """Invoice, Chinese declaration, departure, border, EAEU registration: each not before the one before, on local dates."""
    zones = shipment.tolerance("D29", "zones")
    invoice = [paper.day for paper in shipment.invoices if paper.day]
    lodged = [paper.day for paper in shipment.chinese if paper.day]
    note = [paper.day for paper in shipment.notes if paper.day]
    exported = [paper.export_day for paper in shipment.chinese if paper.export_day]
    registered = [paper.day for paper in (*shipment.transit, *shipment.eaeu) if paper.day]
    orders: list[tuple[Sequence[Field[date]], Sequence[Field[date]], Verdict, Reason]] = [
        (invoice, lodged, Verdict.CONTRADICTION, Reason.DIFFERS),
        (lodged, exported, Verdict.CONTRADICTION, Reason.DIFFERS),
        (invoice, note, Verdict.CONTRADICTION, Reason.DIFFERS),
        (note, registered, Verdict.REVIEW, Reason.PRE_LODGED),
        (lodged or invoice, registered, Verdict.REVIEW, Reason.PRE_LODGED),
    ]
    done = False
    for before, after, outside, reason in orders:
        for first in before[:1]:
            for second in after:
                done = True
                limit = second.value + timedelta(days=int(zones.value))
                fits = first.value <= limit
                text = f"{first.value} {'<=' if fits else '>'} {second.value} + {number(zones.value)} d"
                yield Finding(
                    "D29",
                    Verdict.MATCH if fits else outside,
                    Reason.AGREES if fits else reason,
                    "",
                    (first, second),
                    text,
                    zones,
                )
    if not done:
        yield absent("D29", "dates of two papers")


_FOLLOWS: Final = ("code", "origin", "quantity", "amount", "gross", "net", "packages")
"""What a change of one declaration has to change in the other (crosswalk: propagates)."""


def d30_amendment_followed(shipment: Shipment) -> Iterator[Finding]:
    """What a correction changed of an EAEU declaration, the Chinese one no longer states as before."""
    if not shipment.corrections:
        yield absent("D30", "correction of a declaration")
        return
    for correction in shipment.corrections:
        original = shipment.original_of(correction)
        if original is None:
            named = [each.number for each in correction.references if each.kind is ReferenceKind.DECLARATION]
            text = ", ".join(each.value for each in named)
            yield Finding("D30", Verdict.REVIEW, Reason.NO_ORIGINAL, values=tuple(named[:1]), worked=text)
            continue
        old_lines = {line.number: line for line in original.lines}
        for a, b in shipment.aligned(shipment.chinese, shipment.eaeu).pairs:
            for new in b.lines:
                old = old_lines.get(new.number)
                for chinese in a.lines if old is not None and len(a.lines) == len(b.lines) == 1 else ():
                    yield from _stale(chinese, old, new, pair_label(a.label, b.label))


def _stale(chinese: Line, old: Line | None, new: Line, label: str) -> Iterator[Finding]:
    for name in _FOLLOWS:
        ours, before, after = (_comparable(line, name) for line in (chinese, old, new))
        if ours is None or before is None or after is None or before[0] == after[0]:
            continue
        stale = ours[0] == before[0]
        yield Finding(
            "D30",
            Verdict.REVIEW if stale else Verdict.MATCH,
            Reason.STALE if stale else Reason.AGREES,
            label,
            (ours[1], before[1], after[1]),
            f"{before[1].written} -> {after[1].written}",
        )


def _comparable(line: Line | None, name: str) -> tuple[object, Field[Any]] | None:
    field = getattr(line, name) if line is not None else None
    if field is None:
        return None
    value = field.value
    if name == "code":
        return value.hs6, field
    if name == "quantity":
        return value.in_base, field
    return (value.amount if name == "amount" else value), field


def d31_used_twice(shipment: Shipment) -> Iterator[Finding]:
    """No two papers of one kind have one number and different contents."""
    groups: dict[tuple[str, str], list[Paper]] = defaultdict(list)
    for paper in shipment.papers.papers:
        if paper.number is not None:
            groups[paper.kind, skeleton(paper.number.value)].append(paper)
    if not groups:
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


def _content(paper: Paper) -> str:
    return repr(
        [
            (line.number, line.amount and line.amount.value, line.quantity and line.quantity.value)
            for line in paper.lines
        ]
    )


def d32_offshore(shipment: Shipment) -> Iterator[Finding]:
    """An offshore deal has no Chinese declaration; no paper that is read states such a deal."""
    declared = tuple(paper.number for paper in shipment.chinese if paper.number)
    yield Finding("D32", Verdict.MISSING, Reason.NOT_CONCERNED, values=declared, worked="offshore deal")


CHECKS: Final[tuple[Check, ...]] = (
    d26_boxes,
    d27_seals,
    d28_parties,
    d29_order_of_dates,
    d30_amendment_followed,
    d31_used_twice,
    d32_offshore,
)
