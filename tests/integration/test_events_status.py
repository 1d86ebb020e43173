"""`lianyun events status`: an event on its way, accepted, refused and not sent, as its publisher sees it."""

from __future__ import annotations

import json
import sys
import time
import uuid
from pathlib import Path

import psycopg
import pytest
from kafka import KafkaAdminClient
from typer.testing import CliRunner

from schemas.events.base import Role
from schemas.schemes import Scheme
from services.cli.main import app
from services.ledger.registry import commands
from services.ledger.registry.events import PartyAdded
from services.ledger.registry.possession import proven
from services.processors.supervisor import Supervisor
from services.producers import profile
from services.testbed.localstack.engine import BrokerAddress, DatabaseAddress
from tests.support.databases import migrated_database
from tests.support.producers.partner import departed, write

pytestmark = pytest.mark.integration


def record(name: str, type_: str, **data: object) -> dict[str, object]:
    return {"id": name, "type": type_, "time": "2026-03-05T09:21:00Z", "data": data}


OPENED = record(
    "open-1", "cre.link.consignment_opened.v1", reference="R-1", **{"from": "2026-03-01T08:00:00+08:00"}
)
CERTIFIED = record(
    "cert-1",
    "cre.document.certificate_of_origin_issued.v1",
    classifier="ACT",
    happened="2026-03-05T09:00:00Z",
    objects=[{"kind": "consignment", "id": "ktz/R-1"}],
    document_id="CO-1",
    issue_date="2026-02-26",
    origin_country_code="CN",
)
"""What an authority says, and no operator."""


class Publisher:
    """An operator with a topic of its own, and its commands."""

    def __init__(self, broker: BrokerAddress, dsn: str, folder: Path) -> None:
        self.broker, self.dsn, self.folder = broker, dsn, folder
        self.topic = f"cre.operator.s{uuid.uuid4().hex[:8]}.v1"
        admin = KafkaAdminClient(bootstrap_servers=broker.bootstrap)
        options = {"message.timestamp.type": "LogAppendTime"}
        admin.create_topics(
            {self.topic: {"num_partitions": 2, "replication_factor": 1, "configs": options}},
            wait_for_metadata=True,
        )
        admin.close()
        who = profile.create("ktz", "urn:cre:ktz", self.topic, "demo", Scheme.ED25519)
        who.save(folder)
        added = PartyAdded(
            code="ktz", name="ktz", roles=frozenset({Role.OPERATOR}), sources=frozenset({"urn:cre:ktz"}),
            topics=frozenset({self.topic}),
        )  # fmt: skip
        now = time.time_ns() // 1_000
        with psycopg.connect(dsn) as session:
            commands.add_party(session, added, at=now, by="test")
            commands.add_key(session, "ktz", proven(who.key, "demo", "ktz"), at=now, by="test")

    def publish(self, *records: dict[str, object], **settings: str) -> None:
        file = write(self.folder / f"{uuid.uuid4().hex}.jsonl", *records)
        env = {"LIANYUN_BOOTSTRAP": self.broker.bootstrap, "LIANYUN_PARTNERS": str(self.folder), **settings}
        CliRunner().invoke(app, ["publish", "--as", "ktz", "--patience", "0", str(file)], env=env)

    def status(self, *more: str, dsn: str | None = None) -> dict[str, dict[str, object]]:
        env = {"LIANYUN_PARTNERS": str(self.folder), "LIANYUN_DSN": self.dsn if dsn is None else dsn}
        done = CliRunner().invoke(app, ["events", "status", "--as", "ktz", "--json", *more], env=env)
        assert done.exit_code == 0, (done.output, done.exception)
        return {each["id"]: each for each in json.loads(done.stdout)["events"]}

    def worker(self) -> Supervisor:
        settings = {
            "LIANYUN_BOOTSTRAP": self.broker.bootstrap, "LIANYUN_DSN": self.dsn, "LIANYUN_NETWORK": "demo",
            "LIANYUN_WORKER_TOPICS": self.topic, "LIANYUN_GROUP": self.topic,
        }  # fmt: skip
        command = (sys.executable, "-m", "services.processors")
        return Supervisor(settings, 1, logs=self.folder / "logs", command=command)


@pytest.fixture
def publisher(
    broker: BrokerAddress, postgres: DatabaseAddress, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Publisher:
    monkeypatch.setattr("services.cli.settings._running", dict)
    return Publisher(broker, migrated_database(postgres, f"status_{uuid.uuid4().hex[:12]}"), tmp_path)


def test_every_event_has_its_outcome_and_what_it_reaches(publisher: Publisher) -> None:
    publisher.publish(departed("dep-1"), OPENED, CERTIFIED)
    before = publisher.status()
    assert {each["outcome"] for each in before.values()} == {"pending"}
    assert f"no worker reads {publisher.topic}/" in str(before["open-1"]["detail"])
    assert before["open-1"]["remedy"] == "lianyun doctor"
    with publisher.worker():
        until = time.monotonic() + 60
        while "pending" in {each["outcome"] for each in publisher.status().values()}:
            assert time.monotonic() < until
            time.sleep(0.2)
    seen = publisher.status()
    assert {name: each["outcome"] for name, each in seen.items()} == {
        "dep-1": "parked", "open-1": "accepted", "cert-1": "refused",
    }  # fmt: skip
    assert "ROLE_NOT_ALLOWED" in str(seen["cert-1"]["detail"])
    assert all(seen[name]["remedy"] for name in ("cert-1", "dep-1"))
    assert len(seen["open-1"]["reaches"]) == 1, "the consignment that it founds"  # type: ignore[arg-type]
    assert publisher.status("--outcome", "refused").keys() == {"cert-1"}
    assert list(publisher.status("--limit", "1")) == list(seen)[:1]


def test_what_waits_and_what_this_machine_cannot_know(publisher: Publisher) -> None:
    publisher.publish(OPENED)
    publisher.publish(departed("dep-1"), LIANYUN_BOOTSTRAP="127.0.0.1:9")
    seen = publisher.status(dsn="")
    assert {name: each["outcome"] for name, each in seen.items()} == {
        "open-1": "published",
        "dep-1": "waiting",
    }
    assert publisher.status()["dep-1"]["outcome"] == "waiting"
