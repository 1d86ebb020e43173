"""The ways in which an API is run: TLS of its own with client certificates, somebody else's authority, and its upkeep."""

from __future__ import annotations

import datetime
import json
import ssl
import time
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from services.api import background
from services.api.auth import clients
from services.api.auth.keys import AuthorityKey
from services.api.auth.tokens.certificate import thumbprint
from services.ledger.registry import store
from services.ledger.storage.session import open_session
from services.runtime.credentials.authority import issue, new_authority
from tests.support.api.server import RunningApi, now

pytestmark = pytest.mark.integration
PATH = "/v1/consignments/xaport/XA-1"


def test_a_certificate_of_the_connection_itself_binds_the_token(api_dsn: str, tmp_path: Path) -> None:
    moment = datetime.datetime.now(datetime.UTC)
    authority = new_authority("test", moment)
    server, mine, other = (
        issue(authority, "api", ["127.0.0.1"], moment),
        issue(authority, "bank", [], moment),
        issue(authority, "other", [], moment),
    )
    for name, issued in (("server", server), ("mine", mine), ("other", other), ("ca", authority)):
        (tmp_path / f"{name}.pem").write_bytes(issued.certificate)
        (tmp_path / f"{name}.key").write_bytes(issued.key)
    told = {
        "api_certificate": tmp_path / "server.pem",
        "api_certificate_key": tmp_path / "server.key",
        "api_client_ca": tmp_path / "ca.pem",
    }
    name = f"tls-{uuid4().hex[:8]}"

    def caller(who: str | None) -> httpx.Client:
        context = ssl.create_default_context(cafile=tmp_path / "ca.pem")
        if who is not None:
            context.load_cert_chain(tmp_path / f"{who}.pem", tmp_path / f"{who}.key")
        return httpx.Client(base_url=running.url, verify=context, timeout=30)

    with RunningApi(api_dsn, tmp_path, told) as running:
        with open_session(api_dsn, "lianyun-test") as session:
            party = store.read_snapshot(session).party("xaport")
            assert party is not None
            shown = thumbprint(ssl.PEM_cert_to_DER_cert(mine.certificate.decode()))
            clients.add_client(session, name, party, jwk=None, certificate=shown, at=now(), by="test")
        form = {"grant_type": "client_credentials", "client_id": name}
        with caller("mine") as bank, caller("other") as thief, caller(None) as nobody:
            token = bank.post("/oauth2/token", data=form).json()["access_token"]
            bearer = {"authorization": f"Bearer {token}"}
            assert bank.get(PATH, headers=bearer).status_code == 200
            assert thief.post("/oauth2/token", data=form).json()["error"] == "invalid_client"
            assert nobody.post("/oauth2/token", data=form).json()["error"] == "invalid_dpop_proof"
            assert thief.get(PATH, headers=bearer).status_code == 401
            assert nobody.get(PATH, headers=bearer).status_code == 401


def test_tokens_of_an_external_authority_are_taken_and_no_others_given(api_dsn: str, tmp_path: Path) -> None:
    theirs, rotated = AuthorityKey.of(tmp_path / "a.json"), AuthorityKey.of(tmp_path / "b.json")
    keys = tmp_path / "jwks.json"
    keys.write_text(json.dumps(theirs.jwks()))
    issuer = "https://login.bank.example"
    told = {
        "api_authority": "external",
        "api_issuer": issuer,
        "api_audience": "lianyun",
        "api_jwks": str(keys),
    }
    with RunningApi(api_dsn, tmp_path, told) as running:
        name = f"ext-{uuid4().hex[:8]}"
        running.register(name, "xaport")
        auth = running.auth(name)

        def ask(signed_by: AuthorityKey, scope: str = "events:read") -> httpx.Response:
            token = signed_by.access_token(
                issuer=issuer, audience="lianyun", client=name, scope=scope, seconds=60,
                bound={"jkt": auth.key.thumbprint()},
            )  # fmt: skip
            proof = auth.proof("GET", running.url + PATH, token)
            headers = {"authorization": f"DPoP {token}", "dpop": proof}
            return httpx.get(running.url + PATH, headers=headers, timeout=30)

        assert ask(theirs).status_code == 200
        assert ask(rotated).status_code == 401
        assert ask(theirs, "unknown:scope").status_code == 403
        assert httpx.post(running.url + "/oauth2/token", data={"grant_type": "x"}).status_code == 404


def test_upkeep_forgets_what_has_expired_and_nothing_else(api: RunningApi) -> None:
    second = int(time.time())
    with open_session(api.dsn, "lianyun-test") as session:
        for digest, expires in ((b"old", second - 10), (b"new", second + 100)):
            session.execute(
                "INSERT INTO lianyun.api_proof VALUES (%s, %s) ON CONFLICT DO NOTHING",
                (digest, expires * 1_000_000),
            )
        for key, given in (("old", second - 90_000), ("new", second)):
            session.execute(
                "INSERT INTO lianyun.api_answer VALUES ('upkeep', %s, '', 200, '{}', '', %s, '') ON CONFLICT DO NOTHING",
                (key, given * 1_000_000),
            )
    background.purge(api.context)
    assert api.rows("SELECT digest FROM lianyun.api_proof WHERE digest IN ('old', 'new')") == [(b"new",)]
    assert api.rows("SELECT key FROM lianyun.api_answer WHERE party = 'upkeep'") == [("new",)]
