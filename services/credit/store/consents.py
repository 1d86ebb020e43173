"""The consents of a shipper, as they stand."""

from __future__ import annotations

from typing import Any

from psycopg import Connection

from services.credit.domain.consent import ConsentStatus, consent_statuses
from services.credit.store import loader
from services.domain.facts import Micros
from services.ledger.registry.registry import Registry
from services.ledger.storage.arrays import adapt


def consents_of(
    session: Connection[Any], shipper: str, now: Micros, registry: Registry
) -> tuple[ConsentStatus, ...]:
    """Every consent of ``shipper`` as of ``now``, those first that let read longest. Reads in the caller's transaction."""
    adapt(session)
    own = loader.by_keys(session, [f"shipper {shipper}"], registry)
    return consent_statuses(own.credit, own.liveness(), shipper, now)
