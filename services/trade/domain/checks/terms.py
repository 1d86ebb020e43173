"""Checks D07 and D08: terms of delivery: one in all papers, freight as they have it, and a place on the journey that they allow."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from services.trade.domain.checks.amounts import CN_TERMS
from services.trade.domain.checks.shipment import Check, Shipment, absent, same
from services.trade.domain.finding import Finding, Reason, Verdict
from services.trade.domain.names import comparable, likeness
from services.trade.domain.paper import BUYER_PAYS, ChargeKind, Paper
from services.trade.domain.places import Spot, named, on_the_line, one_city
from services.trade.domain.values import Field, number


def d07_terms_and_freight(shipment: Shipment) -> Iterator[Finding]:
    """The terms of all papers are one, and freight is charged where they have the seller pay it, and nowhere else."""
    stated = [
        (paper, paper.terms)
        for paper in (*shipment.invoices, *shipment.packing_lists, *shipment.eaeu, *shipment.wco)
        if paper.terms is not None
    ]
    done = bool(stated)
    arriving: tuple[Paper, ...] = ()
    apart: tuple[Paper, ...] = ()
    if shipment.resold:  # each sale has terms of its own; a packing list may state those of either
        apart = (
            *(each for each in shipment.invoices if each not in shipment.last_sale),
            *shipment.packing_lists,
        )
        leaving = shipment.first_sale
        arriving = tuple(each for each, _ in stated if each not in leaving)
    for paper, terms in stated:
        for charge in paper.charged(ChargeKind.FREIGHT) if terms.value in BUYER_PAYS else ():
            field = charge.amount or charge.share
            if field:
                yield Finding("D07", Verdict.CONTRADICTION, Reason.DIFFERS, values=(terms, field))
        for chinese in shipment.chinese if paper not in arriving else ():
            if chinese.terms is not None:
                expected = CN_TERMS.get(terms.value, "?")
                text = f"{terms.value} -> {expected}"
                yield same("D07", terms, chinese.terms, expected == chinese.terms.value, worked=text)
    for (_, one), (_, other) in itertools.pairwise(each for each in stated if each[0] not in apart):
        yield same("D07", one, other, one.value == other.value, worked=f"{one.value}, {other.value}")
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
            worked=f"{paper.terms.value}: {'freight' if freight else 'no freight'}",
        )
    if not done:
        yield absent("D07", "terms of delivery")


def d08_terms_place(shipment: Shipment) -> Iterator[Finding]:
    """The named place is one in all papers, on the side of the border that the terms have it on, and on the journey."""
    papers = [
        each
        for each in (*shipment.invoices, *shipment.packing_lists, *shipment.eaeu, *shipment.wco)
        if each.terms_place is not None
    ]
    sale = [each for each in papers if not shipment.resold or each in (*shipment.last_sale, *shipment.eaeu)]
    for one, other in itertools.pairwise(sale):
        yield _one_place(shipment, one.terms_place, other.terms_place)  # type: ignore[arg-type]
    journey = _journey(shipment)
    seen: set[tuple[str, str]] = set()
    for paper in papers:
        if paper.terms is None or paper.terms_place is None or journey is None:
            continue
        stated = paper.terms.value, paper.terms_place.value
        if stated not in seen:
            seen.add(stated)
            yield _on_journey(shipment, journey, paper.terms, paper.terms_place)
    if not papers or (len(papers) < 2 and not seen):
        yield absent("D08", "named place of delivery" if not papers else "journey")


def _one_place(shipment: Shipment, one: Field[str], other: Field[str]) -> Finding:
    spots, others = named(one.value), named(other.value)
    if spots and others:
        city = shipment.tolerance("D08", "one city")
        fits = one_city(spots, others, float(city.value))
        text = f"{_ids(spots)} {'=' if fits else '/'} {_ids(others)}"
        return Finding(
            "D08", Verdict.MATCH if fits else Verdict.REVIEW, Reason.AGREES if fits else Reason.DIFFERS, "", (one, other), text, city
        )  # fmt: skip
    if not comparable(one.value, other.value):
        return Finding("D08", Verdict.NOT_COMPARABLE, Reason.UNLIKE_SCRIPTS, values=(one, other))
    points = shipment.tolerance("D08", "pass")
    score = likeness(one.value, other.value)
    fits = score >= points.value
    text = f"{score} {'>=' if fits else '<'} {number(points.value)}"
    return Finding(
        "D08", Verdict.MATCH if fits else Verdict.REVIEW, Reason.AGREES if fits else Reason.DIFFERS, "", (one, other), text, points
    )  # fmt: skip


class _Journey(NamedTuple):
    """From where to where the goods go: places where the rail note names known stations, and countries; with the values that say so."""

    start: tuple[Spot, ...]
    end: tuple[Spot, ...]
    dispatch: frozenset[str]
    destination: frozenset[str]
    values: tuple[Field[str], ...]


def _journey(shipment: Shipment) -> _Journey | None:
    """The journey by the note's stations, else by the countries of the declarations; None where neither is known."""
    declared: Sequence[Paper] = (*shipment.eaeu, *shipment.transit, *shipment.wco)
    dispatch = next((each.dispatch for each in declared if each.dispatch), None)
    first = next((each.stations for each in shipment.first_notes if len(each.stations) > 1), ())
    last = next((each.stations for each in shipment.last_notes if len(each.stations) > 1), ())
    if first and last:
        start, end = named(first[0].value), named(last[-1].value)
        if start and end and (dispatch is None or dispatch.value in _countries(start)):
            return _Journey(start, end, _countries(start), _countries(end), (first[0], last[-1]))
    destination = next(
        (each.destination for each in (*declared, *shipment.chinese) if each.destination), None
    )
    if dispatch is None or destination is None:
        return None
    return _Journey(
        (), (), frozenset({dispatch.value}), frozenset({destination.value}), (dispatch, destination)
    )


