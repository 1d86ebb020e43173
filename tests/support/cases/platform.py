"""A database with the stories' parties and the platform registered, and a desk of cases whose clock a test sets."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import psycopg

from schemas.events.base import Role
from schemas.schemes import Scheme
from schemas.signing_key import SigningKey
from services.cases.store.case_service import CaseService
from services.ledger.platform_signature import Signer
from services.ledger.registry import commands
from services.ledger.registry.events import PartyAdded
from services.ledger.registry.possession import proven

KEY = SigningKey.from_seed(Scheme.ED25519, bytes(range(11, 43)))
SIGNER = Signer("demo", "urn:lianyun:platform", KEY, bytes(range(16)))


def register_platform(session: psycopg.Connection[Any]) -> None:
    """The platform with the key that signs the steps."""
    party = PartyAdded(
        code="lianyun", name="Lianyun", roles=frozenset({Role.PLATFORM}), sources=frozenset({SIGNER.source})
    )
    commands.add_party(session, party, at=0, by="test")
    key = proven(KEY, SIGNER.network, "lianyun")
    commands.add_key(session, "lianyun", key, at=0, by="test")
    session.commit()


@dataclass
class Clock:
    """The moment that the desk goes by."""

    at: int
    desk: CaseService = field(init=False)

    def __post_init__(self) -> None:
        self.desk = CaseService(SIGNER, self._moment)

    def _moment(self, session: psycopg.Connection[Any]) -> tuple[int, int]:
        row = session.execute("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint").fetchone()
        assert row is not None
        return self.at, int(row[0])
