"""Offshore deals as events state them, and what was seen of their goods: facts of the consignments in which the deal's owner is named.

A consignment is the deal's where a note, booking or consignment that the deal names reaches it; of a deal that names boxes alone, where a box
does. Boxes are used again: who names the note is never mistaken.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final

from psycopg import Connection

from schemas.events.base import Classifier, ObjectKind, Payload
from schemas.events.catalogue import by_number
from schemas.events.customs import Released
from schemas.events.trade_offshore import OffshoreDealStated
from services.domain.facts import Micros
from services.domain.liveness import judge
from services.domain.objects import Thing, deal_paper, offshore_deal
from services.domain.view import Arrival, ClaimStatus
from services.ledger.registry.registry import Registry
from services.ledger.storage.event_reader import events_about
from services.query.views import EVENTS, SourcedView, consignments_of, facts_of
from services.trade.domain.offshore import Deal, KnownDeal, Sighting, current
from services.trade.store.datasets import payload_of

Views = Callable[[Sequence[bytes]], Sequence[SourcedView | None]]
_PROCEDURES: Final = {
    "customs.export_lodged": "EXPORT",
    "customs.import_lodged": "IMPORT",
    "customs.transit_lodged": "TRANSIT",
    "customs.transit_opened": "TRANSIT",
    "customs.transit_closed": "TRANSIT",
}
"""The procedure that a step before customs belongs to, where its type says it."""


def stated_deal(
    session: Connection[Any], owner: str, reference: str, registry: Registry, as_of: Micros
) -> Deal | None:
    """The deal ``reference`` as its owner states it now; None where it does not, or no longer."""
    of = offshore_deal(owner, reference)
    return current(each for each in _stated(session, of, registry, as_of) if each.thing == of)


def deals_beside(session: Connection[Any], deal: Deal, registry: Registry, as_of: Micros) -> tuple[Deal, ...]:
    """The other deals, of whomever, that name one of the deal's papers, each as it counts now, by their names."""
    named = {deal_paper(deal.owner, each) for each in deal.stated.papers}
    met = {
        each.thing: each
        for paper in sorted(named)
        for each in _stated(session, paper, registry, as_of)
        if each.thing != deal.thing
    }
    now = (
        stated_deal(session, each.owner, each.stated.reference, registry, as_of)
        for _, each in sorted(met.items())
    )
    return tuple(
        each
        for each in now
        if each is not None and any(deal_paper(each.owner, paper) in named for paper in each.stated.papers)
    )


def _stated(session: Connection[Any], thing: Thing, registry: Registry, as_of: Micros) -> Iterator[Deal]:
    """The live statements of deals that are found under ``thing``."""
    stored = events_about(session, thing.kind, thing.key, as_of)
    events = [EVENTS(each, registry) for each in stored if not each.quarantined]
    facts = facts_of(events)
    liveness = judge(facts.withdrawals, facts.equivocated)
    for event in events:
        payload = payload_of(event)
        if isinstance(payload, OffshoreDealStated) and liveness.live(event.stored.id):
            yield Deal(
                event.stored.id,
                event.party.code,
                event.envelope.published_micros,
                event.attributes.source,
                event.attributes.id,
                payload,
            )


def views_of(session: Connection[Any], deal: Deal, views: Views) -> list[SourcedView]:
    """The consignments of the deal's goods in which its owner is named."""
    cargo = [each for each in deal.objects if each.kind is not ObjectKind.PLACE]
    named = [each for each in cargo if each.kind is not ObjectKind.CONTAINER] or cargo
    found = views(consignments_of(session, sorted(named)))
    by_consignment = {
        known.view.consignment.key: known
        for known in found
        if known is not None and deal.owner in known.view.engaged
    }
    return [known for _, known in sorted(by_consignment.items())]


def known_deal(deal: Deal, views: Iterable[SourcedView]) -> KnownDeal:
    """The deal with what was seen of its goods in ``views``."""
    found = {each for known in views for each in sightings(deal, known)}
    return KnownDeal(deal, tuple(sorted(found, key=lambda each: each.order)))


def sightings(deal: Deal, known: SourcedView) -> Iterator[Sighting]:
    """What counts in a consignment and happened, of boxes as far as they are the deal's."""
    for arrival in known.view.arrivals:
        claim = arrival.claim
        if arrival.status is not ClaimStatus.COUNTED or claim.classifier is not Classifier.ACT:
            continue
        if deal.boxes and arrival.containers and deal.boxes.isdisjoint(arrival.containers):
            continue
        yield _sighting(arrival, payload_of(known.sources[claim.event]))


def _sighting(arrival: Arrival, payload: Payload) -> Sighting:
    claim = arrival.claim
    name = by_number(claim.milestone).name
    return Sighting(
        claim.event,
        claim.publisher,
        claim.happened,
        name,
        claim.region,
        claim.thing,
        arrival.containers,
        claim.jurisdiction,
        claim.place,
        payload.procedure if isinstance(payload, Released) else _PROCEDURES.get(name, ""),
        claim.assurance,
        arrival.by_train or claim.thing.rides,
    )
