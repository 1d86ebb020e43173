"""What the tests of the simulated world share: its messages read as the platform reads them, without any server."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache

from schemas.events.decode import decode_payload
from services.domain.facts import Facts
from services.domain.interpretation import Attribution, interpret
from services.ledger.registry.events import KeyAdded
from services.ledger.registry.fold import fold
from services.ledger.registry.registry import Registry
from services.testbed.chaos.audit import Refold
from services.testbed.chaos.oracle import consignment_of, differences, thing_of
from services.testbed.simulator.signed_messages import members, profiles, unsigned
from services.testbed.simulator.simulate import Scale, Simulation, simulate


@cache
def registry_of(seed: int) -> Registry:
    events = []
    for party, keys in members(profiles(seed)):
        events += [party, *(KeyAdded(party=party.code, key=key) for key in keys)]
    return fold(events)


def facts_of(simulation: Simulation) -> Facts:
    """Record -> event -> payload -> facts, for every message that may be said."""
    seed = simulation.scale.seed
    known, registry = profiles(seed), registry_of(seed)
    parts = []
    for message in simulation.publication.messages:
        if message.refused_as:
            continue
        event = unsigned(message, known[message.party])
        party = registry.party(message.party)
        assert party is not None
        statement = Attribution(
            event.identity, event.envelope.source, party.publisher, event.envelope.published_micros
        )
        parts.append(interpret(statement, event.digest, decode_payload(event.envelope.type, event.payload)))
    return Facts.union(parts)


def mismatches(simulation: Simulation, facts: Facts, aliases: Mapping[str, str] | None = None) -> list[str]:
    """What the views of ``facts`` show otherwise than the world's truth; ``aliases`` are trains by other names."""
    return list(each_mismatch(simulation, facts, aliases))


def mismatch(simulation: Simulation, facts: Facts) -> bool:
    """Whether there is one; nothing more is looked at then."""
    return any(each_mismatch(simulation, facts))


def each_mismatch(
    simulation: Simulation, facts: Facts, aliases: Mapping[str, str] | None = None
) -> Iterator[str]:
    names = {thing_of(("train", name)): thing_of(("train", key)) for name, key in (aliases or {}).items()}
    refold = Refold(facts)
    for truth in simulation.truths.values():
        yield from differences(refold.view(consignment_of(truth), simulation.scale.now), truth, names)


@cache
def world(seed: int, **scale: int) -> Simulation:
    return simulate(Scale(seed=seed, **scale))
