"""The facts that an admitted event states: the only place where payloads become claims and links.

Pure: a function of the event's identity, its publisher as registered at admission, and its payload. The same event gives
the same facts in every process and every replay.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import NamedTuple

from schemas.envelope import event_id
from schemas.events.base import Classifier, Edge, End, LinkPayload, Milestone, ObjectKind, Payload
from schemas.events.correction import Corrected, Retracted
from schemas.events.customs import ExportLodged, ImportLodged
from schemas.events.customs_filing import Filing
from schemas.events.document import NoteIssued, NoteReissued
from schemas.events.document_trade import InvoiceIssued
from schemas.events.keys import canonical_key, canonical_place
from schemas.events.link import ConsignmentOpened, RoutePlanned
from schemas.events.movement import (
    AdvanceListSent,
    Delivered,
    EmptyReturned,
    GatedOut,
    HandedOver,
    Unloaded,
)
from schemas.events.network import Restricted, RestrictionLifted
from schemas.events.trade import DatasetStated, FindingExplained
from schemas.events.trade_offshore import OffshoreDealStated
from services.domain.facts import (
    Assurance,
    Claim,
    ClaimGroup,
    EventId,
    Facts,
    Founding,
    Goods,
    GroupedFacts,
    Handover,
    Lifting,
    Link,
    LinkGroup,
    LinkKind,
    Micros,
    PlannedRoute,
    Restriction,
    Withdrawal,
)
from services.domain.handovers import ADVANCE, border, receiving_station
from services.domain.objects import Thing, consignment, deal_paper, offshore_deal, trade_data
from services.domain.publisher import Publisher


class Attribution(NamedTuple):
    """Who published an event when: its identity, its source, the publisher as registered then, and the time of publication."""

    event: EventId
    source: str
    publisher: Publisher
    published: Micros


_OF_GOODS = (NoteIssued, InvoiceIssued, ExportLodged, ImportLodged)
"""Types whose commodities describe the cargo; those of an inspection finding describe what was wrong with it."""


_FREEING: dict[type[Payload], LinkKind] = {
    Unloaded: LinkKind.UNLOADED,
    GatedOut: LinkKind.GATED_OUT,
    Delivered: LinkKind.DELIVERED,
    EmptyReturned: LinkKind.EMPTY_RETURNED,
}
"""Types whose facts end links; a plan ends none, nor does a delivery that the consignee refused."""


def milestone(statement: Attribution, payload: Milestone) -> GroupedFacts:
    """A claim for each object named, what the fact frees, and the goods where the event describes the cargo."""
    trade = _trade_of(statement, payload)
    claims = claims_of(statement, payload, extra=trade)
    kind = _FREEING.get(type(payload))
    if kind is not None:
        return GroupedFacts((claims,), _freed(kind, payload, claims))
    if not isinstance(payload, _OF_GOODS) or not payload.commodities:
        return GroupedFacts((claims,))
    claim, commodities = claims.claim, tuple(payload.commodities)
    goods = (
        Goods(claim.event, claim.publisher, Thing(*each), commodities, claim.territorial)
        for each in claims.objects
        if each not in trade
    )
    return GroupedFacts((claims,), rest=Facts(goods=frozenset(goods)))


def _freed(kind: LinkKind, payload: Milestone, claims: ClaimGroup) -> tuple[LinkGroup, ...]:
    """Each object claimed as free from the moment after the fact: the fact itself belongs to the journey that it ends."""
    refused = isinstance(payload, Delivered) and payload.condition == "REFUSED"
    if payload.classifier is not Classifier.ACT or refused:
        return ()
    claim = claims.claim
    freed = Link(
        claim.event, claim.publisher, claim.published, kind, claim.thing, claim.thing, claim.happened + 1, None,
        claim.territorial, place=claim.place,
    )  # fmt: skip
    return (LinkGroup(freed, [(each, each) for each in claims.objects]),)


def claims_of(
    statement: Attribution,
    payload: Milestone,
    extra: tuple[End, ...] = (),
    stop: str = "",
    occurrence: str = "",
) -> ClaimGroup:
    """The claims of ``payload`` about the objects that it names and about ``extra`` ones; ``stop`` as in Claim.

    ``occurrence`` is that of a type which does not leave it to its publisher.
    """
    spec, publisher = payload.spec, statement.publisher
    place = canonical_place(payload.place) if payload.place else ""
    jurisdiction = payload.jurisdiction_code
    territorial = publisher.covers(spec, jurisdiction, place)
    objects = [(each.kind, canonical_key(each.kind, each.id)) for each in payload.objects]
    objects += extra
    claim = Claim(
        statement.event,
        publisher.code,
        statement.published,
        payload.happened_micros,
        Thing(*objects[0]),
        spec.number,
        spec.region,
        jurisdiction,
        place,
        occurrence or payload.occurrence,
        payload.classifier,
        _assurance(territorial, payload),
        territorial,
        stop,
    )
    return ClaimGroup(claim, frozenset(objects))


def _assurance(territorial: bool, payload: Milestone) -> Assurance:
    if territorial:
        return Assurance.SIGNED_BY_AUTHORITY
    return Assurance.RELAYED if payload.relay is not None else Assurance.ASSERTED


_KINDS = {
    (ObjectKind.CONTAINER, ObjectKind.CONSIGNMENT): LinkKind.CONTAINER_CARRIES,
    (ObjectKind.CONTAINER, ObjectKind.BOOKING): LinkKind.CONTAINER_CARRIES,
    (ObjectKind.NOTE, ObjectKind.CONSIGNMENT): LinkKind.NOTE_COVERS,
    (ObjectKind.NOTE, ObjectKind.BOOKING): LinkKind.NOTE_COVERS,
    (ObjectKind.BOOKING, ObjectKind.CONSIGNMENT): LinkKind.BOOKING_OF,
    (ObjectKind.NOTE, ObjectKind.NOTE): LinkKind.NOTE_REISSUED,
    (ObjectKind.DECLARATION, ObjectKind.NOTE): LinkKind.DECLARATION_COVERS,
    (ObjectKind.WAGON, ObjectKind.CONTAINER): LinkKind.WAGON_CARRIES,
    (ObjectKind.TRAIN, ObjectKind.WAGON): LinkKind.TRAIN_CARRIES,
    (ObjectKind.CONSIGNMENT, ObjectKind.CONSIGNMENT): LinkKind.SAME_CONSIGNMENT,
    (ObjectKind.TRAIN, ObjectKind.TRAIN): LinkKind.SAME_TRAIN,
    (ObjectKind.DECLARATION, ObjectKind.DECLARATION): LinkKind.SAME_DECLARATION,
}


def link(statement: Attribution, payload: LinkPayload) -> GroupedFacts:
    """The links of an event that is nothing else."""
    place = canonical_place(payload.place) if payload.place else ""
    territorial = statement.publisher.covers(payload.spec, payload.jurisdiction_code, place)
    links = _links(
        statement,
        payload.edges(statement.publisher.code),
        territorial,
        payload.from_micros,
        payload.to_micros,
        payload.names,
        vars(payload).get(
            "shared", False
        ),  # a field of some links; asking a model for one that it lacks is slow
        place,
    )
    return GroupedFacts(links=links)


def opened(statement: Attribution, payload: ConsignmentOpened) -> GroupedFacts:
    """The founding of a consignment, with the links and the goods that it names."""
    founding = Founding(
        event=statement.event,
        publisher=statement.publisher.code,
        published=statement.published,
        consignment=consignment(statement.publisher.code, payload.reference),
        names=payload.names,
    )
    known = Goods(
        statement.event, statement.publisher.code, founding.consignment, tuple(payload.commodities), False
    )
    goods = frozenset({known} if payload.commodities else ())
    return link(statement, payload)._replace(rest=Facts(foundings=frozenset({founding}), goods=goods))


def note_reissued(statement: Attribution, payload: NoteReissued) -> GroupedFacts:
    """A milestone of the note, and the link from the old note to the new one."""
    claims = claims_of(statement, payload)
    edges = payload.edges(statement.publisher.code)
    return GroupedFacts(
        (claims,), _links(statement, edges, claims.claim.territorial, payload.happened_micros)
    )


def route(statement: Attribution, payload: RoutePlanned) -> GroupedFacts:
    """The places that the objects named are planned to pass, in their order."""
    places = tuple(canonical_place(place) for place in payload.places)
    routes = (
        PlannedRoute(
            statement.event, statement.publisher.code, statement.published, Thing(o.kind, o.key), places
        )
        for o in payload.objects
    )
    return GroupedFacts(rest=Facts(routes=frozenset(routes)))


def _links(
    statement: Attribution,
    edges: tuple[Edge, ...],
    territorial: bool,
    start: Micros,
    end: Micros | None = None,
    names: frozenset[str] = frozenset(),
    shared: bool = False,
    place: str = "",
) -> tuple[LinkGroup, ...]:
    event, code, published = statement.event, statement.publisher.code, statement.published
    kinds = {_KINDS[ends] for ends in {(left[0], right[0]) for left, right in edges}}
    # Most lists, of up to hundreds, have edges of one kind alone.
    groups: dict[LinkKind, Sequence[Edge]] = (
        dict.fromkeys(kinds, edges)
        if len(kinds) == 1
        else {kind: [edge for edge in edges if _KINDS[edge[0][0], edge[1][0]] is kind] for kind in kinds}
    )
    return tuple(
        LinkGroup(
            Link(
                event,
                code,
                published,
                kind,
                Thing(*found[0][0]),
                Thing(*found[0][1]),
                start,
                end,
                territorial,
                shared,
                names,
                place,
            ),
            found,
        )
        for kind, found in groups.items()
    )


MEETING = ObjectKind.PLACE
"""A hand-over is also filed under its border and run, so that either side's list can be found from the other's."""


def meeting(border: str, occurrence: str) -> Thing:
    """The object under which both sides' lists of one hand-over are found."""
    return Thing(MEETING, f"handover:{border}/{occurrence}")


