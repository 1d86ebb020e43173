"""The measures of all parties of a role for all who look: made at most every few minutes, since they read a sample of each."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import Any

from psycopg import Connection

from schemas.events.base import Role
from services.domain.facts import Micros
from services.ledger.registry.registry import Registry
from services.query.published.quality import Measures, read_measures

MOST_PARTIES = 60
"""Parties of a role that are sampled, in the order of their registration."""


class SharedMeasures:
    """For several threads, one of which makes them."""

    EVERY = 600.0

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._made: dict[Role, tuple[float, Mapping[str, Measures]]] = {}

    def of_role(
        self, session: Connection[Any], registry: Registry, role: Role, now: Micros
    ) -> Mapping[str, Measures]:
        """By the code of each party that has the role, some minutes old at most."""
        with self._lock:
            known = self._made.get(role)
            if known is not None and time.monotonic() - known[0] < self.EVERY:
                return known[1]
            parties = sorted(
                (party for party in registry.parties.values() if role in party.roles), key=lambda p: p.no
            )
            made = {
                party.code: read_measures(session, registry, party.code, now)
                for party in parties[:MOST_PARTIES]
            }
            self._made[role] = time.monotonic(), made
            return made

    def forget(self) -> None:
        """Make them anew when somebody looks next."""
        with self._lock:
            self._made.clear()
