"""The process that answers other platforms: each within its budget, nothing read beyond it, and seen by metrics and health."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import psycopg
import pytest

from schemas.events.base import Role
from services.cli.checks.database import documents
from services.documents.pint import store
from services.documents.pint.registers import Identity, Unreachable, read_key
from services.documents.pint.store import Transfer, TransferState
from services.financing.store.keys import make_keys, prepare
from services.ledger.registry import commands
from services.ledger.registry.events import PartyAdded
from services.ledger.storage.session import open_session
from services.runtime.ports import free_port
from services.testbed.localstack.engine import DatabaseAddress
from services.testbed.localstack.exchange import LocalExchange
from services.testbed.localstack.platform import RunningPlatform
from tests.support.databases import migrated_database
from tests.support.pint_platforms import PDF, Instance, acquaint, answering, bill, sent

pytestmark = pytest.mark.integration
ENVELOPES, REQUESTS = 3, 30


@dataclass(frozen=True)
class Addresses:
    dsn: str
    bootstrap: str = ""


@dataclass
class World:
    """The process, a session on its database, and another platform that sends to it."""

    exchange: LocalExchange
    metrics: str
    session: psycopg.Connection[tuple[object, ...]]
    there: Instance
    here: Instance

    def start(self, files: int = 0) -> Transfer:
        return self.there.sender.start(
            self.there.session, sent(bill(self.there), self.there, self.here, files=files)
        )

    def deliver(self, transfer: Transfer) -> TransferState:
        return self.there.sender.deliver(self.there.session, transfer)


@pytest.fixture
def world(postgres: DatabaseAddress, tmp_path: Path) -> Iterator[World]:
    dsn, port = migrated_database(postgres, "exchange_here"), free_port()
    keys = tmp_path / "financing-keys.json"
    with open_session(dsn, "lianyun-test") as session:
        prepare(session, make_keys(keys), "demo", 1, "test")
        user = PartyAdded(
            code="duisport", name="Duisport", roles=frozenset({Role.TERMINAL}), sources=frozenset({"urn:d"})
        )
        commands.add_party(session, user, at=1, by="test")
        session.commit()
    environment = {
        "LIANYUN_EXCHANGE_PLATFORM_RATE": str(ENVELOPES),
        "LIANYUN_EXCHANGE_RATE": str(REQUESTS),
        "LIANYUN_EXCHANGE_RATE_WINDOW": "600",
        "LIANYUN_EXCHANGE_TICK": "0.2",
        "LIANYUN_METRICS_PORT": str(port),
    }
    platform = RunningPlatform(Addresses(dsn), "demo")  # type: ignore[arg-type]
    with LocalExchange(platform, keys, tmp_path, tmp_path, environment=environment) as exchange:
        own = Identity("LYUN", f"{exchange.url}/register/v1", read_key(tmp_path / exchange.KEY))
        here = Instance("LYUN", dsn, key=own.key, port=int(exchange.url.rpartition(":")[2]))
        there = Instance("WAVE", migrated_database(postgres, "exchange_there"))
        acquaint(here, there)
        with answering(there):
            yield World(exchange, f"http://127.0.0.1:{port}", here.session, there, here)
        here.close()
        there.close()


def test_each_platform_is_answered_within_its_budget_and_loses_nothing_beyond_it(world: World) -> None:
    accepted = [world.start(files=1) for _ in range(ENVELOPES)]
    assert {world.deliver(each) for each in accepted} == {TransferState.ACCEPTED}
    beyond = world.start()
    with pytest.raises(Unreachable, match="429 unsigned"):
        world.deliver(beyond)
    assert store.transfer(world.session, beyond.entry) is None
    answer = httpx.post(f"{world.exchange.url}/v3/envelopes", json=beyond.envelope.json_object())
    assert (answer.status_code, answer.json()["statusCode"]) == (429, 429)
    assert int(answer.headers["retry-after"]) > 1
    assert [each.state for each in store.pending(world.there.session, True)] == [TransferState.PENDING]

    url = f"{world.exchange.url}/v3/envelopes"
    assert httpx.post(url, content=b" " * (5 << 20)).status_code == 413
    unknown = httpx.put(f"{url}/{'0' * 64}/additional-documents/{'0' * 64}", content=PDF)
    assert unknown.status_code == 404
    assert httpx.get(f"{world.exchange.url}/v3/envelopes", headers={"host": "other"}).status_code == 421

    register = f"{world.exchange.url}/register/v1/documents/{'0' * 64}"
    statuses = [httpx.get(register).status_code for _ in range(REQUESTS)]
    assert statuses[0] == 404
    assert statuses[-1] == 429
    assert statuses == sorted(statuses), "from the first one beyond the budget on, all are refused"
    for path in ("live", "ready"):
        assert httpx.get(f"{world.exchange.url}/health/{path}").json()["ok"] is True
        assert httpx.get(f"{world.metrics}/health/{path}").json()["ok"] is True
    shown = httpx.get(f"{world.metrics}/metrics").text
    counted = dict(re.findall(r"^(lianyun_exchange_\w+(?:{.*})?) (\S+)$", shown, re.MULTILINE))
    assert float(counted['lianyun_exchange_rate_limited_total{by="platform"}']) == 2
    assert float(counted['lianyun_exchange_rate_limited_total{by="address"}']) == statuses.count(429)
    answered = 'lianyun_exchange_requests_total{route="/v3/envelopes",status="%s"}'
    assert [float(counted[answered % status]) for status in (201, 200)] == [1, ENVELOPES - 1], (
        "one lacked the file"
    )
    assert float(counted[answered % 429]) == 2
    assert counted['lianyun_exchange_waiting{direction="in"}'] == "0.0"


def test_what_was_sent_is_repeated_by_the_process_itself(world: World) -> None:
    """A transfer of this platform waits, is counted, and is settled once the other one answers."""
    document = bill(world.here)
    platform = replace(world.there.registers.own.platform, url=world.there.url)
    store.put_platform(world.session, platform, 1, "test")
    world.there.users.add("xianport")
    out = world.here.sender.start(world.session, sent(document, world.here, world.there, to="xianport"))
    until = time.monotonic() + 20
    while True:
        found = store.transfer(world.session, out.entry)
        if found is not None and found.state is TransferState.ACCEPTED:
            break
        assert time.monotonic() < until
        time.sleep(0.1)


def test_the_doctor_names_what_has_been_on_its_way_for_long(postgres: DatabaseAddress) -> None:
    here, there = (Instance(n, migrated_database(postgres, f"on_way_{n.lower()}")) for n in ("LYUN", "WAVE"))
    acquaint(here, there)
    here.sender.start(here.session, sent(bill(here), here, there))
    began = store.waiting(here.session)[True][1] / 1e6
    soon, late = (documents(here.session, began + days * 86_400) for days in (0.9, 1.1))
    assert (soon.ok, late.ok, late.found[:6]) == (True, False, "1 sent")
    for each in (here, there):
        each.close()
