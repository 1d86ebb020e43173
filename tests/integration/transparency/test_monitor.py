"""Monitors: what a party did not say, a registry that nobody signed, and one log shown as two."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from psycopg_pool import ConnectionPool
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from typer.testing import CliRunner

from schemas.envelope import content_digest, event_id, read_headers, signed_bytes
from services.cli.exits import Exit, Failure
from services.cli.transparency import app as command
from services.ledger.audit_trail.entries import enter
from services.ledger.registry import store, trust
from services.ledger.storage.session import Session, open_session
from services.producers.spool import Message, Spool
from services.testbed.demo.transparency import fork
from services.testbed.localstack.engine import DatabaseAddress
from services.testbed.localstack.transparency import served
from services.transparency.domain.policy import Policy
from services.transparency.mirror import Mirror
from services.transparency.monitor import Alert, AlertKind, Monitor, Owner
from services.transparency.server import create_app
from services.transparency.store import log
from tests.integration.registry.test_signed_registry import (
    ROOT,
    applied,
    appointed,
    by,
    customs,
    pair,
    proposal,
)
from tests.integration.transparency.test_log_store import SIGNER, catch_up
from tests.stories.story import NETWORK, Story, stories
from tests.support.databases import migrated_database
from tests.support.signed_stories import Desk, key_of, record, register, signed

pytestmark = pytest.mark.integration
POLICY = f"log {SIGNER.verifier}\nquorum none\n"


@pytest.fixture
def dsn(
    postgres: DatabaseAddress,
    told: list[Story],
    tmp_path: Path,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> str:
    fresh = migrated_database(postgres, "monitor_" + str(abs(hash(request.node.name)) % 10**8))
    with psycopg.connect(fresh) as session:
        register(session, told)
    (tmp_path / "root.json").write_text(ROOT.model_dump_json())
    monkeypatch.setenv(trust.ROOT, str(tmp_path / "root.json"))
    return fresh


@pytest.fixture(scope="module")
def told() -> list[Story]:
    return [each for each in stories() if each.slug[:2] in ("01", "08")]


@pytest.fixture
def session(dsn: str) -> Iterator[Session]:
    with open_session(dsn) as opened:
        opened.autocommit = True
        with opened.transaction():
            appointed(opened)
        applied(opened, by(proposal(opened, customs()), "admin-cn", "admin-kz"))
        log.create(opened, SIGNER, 1)
        yield opened


@pytest.fixture
def client(dsn: str, session: Session) -> Iterator[httpx.Client]:
    assert session
    with (
        ConnectionPool[Session](dsn, min_size=1, max_size=2, kwargs={"autocommit": True}) as pool,
        served(create_app(pool, cosigned=False)) as base,
        httpx.Client(base_url=base, trust_env=False) as opened,
    ):
        yield opened


def spooled(path: Path, records: list[Any]) -> None:
    """What a party's publisher has on disk of what it signed."""
    messages = []
    for each in records:
        envelope, _ = read_headers(each.headers)
        text = signed_bytes(NETWORK, envelope, each.value)
        id_ = event_id(envelope.source, envelope.id)
        messages.append(Message(id_, content_digest(text), each.topic, b"", tuple(each.headers), each.value))
    with Spool(path) as spool:
        spool.put(messages)


