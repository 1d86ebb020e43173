"""The API and whoever delivers webhooks under roles of their own, on a real server: all their work, and nothing beside it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from services.api import background
from services.financing.store.keys import read_keys
from services.ledger.storage.generations import switch_generation
from services.ledger.storage.migrate import migrate
from services.ledger.storage.session import open_session
from services.notifications.webhooks.process import work
from services.notifications.webhooks.settings import WebhookSettings
from services.testbed.localstack import LocalStack
from tests.support import receipts
from tests.support.api import hooks, permissions
from tests.support.api.server import RunningApi

pytestmark = pytest.mark.integration
ROLES = Path(__file__).resolve().parents[3] / "infra" / "postgres" / "roles.sql"
WRITES = """
SELECT c.relname, array_agg(DISTINCT p.kind ORDER BY p.kind)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
CROSS JOIN (VALUES ('INSERT'), ('UPDATE'), ('DELETE'), ('TRUNCATE')) AS p (kind)
WHERE (n.nspname = 'lianyun' OR n.nspname ~ '^g[0-9]+$') AND c.relkind IN ('r', 'p', 'v')
    AND (has_table_privilege(c.oid, p.kind)
         OR p.kind IN ('INSERT', 'UPDATE') AND has_any_column_privilege(c.oid, p.kind))
GROUP BY c.relname
"""
ADDS, HOLDS, KEEPS = ["INSERT"], ["UPDATE"], ["DELETE", "INSERT", "UPDATE"]
API = {
    "access_log": ADDS,
    "access_log_sealed": ADDS,
    "access_stream": ["INSERT", "UPDATE"],
    "annotation_decision": ADDS,
    "annotation_entry": ["INSERT", "UPDATE"],
    "api_answer": KEEPS,
    "api_answer_purge": ["INSERT", "UPDATE"],
    "api_proof": KEEPS,
    "api_secret": ADDS,
    "audit_head": ["INSERT", "UPDATE"],
    "audit_trail": ADDS,
    "conformance_attempt": ["DELETE", "INSERT"],
    "credit_record": ADDS,
    "document_decision": ADDS,
    "document_head": ["INSERT", "UPDATE"],
    "document_version": ADDS,
    "financing_acknowledged": ADDS,
    "financing_asked": HOLDS,
    "financing_cargo": ADDS,
    "financing_decision": ADDS,
    "financing_entry": ["INSERT", "UPDATE"],
    "financing_external": ADDS,
    "financing_hold": ["INSERT", "UPDATE"],
    "financing_tally": ["INSERT", "UPDATE"],
    "financing_touched": ADDS,
    "financing_version": ["INSERT", "UPDATE"],
    "financing_watch": ADDS,
    "head": HOLDS,
    "pint_file": ADDS,
    "pint_step": ADDS,
    "pint_transfer": ["INSERT", "UPDATE"],
    "registry_version": ["INSERT", "UPDATE"],
    "share_link": ["INSERT", "UPDATE"],
    "webhook_cursor": ADDS,
    "webhook_delivery": KEEPS,
    "webhook_message": ADDS,
    "webhook_secret": KEEPS,
    "webhook_subscription": ["INSERT", "UPDATE"],
    "webhook_tally": ["INSERT", "UPDATE"],
}
WEBHOOKS = {
    "audit_head": ["INSERT", "UPDATE"],
    "audit_trail": ADDS,
    "platform_event": ADDS,
    "subscription_touch": ADDS,
    "webhook_again": KEEPS,
    "webhook_cursor": KEEPS,
    "webhook_delivery": KEEPS,
    "webhook_message": KEEPS,
    "webhook_subscription": HOLDS,
    "webhook_tally": ["INSERT", "UPDATE"],
}


@dataclass(frozen=True)
class Server:
    """A database of the story, its address for each role, and the API's settings for receipts."""

    address: str
    receipts: dict[str, Path] = field(default_factory=dict)

    def dsn(self, role: str) -> str:
        return self.address.replace("ROLE", role)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with LocalStack(kafka=False, durable=False) as stack:
        head, _, _ = stack.database.admin_dsn.rpartition("/")
        with psycopg.connect(f"{head}/lianyun", autocommit=True) as admin:
            admin.execute(ROLES.read_bytes())
            for role in ("owner", "api", "webhooks", "reader"):
                admin.execute(f"ALTER ROLE lianyun_{role} PASSWORD 'only-here'".encode())
        found = Server(f"postgresql://lianyun_ROLE:only-here@{head.rpartition('@')[2]}/lianyun")
        owner = found.dsn("owner")
        migrate(owner)
        found.receipts.update(receipts.play_logged(owner, tmp_path_factory.mktemp("log")))
        hooks.put(owner, permissions.PARTIES)
        yield found


