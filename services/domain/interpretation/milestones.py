"""Milestones: one claim for each object that the event names, and what the cargo is where it says so."""

from __future__ import annotations

from schemas.events.base import Milestone
from schemas.events.customs import ExportLodged, ImportLodged
from schemas.events.document import NoteIssued
from schemas.events.document_trade import InvoiceIssued
from schemas.events.keys import canonical_place
from services.domain.facts import Assurance, Claim, Facts, Goods
from services.domain.interpretation.statement import Statement
from services.domain.objects import Thing

_OF_GOODS = (NoteIssued, InvoiceIssued, ExportLodged, ImportLodged)
"""What says by its commodities what the cargo is; a finding of an inspection says what was wrong with it."""


def milestone(statement: Statement, payload: Milestone) -> Facts:
    """A claim for each object named, and the goods where the event says what the cargo is."""
    claims = claims_of(statement, payload)
    if not isinstance(payload, _OF_GOODS) or not payload.commodities:
        return Facts(claims=claims)
    goods = (
        Goods(claim.event, claim.publisher, claim.thing, tuple(payload.commodities), claim.territorial)
        for claim in claims
    )
    return Facts(claims=claims, goods=frozenset(goods))


def claims_of(statement: Statement, payload: Milestone, extra: tuple[Thing, ...] = ()) -> frozenset[Claim]:
    """The claims of ``payload`` about the objects that it names and about ``extra`` ones."""
    spec, publisher = payload.spec, statement.publisher
    place = canonical_place(payload.place) if payload.place else ""
    jurisdiction = payload.jurisdiction_code
    territorial = publisher.covers(spec, jurisdiction, place)
    assurance = _assurance(territorial, payload)
    happened = payload.happened_micros
    event, code, published = statement.event, publisher.code, statement.published
    number, region = spec.number, spec.region
    occurrence, classifier = payload.occurrence, payload.classifier
    things = [Thing(o.kind, o.key) for o in payload.objects]
    things += extra
    return frozenset(
        [
            Claim(
                event,
                code,
                published,
                happened,
                thing,
                number,
                region,
                jurisdiction,
                place,
                occurrence,
                classifier,
                assurance,
                territorial,
            )
            for thing in things
        ]
    )


def _assurance(territorial: bool, payload: Milestone) -> Assurance:
    if territorial:
        return Assurance.SIGNED_BY_AUTHORITY
    return Assurance.RELAYED if payload.relay is not None else Assurance.ASSERTED
