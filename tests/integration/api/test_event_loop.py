"""What is answered on the event loop is answered as on a worker thread: the same words, the same log, the same refusals."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx
import psycopg
import pytest

from schemas.events.base import Role
from services.api import pipeline
from services.api.auth import clients
from services.api.client import ApiAuth
from services.api.transactions import WorkerTransaction
from services.ledger.registry import commands, store
from services.ledger.registry.events import PartyAdded
from services.ledger.storage.session import open_session
from tests.support.api import session_trace
from tests.support.api.responses import text_of
from tests.support.api.server import RunningApi, now
from tests.support.api.session_trace import logged

pytestmark = pytest.mark.integration
PATH = "/v1/financing-status"
STATUS = f"{PATH}?kind=consignment&id=xaport/XA-1"


def directly(api: RunningApi, ask: Callable[[], httpx.Response]) -> httpx.Response:
    """The answer of ``ask``, which came without a worker thread."""
    return session_trace.directly(api.context.sessions, ask)


def newcomer(api: RunningApi, party: str, scopes: tuple[str, ...] | None = None) -> tuple[str, httpx.Client]:
    """A client of ``party`` that nobody else uses, which has asked once."""
    name = f"{party}-{secrets.token_hex(4)}"
    api.register(name, party, **({} if scopes is None else {"scopes": scopes}))  # type: ignore[arg-type]
    client = httpx.Client(base_url=api.url, auth=api.auth(name), timeout=30)
    client.get(STATUS)
    return name, client


def on_a_worker(
    api: RunningApi, monkeypatch: pytest.MonkeyPatch, ask: Callable[[], httpx.Response]
) -> httpx.Response:
    """The answer of ``ask``, for which no session of the event loop was used."""
    before = api.context.sessions.returned
    with monkeypatch.context() as patched:
        patched.setattr(
            pipeline, "_transaction", lambda exchange, _attempt: WorkerTransaction(exchange.context)
        )
        answer = ask()
    assert api.context.sessions.returned == before
    return answer


def test_both_executors_give_the_same_answer_and_the_same_line(
    api: RunningApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    bank = api.client("abank")
    bank.get(STATUS)
    short = directly(api, lambda: bank.get(STATUS))
    api.context._parties.clear()  # whose party is not known yet is asked once more, behind its admission
    long = on_a_worker(api, monkeypatch, lambda: bank.get(STATUS))
    api.context._parties.clear()
    unknown = directly(api, lambda: bank.get(STATUS))
    assert (unknown.status_code, unknown.content) == (200, short.content)
    assert logged(api, unknown) == logged(api, short)
    assert (short.status_code, short.content) == (200, long.content)
    assert [each["financing"] for each in short.json()["financings"]] == ["abank/GD-1", "abank/LN-1"]
    own = ("x-request-id", "date", "ratelimit")
    assert {k: v for k, v in short.headers.items() if k not in own} == {
        k: v for k, v in long.headers.items() if k not in own
    }
    assert short.headers["ratelimit"].startswith('"default";r=')
    assert logged(api, short) == logged(api, long)
    assert [line[6:] for line in logged(api, short)] == [
        (f"financing:abank/{own}", ["optic"], 200) for own in ("GD-1", "LN-1")
    ]
    same = directly(api, lambda: bank.get(STATUS, headers={"if-none-match": short.headers["etag"]}))
    assert (same.status_code, same.content, logged(api, same)[0][8]) == (304, b"", 304)


@pytest.mark.parametrize("party", ["bbank", "optic"])
def test_what_is_foreign_or_forbidden_is_told_and_logged_alike(
    api: RunningApi, monkeypatch: pytest.MonkeyPatch, party: str
) -> None:
    client = api.client(party)
    client.get(STATUS)
    short = directly(api, lambda: client.get(STATUS))
    absent = directly(api, lambda: client.get(f"{PATH}?kind=consignment&id=xaport/none"))
    api.context._parties.clear()
    long = on_a_worker(api, monkeypatch, lambda: client.get(STATUS))
    assert short.status_code == long.status_code == {"bbank": 404, "optic": 403}[party]
    assert text_of(short) == text_of(long) == text_of(absent)
    assert logged(api, short) == logged(api, long) == logged(api, absent)
    assert logged(api, short)[0][6:] == ("", [], short.status_code)


def test_a_token_without_the_scope_is_refused(api: RunningApi) -> None:
    _, client = newcomer(api, "abank", ("events:read",))
    answer = directly(api, lambda: client.get(STATUS))
    assert (answer.status_code, answer.json()["scope"]) == (403, "financing:read")


def test_what_is_unusual_in_a_question_is_told_by_the_framework(api: RunningApi) -> None:
    bank = api.client("abank")
    for query in ("kind=train&id=x", "kind=consignment", "kind=consignment&id=", f"kind=note&id={'x' * 161}"):
        answer = bank.get(f"{PATH}?{query}")
        assert (answer.status_code, answer.json()["type"]) == (422, "urn:lianyun:problem:invalid"), query
    twice = bank.get(f"{STATUS}&kind=consignment&more=1")
    assert twice.status_code == 200
    assert bank.get(f"{STATUS}&application=optic/AP-A").json()["interest_taken"] is True
    assert bank.post(f"{STATUS}").status_code == 422
    assert api.anonymous().get(STATUS).status_code == 401


def test_a_revoked_client_is_refused_at_once(api: RunningApi) -> None:
    name, client = newcomer(api, "abank")
    assert directly(api, lambda: client.get(STATUS)).status_code == 200
    with open_session(api.dsn, "lianyun-test") as session:
        assert clients.revoke(session, name, at=now())
    auth = client.auth
    assert isinstance(auth, ApiAuth)
    proof = auth.proof("GET", api.url + PATH, auth._token)
    sent = {"authorization": f"DPoP {auth._token}", "dpop": proof}
    answer = directly(api, lambda: api.anonymous().get(STATUS, headers=sent))
    assert answer.status_code == 401
    assert "invalid_token" in answer.headers["www-authenticate"]
    assert logged(api, answer) == []


def test_a_proof_is_used_up_for_every_worker(api: RunningApi) -> None:
    """Two processes' worth: another application over the same database and issuer, reached under the same name."""
    name, _ = newcomer(api, "abank")
    auth = api.auth(name)
    first = api.anonymous()
    httpx.Client(base_url=api.url, auth=auth).get(STATUS)

    def headers() -> dict[str, str]:
        return {
            "authorization": f"DPoP {auth._token}",
            "dpop": auth.proof("GET", api.url + PATH, auth._token),
        }

    with RunningApi(api.dsn, api.folder, {"api_url": api.url}) as other:
        second = other.anonymous()
        second.headers["host"] = f"127.0.0.1:{api.port}"
        assert second.get(STATUS, headers=headers()).status_code == 200, "it knows the token now"
        sent = headers()
        assert directly(api, lambda: first.get(STATUS, headers=sent)).status_code == 200
        for at, where in ((other, second), (api, first)):
            again = directly(at, lambda where=where: where.get(STATUS, headers=sent))  # type: ignore[misc]
            assert (again.status_code, again.json()["type"]) == (401, "urn:lianyun:problem:proof-replayed")
            assert logged(api, again) == []


