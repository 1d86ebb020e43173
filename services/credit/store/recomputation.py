"""What must stand stored of consignments and of loans, judged anew from all that is known of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from psycopg import Connection

from services.credit.domain.consignment_observations import observe
from services.credit.domain.financing_signals import observe_financings
from services.credit.domain.observations import Observation
from services.credit.domain.signals import Model
from services.credit.store import loader
from services.credit.store.faults import Faults, Kind
from services.credit.store.loader import Known, Readings
from services.domain import engagement
from services.domain.facts import EventId, Facts
from services.domain.links import Network
from services.domain.objects import ObjectId, Thing
from services.ledger.registry.registry import Registry


@dataclass(slots=True)
class Judged:
    """What must stand stored of some subjects."""

    subjects: set[str] = field(default_factory=set)
    seen: set[Observation] = field(default_factory=set)

    def __or__(self, other: Judged) -> Judged:
        return Judged(self.subjects | other.subjects, self.seen | other.seen)


def cargoes(
    session: Connection[Any],
    consignments: Iterable[ObjectId],
    facts: Facts,
    registry: Registry,
    table: Model,
    failed: Faults,
) -> Judged:
    """Judge consignments anew, each with those that are one with it; what fails is put down, and stays as it stands."""
    # What a founding that was put aside has opened is known only from that founding itself.
    spoken = {founding.consignment.id: founding.consignment for founding in facts.foundings}
    found, judged, readings = Judged(), set[ObjectId](), Readings()
    for consignment in sorted(consignments):
        if consignment in judged:
            continue
        cargo = partial(expected, session, consignment, registry, table, readings)
        done = failed.attempt(Kind.CARGO, consignment.hex(), cargo)
        if done is None:
            continue
        members, after = done
        judged |= {thing.id for thing in members}
        failed.mended |= {(Kind.CARGO, thing.id.hex()) for thing in members}
        found.subjects |= {thing.key for thing in (*members, *filter(None, (spoken.get(consignment),)))}
        found.seen |= after
    return found


def expected(
    session: Connection[Any],
    consignment: ObjectId,
    registry: Registry,
    table: Model,
    readings: Readings | None = None,
) -> tuple[frozenset[Thing], frozenset[Observation]]:
    """What must stand stored of one consignment and of those that are one with it: these, and the observations.

    Raises whatever our own code fails on.
    """
    found = loader.of_cargo(session, consignment, registry, readings)
    members = group(found, consignment)
    if not members:
        opened = (founding.consignment for founding in found.facts.foundings)
        return frozenset(thing for thing in opened if thing.id == consignment), frozenset()
    return members, observe(found.facts, found.told, engagement.canonical(members), table)


def group(found: Known, consignment: ObjectId) -> frozenset[Thing]:
    """The consignments that are one with it; empty where it is not founded (any more)."""
    live = found.liveness().live
    founded = engagement.founding_parties(f for f in found.facts.foundings if live(f.event))
    network = Network(link for link in found.facts.links if live(link.event))
    groups = engagement.groups(founded, network.same)
    return next((members for thing, members in groups.items() if thing.id == consignment), frozenset())


def loans(
    session: Connection[Any],
    affected: Known,
    decided: set[str],
    again: set[str],
    noted: set[tuple[EventId, str]],
    registry: Registry,
    table: Model,
    failed: Faults,
) -> Judged:
    """Judge anew the loans of which was spoken, those on whose applications was ``decided``, and of the shippers ``again``."""
    spoken_of = {said.event for said in affected.told.financings}
    more: dict[str, set[EventId]] = defaultdict(set)
    for event, key in noted:
        more[key].add(event)
    keys = {key for event, key in noted if event in spoken_of}
    keys |= {f"application {application}" for application in decided}
    keys |= {f"shipper {shipper}" for shipper in again}
    if not keys:
        return Judged()
    # Whom it concerns is asked of what can be read; whoever is concerned by what cannot is then found broken.
    near = loader.by_keys(session, keys, registry, more, failed.skip)
    # Also those of which nothing is left but what was put aside.
    spoken = {s.application for s in (*affected.told.financings, *near.told.financings) if s.application}
    shippers = sorted({shipper_of(application) for application in spoken} | again)
    of = partial(_loans_of, session, spoken=spoken, registry=registry, table=table, more=more)
    found = Judged()
    for done in failed.each(Kind.SHIPPER, shippers, of):
        found |= done
    return found


def _loans_of(
    session: Connection[Any],
    shippers: Sequence[str],
    spoken: set[str],
    registry: Registry,
    table: Model,
    more: loader.Noted,
) -> Judged:
    """What must stand stored of the loans of some shippers; raises whatever our own code fails on."""
    whole = loader.loans(session, [f"shipper {code}" for code in shippers], registry, more)
    seen = observe_financings(whole.told, whole.liveness(), table)
    applications = spoken | {s.application for s in whole.told.financings if s.application}
    return Judged(
        {application for application in applications if shipper_of(application) in shippers},
        {observation for observation in seen if observation.shipper in shippers},
    )


def shipper_of(application: str) -> str:
    """The applicant of ``applicant/reference``."""
    return application.partition("/")[0]
