"""A decision that is awaited on the event loop is told, logged and repeated as one on a worker thread, and taken once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest

from services.api import pipeline
from services.api.transactions import WorkerTransaction
from tests.support.api import session_trace
from tests.support.api.responses import text_of
from tests.support.api.server import RunningApi
from tests.support.api.session_trace import logged

pytestmark = pytest.mark.integration
PATH = "/v1/reservations"
INVOICE = {
    "number": "INV-9001",
    "seller": {"scheme": "USCC", "id": "91330100799655058B"},
    "buyer": {"scheme": "LEI", "id": "5493000IBP32UQZ0KL24"},
    "issued_on": "2026-02-26",
    "amount": {"minor_units": 417_500_000, "currency_code": "CNY"},
}


def wanted(**change: Any) -> dict[str, Any]:
    """A reservation that is refused whatever else happens: nobody stated its invoice."""
    return {
        "reference": f"D-{uuid4().hex[:12]}",
        "application": "optic/AP-A",
        "product": "EXPORT_RECEIVABLE",
        "interest": "RECEIVABLE",
        "consignments": ["xaport/XA-1"],
        "papers": {"invoices": [INVOICE], "consignments": ["xaport/XA-1"]},
        **change,
    }


def ask(client: httpx.Client, body: Any, key: str = "", **headers: str) -> httpx.Response:
    return client.post(PATH, json=body, headers={"idempotency-key": key or uuid4().hex, **headers})


def known(api: RunningApi, party: str = "abank") -> httpx.Client:
    """A client whose party and token the API knows."""
    client = api.client(party)
    client.get("/v1/platform-keys")
    return client


def used(api: RunningApi) -> int:
    return api.context.decision_sessions.returned


def directly(api: RunningApi, call: Callable[[], httpx.Response]) -> httpx.Response:
    return session_trace.directly(api.context.decision_sessions, call)


def on_a_worker(
    api: RunningApi, monkeypatch: pytest.MonkeyPatch, call: Callable[[], httpx.Response]
) -> httpx.Response:
    """The answer of ``call``, for which no session of the event loop was used."""
    before = used(api)
    with monkeypatch.context() as patched:
        patched.setattr(
            pipeline, "_transaction", lambda exchange, _attempt: WorkerTransaction(exchange.context)
        )
        answer = call()
    assert used(api) == before
    return answer


def decisions(api: RunningApi, key: str) -> int:
    rows = api.rows("SELECT count(*) FROM lianyun.financing_decision WHERE idempotency = %s", key)
    return int(rows[0][0])


def test_both_executors_give_the_same_decision_answer_and_line(
    api: RunningApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    bank, body = known(api), wanted()
    short = directly(api, lambda: ask(bank, body))
    api.context._parties.clear()  # whose party is not known yet is asked once more, behind its admission
    long = on_a_worker(api, monkeypatch, lambda: ask(bank, body))
    told, other = short.json(), long.json()
    assert (told.pop("number"), other.pop("number")) != (None, None)
    assert (short.status_code, told) == (200, other)
    assert (told["outcome"], told["guard"]) == ("REFUSED", "INVOICE_STATED")
    own = ("x-request-id", "date", "ratelimit", "content-length")
    assert {k: v for k, v in short.headers.items() if k not in own} == {
        k: v for k, v in long.headers.items() if k not in own
    }
    assert logged(api, short) == logged(api, long)
    assert [line[4:] for line in logged(api, short)] == [
        ("POST", PATH, f"financing:abank/{body['reference']}", ["optic"], 200)
    ]


def test_the_same_request_again_is_answered_from_the_store(
    api: RunningApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    bank, key, body = known(api), uuid4().hex, wanted()
    first = directly(api, lambda: ask(bank, body, key))
    again = directly(api, lambda: ask(bank, body, key))
    assert (again.status_code, again.content) == (200, first.content)
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert decisions(api, key) == 1
    other = directly(api, lambda: ask(bank, {**body, "reference": "another"}, key))
    assert other.json()["type"] == "urn:lianyun:problem:idempotency-key-reused"
    assert [line[6:] for line in logged(api, other)] == [("", [], other.status_code)]
    api.context._parties.clear()
    for again in (
        on_a_worker(api, monkeypatch, lambda: ask(bank, body, key)),
        directly(api, lambda: ask(bank, body, key)),
    ):
        assert (again.content, again.headers["idempotent-replayed"]) == (first.content, "true")


@pytest.mark.parametrize("party", ["bbank", "optic"])
def test_what_is_absent_or_forbidden_is_told_and_logged_alike(
    api: RunningApi, monkeypatch: pytest.MonkeyPatch, party: str
) -> None:
    client = known(api, party)
    short = directly(api, lambda: ask(client, wanted()))
    api.context._parties.clear()
    long = on_a_worker(api, monkeypatch, lambda: ask(client, wanted()))
    assert short.status_code == long.status_code == {"bbank": 404, "optic": 403}[party]
    assert text_of(short) == text_of(long)
    assert logged(api, short) == logged(api, long)


def test_a_body_that_is_refused_is_told_by_the_framework(api: RunningApi) -> None:
    bank, before = known(api), used(api)
    misspelled = ask(bank, wanted(referense="x"))
    assert misspelled.status_code == 422
    assert misspelled.json()["errors"][0]["pointer"] == "/referense"
    sent = {"idempotency-key": uuid4().hex, "content-type": "application/json"}
    for content in (b"", b"{", b"null", b"[" * 100_000, b"\xff\xfe"):
        answer = bank.post(PATH, content=content, headers=sent)
        assert answer.status_code in (400, 422), content[:9]
        assert answer.json()["traceId"], content[:9]
    assert bank.post(PATH, content=b"a=1").status_code in (415, 422)
    assert used(api) == before
    unnamed = bank.post(PATH, json=wanted())
    assert unnamed.json()["type"] == "urn:lianyun:problem:idempotency-key-missing"
    assert api.anonymous().post(PATH, json=wanted()).status_code == 401


def test_the_answer_its_line_and_its_repetition_stand_or_fall_together(api: RunningApi) -> None:
    bank, key, body = known(api), uuid4().hex, wanted()
    with psycopg.connect(api.dsn) as session:
        session.execute(
            "CREATE FUNCTION lianyun.no_line() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN IF NEW.route = '{PATH}' THEN RAISE EXCEPTION 'no room: secret'; END IF; RETURN NEW; END $$"
        )
        session.execute(
            "CREATE TRIGGER no_line BEFORE INSERT ON lianyun.access_log FOR EACH ROW EXECUTE FUNCTION lianyun.no_line()"
        )
    try:
        broken = ask(bank, body, key)
        assert (broken.status_code, broken.json()["type"]) == (500, "urn:lianyun:problem:internal")
        assert "secret" not in broken.text
        assert api.rows("SELECT count(*) FROM lianyun.api_answer WHERE key = %s", key) == [(0,)]
        assert decisions(api, key) == 1, "the decision stands: it was taken and committed"
    finally:
        with psycopg.connect(api.dsn) as session:
            session.execute("DROP TRIGGER no_line ON lianyun.access_log")
            session.execute("DROP FUNCTION lianyun.no_line()")
    again = directly(api, lambda: ask(bank, body, key))
    assert (again.status_code, decisions(api, key)) == (200, 1)
    assert "idempotent-replayed" not in again.headers


def test_whoever_waits_for_the_desk_keeps_nobody_from_reading(api: RunningApi) -> None:
    bank, found = known(api), list[httpx.Response]()
    with psycopg.connect(api.dsn) as session:
        session.execute("LOCK TABLE lianyun.financing_version IN EXCLUSIVE MODE")
        asking = [threading.Thread(target=lambda: found.append(ask(bank, wanted()))) for _ in range(12)]
        for thread in asking:
            thread.start()
        until = time.monotonic() + 20
        while not api.rows("SELECT true FROM pg_locks WHERE NOT granted"):
            assert time.monotonic() < until, "nobody waits for the desk"
            time.sleep(0.005)
        status = bank.get("/v1/financing-status?kind=consignment&id=xaport/XA-1")
        assert (status.status_code, found) == (200, [])
    for thread in asking:
        thread.join(30)
    assert {answer.status_code for answer in found} == {200}
    assert len({answer.json()["number"] for answer in found}) == 12
