"""What other registries answered about a bank's financings, with its entry in the audit trail: decisions rest on it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from psycopg import Connection

from services.financing.domain.external_registries import Answer
from services.financing.store import statement
from services.financing.store.identifiers import financing_id
from services.ledger.audit_trail.entries import enter


def put_down(session: Connection[Any], financing: str, answers: Iterable[Answer]) -> None:
    """Put down ``answers`` on ``financing``, in the caller's transaction; one that is there already stays as it is."""
    own = UUID(bytes=financing_id(financing))
    for given in answers:
        finding = {"finding": str(given.finding)}
        row = {"financing": own.hex, "registry": given.registry, "at": given.at, **finding}
        if session.execute(statement("put_external"), row).rowcount:
            enter(session, "financing_external", f"{own} {given.registry} {given.at}", finding)
