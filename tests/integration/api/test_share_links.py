"""Share links over the API: made as a party to the transport, shown once, listed with their openings, ended at once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from services.api.access import share_links
from services.ledger.storage.session import open_session
from tests.support.api.server import RunningApi

pytestmark = pytest.mark.integration


def in_days(days: int) -> str:
    return f"{datetime.now(UTC) + timedelta(days=days):%Y-%m-%dT%H:%M:%SZ}"


def make(client: httpx.Client, **more: Any) -> httpx.Response:
    new = {"consignment": "xaport/XA-1", "fields": ["ids", "goods"], "expires": in_days(7), **more}
    return client.post("/v1/share-links", json=new)


def test_a_link_lives_from_its_making_to_its_end(api: RunningApi) -> None:
    client = api.client("ruhr")
    answer = make(client, label="for the haulier")
    assert answer.status_code == 201, answer.text
    assert answer.headers["cache-control"].startswith("no-store")
    made = answer.json()
    assert made["fields"] == ["goods", "ids", "movement"]
    assert made["path"] == f"/s/{made['token']}"
    with open_session(api.dsn) as session:
        found = share_links.find(session, made["token"])
        assert found is not None
        assert (found.id, found.party, found.made_by) == (made["id"], "ruhr", "client:ruhr")
    token = made["token"].encode()
    stored = api.rows(
        "SELECT count(*) FROM lianyun.api_answer a WHERE position(%s::bytea IN a.body) > 0", token
    )
    assert stored == [(0,)], "the secret is nowhere else"
    page = client.get("/v1/share-links", params={"limit": 1}).json()
    assert page["items"][0]["id"] == made["id"]
    assert "token" not in page["items"][0]
    others = client.get("/v1/share-links", params={"limit": 1, "cursor": page["next"]}).json()["items"]
    assert made["id"] not in {each["id"] for each in others}
    assert client.get(f"/v1/share-links/{made['id']}/openings").json()["items"] == []
    gone = client.delete(f"/v1/share-links/{made['id']}", headers={"idempotency-key": "end-it"})
    assert gone.status_code == 204
    (ended,) = [each for each in client.get("/v1/share-links").json()["items"] if each["id"] == made["id"]]
    assert ended["state"] == "ENDED"


def test_what_cannot_be_is_refused_and_what_is_seen_by_a_pledge_is_not_handed_on(api: RunningApi) -> None:
    client = api.client("optic")
    for wrong in (
        {"expires": in_days(400)},
        {"expires": in_days(-1)},
        {"expires": "soon"},
        {"fields": ["credit"]},
        {"label": "a\nb"},
    ):
        assert make(client, **wrong).status_code == 422, wrong
    assert api.client("abank").get("/v1/consignments/xaport/XA-1").status_code == 200
    assert make(api.client("abank")).status_code == 404
    assert make(api.client("stranger")).status_code == 404