def handover(statement: Attribution, payload: HandedOver | AdvanceListSent) -> GroupedFacts:
    """Claims about everything listed and about the meeting of both sides, and the list of boxes itself."""
    place = canonical_place(payload.place)
    own = {statement.publisher.code, *statement.publisher.managers}
    side = border(place, {payload.counterparty, *own})
    meet = meeting(side, payload.occurrence)
    receives = isinstance(payload, HandedOver) and payload.side == "RECEIVING"
    stop = receiving_station(side, own, {payload.counterparty}, receives)
    claims = claims_of(statement, payload, extra=(meet,), stop=stop)
    named = claims.objects
    box, carrier = ObjectKind.CONTAINER, ObjectKind.TRAIN  # looked up once for hundreds of objects
    boxes = frozenset([key for kind, key in named if kind is box])
    trains = [Thing(kind, key) for kind, key in named if kind is carrier] or _named(payload)
    listed = Handover(
        event=statement.event,
        publisher=statement.publisher.code,
        published=statement.published,
        happened=payload.happened_micros,
        train=min(trains, default=None),
        place=place,
        occurrence=payload.occurrence,
        side=payload.side if isinstance(payload, HandedOver) else ADVANCE,
        containers=boxes,
        territorial=claims.claim.territorial,
        border=side,
        counterparty=payload.counterparty,
    )
    return GroupedFacts((claims,), rest=Facts(handovers=frozenset({listed})))


