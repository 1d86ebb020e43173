"""The relations of a party to a consignment: from its view, from pledges, from shippers' consents."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import Connection

from schemas.events.base import Role
from schemas.events.link import ConsignmentOpened
from services.api.access.matrix import Relation
from services.credit.domain.consent import in_force
from services.credit.store import loader
from services.domain.facts import Micros
from services.financing.domain import lifecycle
from services.financing.store import statement
from services.financing.store.financings import decisions_of
from services.financing.store.identifiers import financing_id
from services.ledger.registry.party import Party
from services.ledger.registry.registry import Registry
from services.ledger.storage.arrays import adapt, uuids
from services.query.views import SourcedView

Session = Connection[Any]
LENDERS = frozenset({Role.BANK, Role.INSURER})
_CARGO_PURPOSES = frozenset({"FINANCING_APPLICATION", "PORTFOLIO_MONITORING"})
_AGENTS_SAY = (
    "customs.export_lodged",
    "customs.import_lodged",
    "customs.transit_lodged",
    "document.invoice_issued",
)


@dataclass(frozen=True, slots=True)
class Relationship:
    """The roles that a party has in one consignment, and its relations to it."""

    roles: frozenset[Role]
    relations: frozenset[Relation]


def relationship(known: SourcedView, party: Party, milestones: Iterable[tuple[str, str]]) -> Relationship:
    """What ``party`` is by the view alone. ``milestones`` are (name, publisher) of what the timeline holds. Pure.

    In a consignment that names it in certain roles, a party has these and no other of its roles.
    """
    view = known.view
    relations = set()
    roles = set(party.roles)
    if party.code in view.engaged:
        relations.add(Relation.ENGAGED)
        named = _roles_of(known, party.code)
        roles = set((named & party.roles) or (party.roles - LENDERS))
    if Role.FORWARDER in roles and any(by == party.code and name in _AGENTS_SAY for name, by in milestones):
        relations.add(Relation.AGENT)
    if _in_territory(known, party):
        relations.add(Relation.TERRITORY)
        # By its territory it stands as what has a territory, whatever else it is named as.
        roles |= party.roles & {Role.RAILWAY, Role.CUSTOMS, Role.TERMINAL}
    return Relationship(frozenset(roles), frozenset(relations))


def shippers_of(known: SourcedView) -> frozenset[str]:
    """The parties that the founding names as shippers."""
    found: frozenset[str] | None = known.made.get("shippers")
    if found is None:
        found = known.made["shippers"] = frozenset(
            named.party
            for opened in _openings(known)
            for named in opened.parties
            if named.role is Role.SHIPPER
        )
    return found


def lending(
    session: Session, several: Sequence[SourcedView], party: Party, now: Micros, registry: Registry
) -> list[frozenset[Relation]]:
    """What a bank or insurer is to each consignment besides, in order: PLEDGED, CONSENTED. Some small reads for all, nothing for others."""
    if not party.roles & LENDERS:
        return [frozenset() for _ in several]
    pledged = _pledged(session, several, party)
    shippers = sorted({shipper for known in several for shipper in shippers_of(known)})
    consenting = {each for each in shippers if consented(session, each, party, now, registry)}
    return [
        frozenset(
            relation
            for relation, holds in (
                (Relation.PLEDGED, view_pledged),
                (Relation.CONSENTED, bool(consenting & shippers_of(known))),
            )
            if holds
        )
        for known, view_pledged in zip(several, pledged, strict=True)
    ]


def _pledged(session: Session, several: Sequence[SourcedView], party: Party) -> list[bool]:
    """Whether each consignment is pledged to ``party``; two statements for all."""
    adapt(session)
    members = {id(known): [member.id for member in known.view.members] for known in several}
    ids = sorted({each for own in members.values() for each in own})
    on: dict[bytes, set[bytes]] = {each: set() for each in ids}
    for group, financing in session.execute(
        statement("financings_on_each"), {"ids": uuids(ids)}, binary=True
    ):
        on[group].add(financing)
    financings = {financing for found in on.values() for financing in found}
    if not financings:
        return [False for _ in several]
    held = {
        financing_id(hold.financing)
        for hold in lifecycle.holds(decisions_of(session, financings)).values()
        if hold.bank == party.code and hold.pledged
    }
    return [any(on[each] & held for each in members[id(known)]) for known in several]


def consented(session: Session, shipper: str, party: Party, now: Micros, registry: Registry) -> bool:
    """Whether ``shipper`` lets ``party`` see its cargo now, for a purpose of lending; one small read."""
    loaded = loader.by_keys(session, [f"shipper {shipper}"], registry)
    return any(
        (each.bank, each.shipper) == (party.code, shipper) and each.purpose in _CARGO_PURPOSES
        for each in in_force(loaded.credit, loaded.liveness(), now)
    )


def _openings(known: SourcedView) -> Iterable[ConsignmentOpened]:
    founders = known.view.founders
    for event in known.sources.every:
        payload = event.payload
        if (
            isinstance(payload, ConsignmentOpened)
            and not event.stored.quarantined
            and event.party.code in founders
            and f"{event.party.code}/{payload.reference}" in {member.key for member in known.view.members}
        ):
            yield payload


def _roles_of(known: SourcedView, code: str) -> frozenset[Role]:
    roles = {named.role for opened in _openings(known) for named in opened.parties if named.party == code}
    return frozenset(roles)


def _in_territory(known: SourcedView, party: Party) -> bool:
    publisher = party.publisher
    if not party.roles & {Role.RAILWAY, Role.CUSTOMS, Role.TERMINAL}:
        return False
    view = known.view
    if Role.CUSTOMS in party.roles and any(
        arrival.claim.jurisdiction in party.countries
        for arrival in view.arrivals
        if arrival.claim.jurisdiction
    ):
        return True
    places = {arrival.claim.place for arrival in view.arrivals if arrival.claim.place}
    if view.route is not None:
        places |= set(view.route.places)
    return any(publisher.holds(place) for place in places)
