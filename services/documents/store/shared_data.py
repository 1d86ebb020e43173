"""What the events about a consignment state of the fields of a document: the shared data that one is built from and held against."""

from __future__ import annotations

from collections.abc import Iterator

from schemas.events.document import NoteIssued
from schemas.events.document_trade import PackingListIssued, TradeParty
from services.documents.domain.document import Value
from services.documents.domain.verification import Stated
from services.domain.facts import Assurance, Goods, Link, LinkKind, Micros, counts
from services.domain.liveness import judge
from services.domain.objects import consignment
from services.domain.view import ClaimStatus
from services.ledger.registry.registry import Registry
from services.ledger.storage.session import Session
from services.query.stored_events import Reread
from services.query.views import SourcedView, consignments_of, facts_of, read_view

_LISTED = {LinkKind.CONTAINER_CARRIES: "containers", LinkKind.NOTE_COVERS: "notes"}


def shared_view(session: Session, reference: str, at: Micros, registry: Registry) -> SourcedView | None:
    """The view of the consignment ``founder/reference``; None where there is none. Raises Unreadable."""
    founder, slash, own = reference.partition("/")
    if not slash:
        return None
    found = consignments_of(session, [consignment(founder, own)])
    return read_view(session, found[0], at, registry) if found else None


def stated_of(known: SourcedView) -> tuple[Stated, ...]:
    """What live events of the consignment's parties, and of the authorities of its places, state of the fields of a document."""
    facts = facts_of(known.sources.every)
    liveness, engaged = judge(facts.withdrawals, facts.equivocated), known.view.engaged
    counted = {a.claim.event: a.claim for a in known.view.arrivals if a.status is ClaimStatus.COUNTED}

    def _counts(fact: Link | Goods) -> bool:
        return liveness.live(fact.event) and counts(fact, engaged)

    found: set[Stated] = set()
    for link in facts.links:
        if link.kind in _LISTED and link.right in known.view.members and _counts(link):
            found.add(
                Stated(_LISTED[link.kind], (link.left.key,), link.event, link.publisher, _assurance(link))
            )
    for goods in facts.goods:
        if goods.commodities and _counts(goods):
            found.add(
                Stated("commodities", goods.commodities, goods.event, goods.publisher, _assurance(goods))
            )
    documents = [known.sources[event] for event in counted]
    notes = {claim.thing for event in documents for claim in event.facts.claims if _is_note(event)}
    for event in documents:
        claim = counted[event.stored.id]
        # Of several notes each is for a part of the cargo: only lists can be held against the whole.
        for name, value in _fields(event, whole=len(notes) <= 1):
            found.add(Stated(name, value, claim.event, claim.publisher, claim.assurance))
    return tuple(sorted(found, key=lambda each: (each.name, each.event)))


def _is_note(event: Reread) -> bool:
    return isinstance(event.payload, NoteIssued)


def _fields(event: Reread, *, whole: bool) -> Iterator[tuple[str, Value]]:
    """(name, value) of what a note or packing list states; of a note for a ``whole`` cargo more than its seals."""
    payload = event.payload
    if isinstance(payload, NoteIssued):
        if payload.seals:
            yield "seals", tuple(payload.seals)
        if not whole:
            return
        texts = {
            "consignor": _party(payload.consignor_party),
            "consignee": _party(payload.consignee_party),
            "place_of_acceptance": payload.carrier_acceptance_place,
            "place_of_delivery": payload.place_of_delivery,
        }
        yield from ((name, text) for name, text in texts.items() if text)
    if isinstance(payload, NoteIssued | PackingListIssued):
        amounts = {
            "gross_weight_kg": payload.gross_weight_kg,
            "package_quantity": payload.package_quantity,
        }
        yield from ((name, amount) for name, amount in amounts.items() if amount is not None)


def _assurance(fact: Link | Goods) -> Assurance:
    return Assurance.SIGNED_BY_AUTHORITY if fact.territorial else Assurance.ASSERTED


def _party(party: TradeParty | None) -> str:
    return "" if party is None else f"{party.scheme}/{party.id}"