def _named(payload: HandedOver | AdvanceListSent) -> list[Thing]:
    """The train of its own side that a list names beside its objects; a bare number names none."""
    took = isinstance(payload, HandedOver) and payload.side == "RECEIVING"
    text = payload.received_train if isinstance(payload, HandedOver) and took else payload.delivered_train
    key = canonical_key(ObjectKind.TRAIN, text) if text else ""
    return [Thing(ObjectKind.TRAIN, key)] if key.count("/") >= 2 else []


def _trade_of(statement: Attribution, payload: Milestone) -> tuple[End, ...]:
    """The trade from whose data a filing was made, under which it is found too."""
    made_from = payload.dataset if isinstance(payload, Filing) else None
    if made_from is None:
        return ()
    trade = trade_data(made_from.owner or statement.publisher.code, made_from.reference)
    return ((trade.kind, trade.key),)


def dataset_stated(statement: Attribution, payload: DatasetStated) -> GroupedFacts:
    """Claims about what the goods travel in or under, and about the trade; versions of two trades are two occurrences."""
    reference = payload.data.reference
    trade = trade_data(payload.owner or statement.publisher.code, reference)
    claims = claims_of(statement, payload, extra=((trade.kind, trade.key),), occurrence=reference)
    return GroupedFacts((claims,))


