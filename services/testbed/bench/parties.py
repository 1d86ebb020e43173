"""The partners of the benchmark, registered with a key of their own under each scheme: the simulated cast."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import psycopg

from schemas.events.base import Role
from schemas.schemes import Scheme
from schemas.signing import SigningKey
from services.ledger.registry.events import KeyAdded, PartyAdded
from services.ledger.registry.fold import fold
from services.ledger.registry.possession import proven
from services.ledger.registry.registry import Registry
from services.ledger.registry.store import append
from services.testbed.simulator.cast import CAST, GATEWAY, seed_of

NETWORK = "demo"
SCHEMES = (Scheme.ED25519, Scheme.ED25519_BATCH)
_SEED = 26_11


@cache
def signing_key(party: str, scheme: Scheme) -> SigningKey:
    """The key of ``party`` under ``scheme``."""
    return SigningKey.from_seed(scheme, seed_of(party, _SEED))


@cache
def stranger(scheme: Scheme) -> SigningKey:
    """A key that nobody registered."""
    return SigningKey.from_seed(scheme, seed_of("nobody", _SEED))


def topic(party: str) -> str:
    """The topic that ``party`` publishes to: its own, else the gateway's.

    A topic belongs to one party in the registry; where the cast shares one, the first of them has it.
    """
    declared = CAST[party].topic
    return declared if _owners().get(declared) == party else GATEWAY


@cache
def _owners() -> dict[str, str]:
    owners: dict[str, str] = {}
    for party in CAST.values():
        if party.topic != GATEWAY:
            owners.setdefault(party.topic, party.code)
    return owners


def topics() -> tuple[str, ...]:
    """All topics that the partners publish to."""
    return tuple(sorted({party.topic for party in CAST.values()}))


def source(party: str) -> str:
    """The CloudEvents source of ``party``."""
    return CAST[party].source


def registrations() -> Iterator[PartyAdded | KeyAdded]:
    """What makes the registry of the benchmark, in order."""
    for party in CAST.values():
        own = topic(party.code)
        yield PartyAdded(
            code=party.code,
            name=party.name,
            roles=frozenset(map(Role, party.roles)),
            countries=frozenset(party.countries),
            managers=frozenset(party.managers),
            places=frozenset(party.places),
            sources=frozenset({party.source}),
            topics=frozenset({own} - {GATEWAY}),
        )
        for scheme in SCHEMES:
            yield KeyAdded(party=party.code, key=proven(signing_key(party.code, scheme), NETWORK, party.code))


def registry() -> Registry:
    """The registry in memory, for those who judge without a database."""
    return fold(registrations())


def register(dsn: str) -> None:
    """Write the registry to a migrated database."""
    with psycopg.connect(dsn) as session:
        for event in registrations():
            append(session, event, at=0, by="benchmark")