def test_a_newer_registry_counts_for_the_next_question(api: RunningApi) -> None:
    bank = api.client("abank")
    bank.get(STATUS)
    with open_session(api.dsn, "lianyun-test") as session:
        code = f"new{secrets.token_hex(4)}"
        event = PartyAdded(
            code=code, name=code, roles=frozenset({Role.SHIPPER}), sources=frozenset({f"urn:test:{code}"})
        )
        commands.add_party(session, event, at=now(), by="test")
        session.commit()
        version = store.version(session)
    answer = bank.get(STATUS)
    assert answer.status_code == 200
    # The first attempt left no line, and the proof was good for the second.
    assert [line[6] for line in logged(api, answer)] == ["financing:abank/GD-1", "financing:abank/LN-1"]
    assert api.context.known_registry(version) is not None
    directly(api, lambda: bank.get(STATUS))


def test_the_answer_and_its_line_stand_or_fall_together(api: RunningApi) -> None:
    bank = api.client("abank")
    bank.get(STATUS)
    with psycopg.connect(api.dsn) as session:
        session.execute(
            "CREATE FUNCTION lianyun.no_status() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN IF NEW.route = '{PATH}' THEN RAISE EXCEPTION 'no room: secret'; END IF; RETURN NEW; END $$"
        )
        session.execute(
            "CREATE TRIGGER no_status BEFORE INSERT ON lianyun.access_log FOR EACH ROW "
            "EXECUTE FUNCTION lianyun.no_status()"
        )
    try:
        before = api.context.sessions.returned
        answer = bank.get(STATUS)
        assert (answer.status_code, answer.json()["type"]) == (500, "urn:lianyun:problem:internal")
        assert "secret" not in answer.text
        assert api.context.sessions.returned == before, "its session is of no more use"
    finally:
        with psycopg.connect(api.dsn) as session:
            session.execute("DROP TRIGGER no_status ON lianyun.access_log")
            session.execute("DROP FUNCTION lianyun.no_status()")
    assert directly(api, lambda: bank.get(STATUS)).status_code == 200


def test_a_session_that_was_ended_is_noticed_before_it_is_used(api: RunningApi) -> None:
    bank = api.client("abank")
    bank.get(STATUS)
    directly(api, lambda: bank.get(STATUS))
    idle = list(api.context.sessions._idle)
    pids = [session._pgconn.backend_pid for session in idle]
    assert pids
    api.rows("SELECT pg_terminate_backend(pid) FROM unnest(%s::int[]) pid", pids)
    until = time.monotonic() + 20
    while not all(session.broken for session in idle):
        assert time.monotonic() < until, "nobody notices"
        time.sleep(0.01)
    assert directly(api, lambda: bank.get(STATUS)).status_code == 200
    assert not {session._pgconn.backend_pid for session in api.context.sessions._idle} & {*pids}


def test_more_questions_than_sessions_wait_for_one_another(api: RunningApi) -> None:
    bank = api.client("abank")
    bank.get(STATUS)
    with ThreadPoolExecutor(3 * api.settings.api_sessions) as threads:
        answers = list(threads.map(lambda _: bank.get(STATUS), range(24)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.headers["x-request-id"] for answer in answers}) == 24
    assert api.context.sessions._opened <= api.settings.api_sessions