@pytest.fixture(scope="module")
def api(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApi]:
    """The API as its role; clients are registered by the owner."""
    folder = tmp_path_factory.mktemp("api")
    with RunningApi(server.dsn("owner"), folder, {"dsn": server.dsn("api"), **server.receipts}) as running:
        yield running


@pytest.mark.parametrize("each", permissions.ROWS, ids=" ".join)
def test_it_answers_every_route(api: RunningApi, each: tuple[str, str]) -> None:
    row, method = permissions.ROWS[each], each[0]
    headers = {} if method == "GET" else {"idempotency-key": uuid4().hex}
    party = min(row.sees or {"abank"})
    answer = api.client(party).request(method, row.own, json=row.body, headers={**headers, **row.headers})
    assert answer.status_code == (row.status if row.sees else 404), answer.text


def test_it_decides_also_after_the_state_was_built_anew(api: RunningApi, server: Server) -> None:
    with open_session(server.dsn("owner"), "lianyun-test") as session:
        switch_generation(session, 1)
        session.commit()
    amount = {"amount": {"minor_units": 1_000, "currency_code": "CNY"}}
    for step, body in (("draw", amount), ("release", None)):
        path = f"/v1/financings/LN-1/{step}"
        answer = api.client("abank").post(path, json=body, headers={"idempotency-key": uuid4().hex})
        assert answer.status_code == 200, answer.text
    row = permissions.ROWS["POST", "/v1/reservations"]
    again = {**row.body, "reference": "LN-2"}
    answer = api.client("abank").post(row.own, json=again, headers={"idempotency-key": uuid4().hex})
    assert answer.json()["outcome"] in ("DONE", "REFUSED", "REVIEW"), answer.text


def test_a_webhook_has_its_whole_life(api: RunningApi) -> None:
    client = api.client("bbank")

    def key() -> dict[str, str]:
        return {"idempotency-key": uuid4().hex}

    made = client.post(
        "/v1/webhooks", json={"url": "https://hooks.example/x", "types": [hooks.TYPE]}, headers=key()
    )
    assert made.status_code == 201, made.text
    path = f"/v1/webhooks/{made.json()['id']}"
    for part in ("/test", "/secrets"):
        answer = client.post(
            path + part, json={"scheme": "v1a"} if part == "/secrets" else None, headers=key()
        )
        assert answer.is_success, answer.text
    assert client.delete(path, headers=key()).status_code == 204


def test_it_keeps_house_answers_events_and_seals_reads_under_a_legal_purpose(
    api: RunningApi, server: Server
) -> None:
    background.purge(api.context)
    with psycopg.connect(server.dsn("owner")) as session:
        session.execute("INSERT INTO lianyun.financing_asked (no) SELECT min(no) FROM lianyun.body")
    desk = read_keys(api.settings.financing_keys).decision_service(api.settings.network)
    background.consume(api.context, desk)
    assert api.rows("SELECT 1 FROM lianyun.financing_asked WHERE answered IS NULL") == []
    before = api.rows("SELECT count(*) FROM lianyun.access_log_sealed")
    secret = api.client("court", "events:read purpose:COURT", purposes=("COURT",))
    assert secret.get("/v1/consignments/xaport/XA-1").status_code in (200, 404)
    assert api.rows("SELECT count(*) FROM lianyun.access_log_sealed") != before


