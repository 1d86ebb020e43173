"""Links, foundings and planned routes: what belongs to what, from when to when, and who is named by it."""

from __future__ import annotations

from collections.abc import Iterator

from schemas.events.base import Edge, LinkPayload, ObjectKind
from schemas.events.document import NoteReissued
from schemas.events.keys import canonical_place
from schemas.events.link import ConsignmentOpened, RoutePlanned
from services.domain.facts import Facts, Founding, Goods, Link, LinkKind, Micros, PlannedRoute
from services.domain.interpretation.milestones import claims_of
from services.domain.interpretation.statement import Statement
from services.domain.objects import Thing, consignment

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


def link(statement: Statement, payload: LinkPayload) -> Facts:
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
    )
    return Facts(links=frozenset(links))


def opened(statement: Statement, payload: ConsignmentOpened) -> Facts:
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
    return link(statement, payload)._replace(
        foundings=frozenset({founding}), goods=frozenset({known} if payload.commodities else ())
    )


def note_reissued(statement: Statement, payload: NoteReissued) -> Facts:
    """A milestone of the note, and the link from the old note to the new one."""
    claims = claims_of(statement, payload)
    territorial = any(claim.territorial for claim in claims)
    links = _links(statement, payload.edges(statement.publisher.code), territorial, payload.happened_micros)
    return Facts(claims=claims, links=frozenset(links))


def route(statement: Statement, payload: RoutePlanned) -> Facts:
    """The places that the objects named are planned to pass, in their order."""
    places = tuple(canonical_place(place) for place in payload.places)
    routes = (
        PlannedRoute(
            statement.event, statement.publisher.code, statement.published, Thing(o.kind, o.key), places
        )
        for o in payload.objects
    )
    return Facts(routes=frozenset(routes))


def _links(
    statement: Statement,
    edges: tuple[Edge, ...],
    territorial: bool,
    start: Micros,
    end: Micros | None = None,
    names: frozenset[str] = frozenset(),
    shared: bool = False,
) -> Iterator[Link]:
    event, code, published = statement.event, statement.publisher.code, statement.published
    for (left_kind, left), (right_kind, right) in edges:
        yield Link(
            event,
            code,
            published,
            _KINDS[left_kind, right_kind],
            Thing(left_kind, left),
            Thing(right_kind, right),
            start,
            end,
            territorial,
            shared,
            names,
        )