def _countries(spots: Sequence[Spot]) -> frozenset[str]:
    return frozenset(each.country for each in spots)


def _on_journey(shipment: Shipment, journey: _Journey, terms: Field[str], place: Field[str]) -> Finding:
    """Where the buyer pays the carriage, the place is in the country of dispatch, for FOB and FAS where the journey begins; else beyond it."""
    values = (terms, place, *journey.values)
    spots = named(place.value)
    if not spots:
        return Finding(
            "D08", Verdict.MISSING, Reason.NO_TABLE, values=values, worked=f"places: {place.value}"
        )
    city = shipment.tolerance("D08", "one city")
    detour = shipment.tolerance("D08", "detour")
    countries = _countries(spots)
    if terms.value in BUYER_PAYS:
        begins = not journey.start or one_city(spots, journey.start, float(city.value))
        fits = bool(countries & journey.dispatch) and (terms.value in ("EXW", "FCA") or begins)
        wanted = (
            "+".join(sorted(journey.dispatch))
            if not journey.start or terms.value in ("EXW", "FCA")
            else _ids(journey.start)
        )
    else:
        beyond = bool(countries - journey.dispatch)
        fits = bool(countries & journey.destination) or (
            beyond and on_the_line(journey.start, spots, journey.end, float(detour.value))
        )
        wanted = _ids(journey.end) or "+".join(sorted(journey.destination))
    text = f"{terms.value} {_ids(spots)} ({'+'.join(sorted(countries))}); {wanted}"
    return Finding(
        "D08", Verdict.MATCH if fits else Verdict.REVIEW, Reason.AGREES if fits else Reason.WRONG_SIDE, "", values, text, city
    )  # fmt: skip


def _ids(spots: Sequence[Spot]) -> str:
    return "+".join(each.id for each in spots[:3])


CHECKS: Final[tuple[Check, ...]] = (d07_terms_and_freight, d08_terms_place)
