"""Webhooks and posted events in the table of permissions: a webhook of every party, under an id that the table can name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import psycopg

from tests.support.api.row import Row

TYPE = "financing.alert.v1"
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
    """One webhook for each party, and one of abank's to be removed."""
    rows = [(f"wh_{party}", party) for party in parties] + [("wh_removed", "abank")]
    with psycopg.connect(dsn) as session:
        session.cursor().executemany(
            "INSERT INTO lianyun.webhook_subscription (id, party, url, types, description, state, reason, created, version)"
            " VALUES (%s, %s, 'https://hooks.example/', ARRAY['financing.alert.v1'], '', 'ENABLED', '', 0, 1)",
            rows,
        )


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