def finding_explained(statement: Attribution, payload: FindingExplained) -> GroupedFacts:
    """A claim about the trade alone: it reaches nothing that the goods travel in."""
    trade = trade_data(payload.owner or statement.publisher.code, payload.reference)
    claims = claims_of(statement, payload, extra=((trade.kind, trade.key),), occurrence=payload.reference)
    return GroupedFacts((claims,))


def offshore_deal_stated(statement: Attribution, payload: OffshoreDealStated) -> GroupedFacts:
    """Claims about the deal and its papers alone: nothing of it reaches a consignment, so nobody learns of it who shares a box."""
    owner = statement.publisher.code
    deal = offshore_deal(owner, payload.reference)
    claim = claims_of(statement, payload, occurrence=payload.reference).claim._replace(thing=deal)
    named = (deal, *(deal_paper(owner, each) for each in payload.papers))
    return GroupedFacts((ClaimGroup(claim, frozenset((each.kind, each.key) for each in named)),))


def restricted(statement: Attribution, payload: Restricted) -> GroupedFacts:
    """The restriction of a place, by an authority where the place is its own."""
    place = canonical_place(payload.place)
    restriction = Restriction(
        event=statement.event,
        publisher=statement.publisher.code,
        published=statement.published,
        place=place,
        kind=payload.kind,
        direction=payload.direction,
        commodities=tuple(payload.commodities),
        start=payload.from_micros,
        end=payload.to_micros,
        territorial=statement.publisher.covers(payload.spec, "", place),
    )
    return GroupedFacts(rest=Facts(restrictions=frozenset({restriction})))


def lifted(statement: Attribution, payload: RestrictionLifted) -> GroupedFacts:
    """The end of a restriction of the same source; of any other, nothing."""
    if payload.restriction.source != statement.source:
        return GroupedFacts()  # only the source that restricted can lift; stored, without effect
    target = event_id(payload.restriction.source, payload.restriction.id)
    return GroupedFacts(rest=Facts(liftings=frozenset({Lifting(statement.event, target, payload.at_micros)})))


__all__ = ["Attribution", "grouped", "interpret", "meeting"]


def interpret(statement: Attribution, content: bytes, payload: Payload) -> Facts:
    """The facts that ``payload`` states under ``statement``; ``content`` is the digest of the signed bytes.

    A type without an interpretation of its own states only its existence.
    """
    return grouped(statement, content, payload).facts()


def grouped(statement: Attribution, content: bytes, payload: Payload) -> GroupedFacts:
    """The same in groups, for whoever reads few of them."""
    stated = _read(statement, payload)
    rest = Facts._make((*stated.rest[:-1], frozenset(((statement.event, content),))))
    return GroupedFacts(stated.claims, stated.links, rest)


def _read(statement: Attribution, payload: Payload) -> GroupedFacts:
    return _reader(type(payload))(statement, payload)


@cache
def _reader(model: type[Payload]) -> Callable[..., GroupedFacts]:
    return next((reader for kind, reader in _READERS if issubclass(model, kind)), _nothing)


def _nothing(_statement: Attribution, _payload: Payload) -> GroupedFacts:
    return GroupedFacts()


def _corrected(statement: Attribution, payload: Corrected) -> GroupedFacts:
    stated = _read(statement, payload.replacement.payload)
    withdrawal = _withdrawal(statement, payload, replaces=True)
    return stated._replace(rest=stated.rest._replace(withdrawals=frozenset({withdrawal})))


def _retracted(statement: Attribution, payload: Retracted) -> GroupedFacts:
    return GroupedFacts(rest=Facts(withdrawals=frozenset({_withdrawal(statement, payload, replaces=False)})))


def _withdrawal(statement: Attribution, payload: Corrected | Retracted, replaces: bool) -> Withdrawal:
    return Withdrawal(statement.event, event_id(statement.source, payload.target), replaces)


_READERS: tuple[tuple[type[Payload], Callable[..., GroupedFacts]], ...] = (
    (HandedOver, handover),
    (AdvanceListSent, handover),
    (NoteReissued, note_reissued),
    (DatasetStated, dataset_stated),
    (FindingExplained, finding_explained),
    (OffshoreDealStated, offshore_deal_stated),
    (Milestone, milestone),
    (ConsignmentOpened, opened),
    (RoutePlanned, route),
    (LinkPayload, link),
    (Restricted, restricted),
    (RestrictionLifted, lifted),
    (Corrected, _corrected),
    (Retracted, _retracted),
)
