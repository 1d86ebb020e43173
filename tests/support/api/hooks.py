"""Webhooks and posted events in the table of permissions: a webhook of every party, under an id that the table can name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID, uuid4

import psycopg

from services.api import statement
from services.api.access import share_links
from services.documents.domain.decisions import DRAFT
from services.ledger.audit_trail.entries import enter
from services.ledger.storage.session import open_session
from tests.support.api.row import Row
from tests.support.documents_stored import ISSUER, Documents

TYPE = "financing.alert.v1"
LINK, NONE = "0b0e5a52-6f2e-4d5c-9a55-000000000001", "0b0e5a52-6f2e-4d5c-9a55-000000000002"
"""Of a share link of optic's, and of none."""
_ABANK = frozenset({"abank"})
_NEW = {"url": "https://hooks.example/", "types": [TYPE]}
_BODIES: Mapping[tuple[str, str], tuple[Any, int]] = {
    ("GET", ""): (None, 200),
    ("PUT", ""): ({"description": "x"}, 200),
    ("GET", "/secrets"): (None, 200),
    ("POST", "/secrets"): ({"scheme": "v1"}, 200),
    ("POST", "/test"): (None, 202),
    ("POST", "/replay"): ({"since": "2026-01-01T00:00:00Z"}, 202),
    ("GET", "/deliveries"): (None, 200),
}


def put(dsn: str, parties: Iterable[str]) -> None:
    """One webhook for each party, and one of abank's to be removed; and a drafted document."""
    with open_session(dsn, "lianyun-test") as session:
        Documents(session).do(DRAFT, ISSUER)
    rows = [(f"wh_{party}", party) for party in parties] + [("wh_removed", "abank")]
    with psycopg.connect(dsn) as session:
        session.cursor().executemany(
            "INSERT INTO lianyun.webhook_subscription (id, party, url, types, description, state, reason, created, version)"
            " VALUES (%s, %s, 'https://hooks.example/', ARRAY['financing.alert.v1'], '', 'ENABLED', '', 0, 1)",
            rows,
        )
        for number, party in enumerate(("optic", *parties)):
            _share(session, LINK if number == 0 else str(uuid4()), party)


def _share(session: psycopg.Connection[Any], id_: str, party: str) -> None:
    """A share link, as ``services.api.access.share_links.make`` makes it but for its id."""
    row: dict[str, Any] = {
        "id": id_, "digest": share_links.digest_of(id_), "consignment": UUID(int=1), "reference": "xaport/XA-1", "party": party,
        "made_by": "test", "fields": ["movement"], "label": "", "made": 1, "expires": 4_000_000_000_000_000,
    }  # fmt: skip
    session.execute(statement("share_link_make"), row)
    changed = {**row, "digest": row["digest"].hex(), "consignment": str(row["consignment"]), "ended": None}
    del changed["id"]
    enter(session, "share_link", id_, changed)


def rows(parties: Iterable[str]) -> Mapping[tuple[str, str], Row]:
    """The rows of these routes."""
    everybody = frozenset(parties)
    unsigned = {"content-type": "application/cloudevents+json"}
    return {
        ("POST", "/v1/events"): Row(
            "/v1/events", "/v1/events", everybody, status=422, body={"id": "x"}, headers=unsigned
        ),
        ("GET", "/v1/events"): Row(
            "/v1/events?source=urn:story:xaport&id=none", "/v1/events?source=urn:none&id=none", frozenset()
        ),
        ("GET", "/v1/events/{handle}"): Row("/v1/events/x", "/v1/events/y", frozenset()),
        ("GET", "/v1/webhooks"): Row("/v1/webhooks", "/v1/webhooks", everybody, lists=True),
        ("POST", "/v1/webhooks"): Row("/v1/webhooks", "/v1/webhooks", everybody, status=201, body=_NEW),
        ("DELETE", "/v1/webhooks/{id}"): Row(
            "/v1/webhooks/wh_removed", "/v1/webhooks/wh_none", _ABANK, status=204
        ),
        **{
            (method, f"/v1/webhooks/{{id}}{part}"): Row(
                f"/v1/webhooks/wh_abank{part}",
                f"/v1/webhooks/wh_none{part}",
                _ABANK,
                status=status,
                body=body,
            )
            for (method, part), (body, status) in _BODIES.items()
        },
    }
