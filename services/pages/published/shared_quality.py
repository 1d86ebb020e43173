"""The measures of all parties of a role for all who look: made at most every few minutes, since they read a sample of each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from psycopg import Connection

from schemas.events.base import Role
from services.domain.facts import Micros
from services.ledger.registry.registry import Registry
from services.pages.cache import TimedCache
from services.query.published.quality import Measures, read_measures

MOST_PARTIES = 60
"""Parties of a role that are sampled, in the order of their registration."""


class SharedMeasures:
    """By role, some minutes old at most. For several threads."""

    EVERY = 600.0

    def __init__(self) -> None:
        self._made: TimedCache[Role, Mapping[str, Measures]] = TimedCache(self.EVERY)

    def of_role(
        self, session: Connection[Any], registry: Registry, role: Role, now: Micros
    ) -> Mapping[str, Measures]:
        """By the code of each party that has the role."""

        def make() -> Mapping[str, Measures]:
            having = (party for party in registry.parties.values() if role in party.roles)
            parties = sorted(having, key=lambda party: party.no)[:MOST_PARTIES]
            return {party.code: read_measures(session, registry, party.code, now) for party in parties}

        return self._made.of(role, make)

    def forget(self) -> None:
        """Make them anew when somebody looks next."""
        self._made.forget()