def test_a_party_is_alerted_on_what_it_did_not_sign(
    dsn: str,
    session: Session,
    client: httpx.Client,
    told: list[Story],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    events = [each for story in told for each in story.told]
    party = events[0].party
    own = [record(each, number) for number, each in enumerate(events)]
    ours = [one for one, each in zip(own, events, strict=True) if each.party == party]
    spooled(tmp_path / "own.spool", ours[1:])
    desk = Desk(dsn)
    desk.apply(own[1:])
    catch_up(session)
    owner = Owner(NETWORK, party, frozenset({key_of(party).key_id}), (tmp_path / "own.spool",))
    heard: list[Alert] = []
    trusted = Policy.parse(POLICY.encode())
    watching = Monitor(Mirror(tmp_path / "m", trusted), tmp_path / "m", owner, ROOT, heard.append)
    first = watching.step(client)
    assert heard == []
    assert first.chain is not None
    assert first.chain.registry == store.load(session)
    # Somebody has the key: an event that the owner's spool does not hold, and another content under the id of one that it does.
    envelope, _ = read_headers(ours[1].headers)
    other = json.loads(ours[1].value) | {"remark": "other"}
    desk.apply([own[0]._replace(offset=len(own))])
    desk.apply([signed(party, envelope, json.dumps(other).encode(), len(own) + 1)])
    catch_up(session)
    second = watching.step(client)
    assert [each.kind for each in second.new][:1] == [AlertKind.OWN_KEY]
    assert tuple(heard) == second.new == second.alerts
    assert watching.step(client).new == ()
    # Whoever knows an event and none of its keys sees the other content under its id.
    cargo = Monitor(
        Mirror(tmp_path / "c", trusted),
        tmp_path / "c",
        Owner(NETWORK, spools=owner.spools),
        None,
        heard.append,
    )
    accepted = len(session.execute("SELECT FROM lianyun.body").fetchall())
    kinds = [each.kind for each in cargo.step(client).new]
    assert kinds == [AlertKind.OWN_CARGO] * (accepted - len(events))
    assert kinds
    # The same as a command.
    (tmp_path / "policy").write_text(POLICY)
    monkeypatch.setenv("LIANYUN_NETWORK", NETWORK)
    words = [
        "monitor",
        str(client.base_url),
        "--to",
        str(tmp_path / "x"),
        "--policy",
        str(tmp_path / "policy"),
    ]
    words += ["--spool", str(tmp_path / "own.spool"), "--key", key_of(party).key_id, "--json"]
    done = CliRunner().invoke(command, words)
    assert isinstance(done.exception, Failure)
    assert done.exception.code == Exit.FINDINGS
    shown = json.loads(done.stdout)
    assert {each["kind"] for each in shown["new"]} == {"OWN_KEY"}
    assert shown["registry"]["statements"] == 2
    again = CliRunner().invoke(command, words)
    assert again.exit_code == Exit.OK
    assert json.loads(again.stdout)["new_entries"] == 0


def test_a_registry_that_nobody_signed_is_seen_from_outside(
    session: Session, client: httpx.Client, tmp_path: Path
) -> None:
    catch_up(session)
    trusted = Policy.parse(POLICY.encode())

    def alerts(name: str, at: httpx.Client = client, steps: int = 1) -> list[str]:
        owner = Owner(NETWORK, "gacc", frozenset({pair("gacc").key_id}))
        watching = Monitor(Mirror(tmp_path / name, trusted), tmp_path / name, owner, ROOT, lambda _: None)
        for _ in range(steps):
            looked = watching.step(at)
        return [each.text for each in looked.alerts]

    assert alerts("sound") == []
    found = client.get("/registry").json()
    changed = json.loads(json.dumps(found))
    changed["statements"][1]["signatures"].pop()
    missing = {**found, "statements": found["statements"][:1]}
    renamed = json.loads(json.dumps(found))
    renamed["taken_over"][0]["event"]["name"] = "Other"

    def shown(body: Any) -> list[str]:
        def registry(_request: Request) -> Response:
            return Response(json.dumps(body))

        def rest(request: Request) -> Response:
            answer = client.get(request.url.path)
            return Response(answer.content, answer.status_code)

        routes = [Route("/registry", registry), Route("/{path:path}", rest)]
        with served(Starlette(routes=routes)) as base, httpx.Client(base_url=base, trust_env=False) as theirs:
            return alerts(f"shown {abs(hash(json.dumps(body)))}", theirs)

    assert "needs 2" in "".join(shown(changed))
    assert "is not served" in "".join(shown(missing))
    assert "not those that the root took over" in "".join(shown(renamed))
    # An insider's event, entered as the platform enters one, and a key for the owner.
    with session.transaction():
        version = store.version(session) + 1
        body = {"kind": "party_added", "code": "fake"}
        enter(session, "registry_event", version, {"kind": "party_added", "at": 1, "by": "me", "body": body})
    catch_up(session)
    assert "changes of the registry" in "".join(alerts("sound", steps=2))


def test_two_banks_that_were_shown_two_histories_find_it(tmp_path: Path) -> None:
    outcome = fork(lambda _text: None)
    assert outcome["detected"]
    assert "monitors" in outcome["noticed_by"]
    assert len(set(outcome["evidence"])) == 2
    for number, text in enumerate(outcome["evidence"]):
        (tmp_path / str(number)).write_text(text)