@pytest.mark.parametrize(("role", "expected"), [("api", API), ("webhooks", WEBHOOKS)])
def test_a_role_writes_its_own_tables_and_no_others(
    server: Server, role: str, expected: dict[str, list[str]]
) -> None:
    with psycopg.connect(server.dsn(role)) as session:
        assert dict(session.execute(WRITES).fetchall()) == expected


@pytest.mark.parametrize(
    ("role", "forbidden"),
    [
        ("api", "UPDATE lianyun.access_log SET at = 2"),
        ("api", "DELETE FROM lianyun.access_log"),
        ("api", "SELECT FROM lianyun.access_log_sealed"),
        ("api", "SELECT FROM lianyun.audit_trail"),
        ("api", "UPDATE lianyun.audit_trail SET no = 0"),
        ("api", "DELETE FROM lianyun.access_stream"),
        ("api", "UPDATE lianyun.financing_decision SET outcome = 'DONE'"),
        ("api", "DELETE FROM lianyun.financing_entry"),
        ("api", "UPDATE lianyun.financing_version SET open = false"),
        ("api", "UPDATE lianyun.head SET cons = cons"),
        ("api", "UPDATE lianyun.registry_version SET version = 0"),
        ("api", "INSERT INTO lianyun.api_client SELECT * FROM lianyun.api_client"),
        ("api", "UPDATE lianyun.party SET roles = '{}'"),
        ("api", "INSERT INTO lianyun.body SELECT * FROM lianyun.body"),
        ("api", "CREATE TABLE lianyun.mine ()"),
        ("api", "CREATE TEMPORARY TABLE mine ()"),
        ("api", "SET ROLE lianyun_owner"),
        ("webhooks", "SELECT FROM lianyun.access_log"),
        ("webhooks", "SELECT FROM lianyun.audit_trail"),
        ("webhooks", "SELECT FROM lianyun.api_secret"),
        ("webhooks", "SELECT FROM lianyun.credit_record"),
        ("webhooks", "INSERT INTO lianyun.financing_decision SELECT * FROM lianyun.financing_decision"),
        ("webhooks", "UPDATE lianyun.webhook_secret SET sealed = ''"),
    ],
)
def test_a_role_may_not(server: Server, role: str, forbidden: str) -> None:
    with (
        psycopg.connect(server.dsn(role), autocommit=True) as session,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        session.execute(forbidden.encode())


def test_webhooks_are_made_and_tried(api: RunningApi, server: Server) -> None:
    client = api.client("abank")
    asked = {"url": "https://hooks.invalid/x", "types": [hooks.TYPE]}
    made = client.post("/v1/webhooks", json=asked, headers={"idempotency-key": uuid4().hex}).json()
    client.post(f"/v1/webhooks/{made['id']}/test", headers={"idempotency-key": uuid4().hex})
    settings = WebhookSettings(
        dsn=server.dsn("webhooks"),  # type: ignore[arg-type]
        webhook_key_file=api.settings.webhook_key_file,
        webhook_tick=0.05,
    )
    query = "SELECT 1 FROM lianyun.webhook_delivery WHERE subscription = %s AND attempts > 0 AND detail <> ''"

    async def until_tried() -> None:
        stop = asyncio.Event()
        working = asyncio.create_task(work(settings, stop))
        for _ in range(300):
            if working.done() or api.rows(query, made["id"]):
                break
            await asyncio.sleep(0.1)
        stop.set()
        await working

    asyncio.run(until_tried())
    assert api.rows(query, made["id"])
    assert {name for (name,) in api.rows("SELECT source FROM lianyun.webhook_cursor")}
