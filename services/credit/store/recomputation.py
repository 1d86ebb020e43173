"""The observations that should be stored of consignments and of loans, recomputed from all that is known of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from psycopg import Connection

from services.credit.domain.consignment_signals import observe
from services.credit.domain.financing_signals import observe_financings
from services.credit.domain.observations import Observation
from services.credit.domain.signals import Model
from services.credit.store import loader
from services.credit.store.faults import Faults, Kind
from services.credit.store.loader import EventCache, EventFacts
from services.domain.evidence import canonical_consignment, consignment_groups, founding_parties
from services.domain.facts import EventId, Facts
from services.domain.links import Network
from services.domain.objects import ObjectId, Thing
from services.ledger.registry.registry import Registry


@dataclass(slots=True)
class ExpectedObservations:
    """The observations that should be stored of some subjects."""

    subjects: set[str] = field(default_factory=set)
    seen: set[Observation] = field(default_factory=set)

    def __or__(self, other: ExpectedObservations) -> ExpectedObservations:
        return ExpectedObservations(self.subjects | other.subjects, self.seen | other.seen)


def cargoes(
    session: Connection[Any],
    consignments: Iterable[ObjectId],
    facts: Facts,
    registry: Registry,
    table: Model,
    failed: Faults,
) -> ExpectedObservations:
    """Recompute consignments, each with those that are one with it; a failing one is recorded and stays as stored."""
    # What a founding that was put aside has opened is known only from that founding itself.
    mentioned = {founding.consignment.id: founding.consignment for founding in facts.foundings}
    found, judged, cache = ExpectedObservations(), set[ObjectId](), EventCache()
    for consignment in sorted(consignments):
        if consignment in judged:
            continue
        cargo = partial(expected, session, consignment, registry, table, cache)
        done = failed.attempt(Kind.CARGO, consignment.hex(), cargo)
        if done is None:
            continue
        members, after = done
        judged |= {thing.id for thing in members}
        failed.mended |= {(Kind.CARGO, thing.id.hex()) for thing in members}
        found.subjects |= {thing.key for thing in (*members, *filter(None, (mentioned.get(consignment),)))}
        found.seen |= after
    return found


def expected(
    session: Connection[Any],
    consignment: ObjectId,
    registry: Registry,
    table: Model,
    cache: EventCache | None = None,
) -> tuple[frozenset[Thing], frozenset[Observation]]:
    """One consignment with those that are one with it, and the observations that should be stored of them.

    Raises whatever our own code fails on.
    """
    found = loader.of_cargo(session, consignment, registry, cache)
    members = group(found, consignment)
    if not members:
        opened = (founding.consignment for founding in found.facts.foundings)
        return frozenset(thing for thing in opened if thing.id == consignment), frozenset()
    return members, observe(found.facts, found.credit, canonical_consignment(members), table)


def group(found: EventFacts, consignment: ObjectId) -> frozenset[Thing]:
    """The consignments that are one with it; empty where it is not founded."""
    live = found.liveness().live
    founded = founding_parties(f for f in found.facts.foundings if live(f.event))
    network = Network(link for link in found.facts.links if live(link.event))
    groups = consignment_groups(founded, network.same)
    return next((members for thing, members in groups.items() if thing.id == consignment), frozenset())


def loans(
    session: Connection[Any],
    affected: EventFacts,
    decided: set[str],
    again: set[str],
    index_entries: set[tuple[EventId, str]],
    registry: Registry,
    table: Model,
    failed: Faults,
) -> ExpectedObservations:
    """Recompute the loans that were stated about, those whose applications were ``decided``, and those of the shippers ``again``."""
    stating = {statement.event for statement in affected.credit.financings}
    more: dict[str, set[EventId]] = defaultdict(set)
    for event, key in index_entries:
        more[key].add(event)
    keys = {key for event, key in index_entries if event in stating}
    keys |= {f"application {application}" for application in decided}
    keys |= {f"shipper {shipper}" for shipper in again}
    if not keys:
        return ExpectedObservations()
    # The shippers are found from readable events; one affected by an unreadable event then fails below.
    near = loader.by_keys(session, keys, registry, more, failed.skip)
    # Also those of which nothing is left but what was put aside.
    mentioned = {
        s.application for s in (*affected.credit.financings, *near.credit.financings) if s.application
    }
    shippers = sorted({shipper_of(application) for application in mentioned} | again)
    of = partial(_loans_of, session, mentioned=mentioned, registry=registry, table=table, more=more)
    found = ExpectedObservations()
    for done in failed.each(Kind.SHIPPER, shippers, of):
        found |= done
    return found


def _loans_of(
    session: Connection[Any],
    shippers: Sequence[str],
    mentioned: set[str],
    registry: Registry,
    table: Model,
    more: loader.EventsByKey,
) -> ExpectedObservations:
    """The observations that should be stored of the loans of some shippers; raises whatever our own code fails on."""
    whole = loader.loans(session, [f"shipper {code}" for code in shippers], registry, more)
    seen = observe_financings(whole.credit, whole.liveness(), table)
    applications = mentioned | {s.application for s in whole.credit.financings if s.application}
    return ExpectedObservations(
        {application for application in applications if shipper_of(application) in shippers},
        {observation for observation in seen if observation.shipper in shippers},
    )


def shipper_of(application: str) -> str:
    """The applicant of ``applicant/reference``."""
    return application.partition("/")[0]
