"""The API in front of the run's Kafka and Postgres with a real worker behind, a topic of its own, and partners who sign."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson
import psycopg
import pytest
from kafka.admin import KafkaAdminClient

from schemas.envelope import SIGNATURE_HEADER, Envelope, signed_bytes
from schemas.events.base import Role
from schemas.signing import Scheme, SigningKey, sign
from services.ledger.registry import commands
from services.ledger.registry.events import PartyAdded
from services.ledger.registry.possession import proven
from services.processors.supervisor import Supervisor
from services.testbed.localstack.engine import Servers
from tests.support.api.server import RunningApi
from tests.support.databases import migrated_database

NETWORK = "demo"


@dataclass
class Partner:
    """A registered party with a key of its own."""

    code: str
    key: SigningKey = field(default_factory=lambda: SigningKey.generate(Scheme.ED25519))

    @property
    def source(self) -> str:
        return f"urn:cre:{self.code}"

    def register(self, dsn: str, *roles: Role) -> None:
        now = time.time_ns() // 1_000
        party = PartyAdded(
            code=self.code,
            name=self.code,
            roles=frozenset(roles),
            sources=frozenset({self.source}),
            topics=frozenset(),
        )
        key = proven(self.key, NETWORK, self.code)
        with psycopg.connect(dsn) as session:
            commands.add_party(session, party, at=now, by="test")
            commands.add_key(session, self.code, key, at=now, by="test")

    def arrived(self, id_: str, **changes: Any) -> dict[str, Any]:
        """A structured event about a box; ``changes`` are to its payload."""
        data = {
            "salt": "00" * 16,
            "classifier": "ACT",
            "happened": "2026-03-05T14:20:00+05:00",
            "place": "railnet:dostyk",
            "objects": [{"kind": "container", "id": "CSQU3054383"}],
            **changes,
        }
        return self.event(id_, "cre.movement.arrived.v1", data)

    def event(self, id_: str, type_: str, data: dict[str, Any], network: str = NETWORK) -> dict[str, Any]:
        attributes = {
            "specversion": "1.0",
            "source": self.source,
            "id": id_,
            "type": type_,
            "time": "2026-03-05T09:21:00Z",
            "datacontenttype": "application/json",
        }
        signature = sign(self.key, signed_bytes(network, Envelope(**attributes), orjson.dumps(data)))
        return {**attributes, "lianyunsignature": signature, "data": data}

    def opened(self, reference: str, *containers: str) -> dict[str, Any]:
        data = {
            "salt": "00" * 16,
            "from": "2026-03-01T00:00:00Z",
            "reference": reference,
            "containers": list(containers),
            "parties": [],
        }
        return self.event(f"open-{reference}", "cre.link.consignment_opened.v1", data)


def as_binary(event: dict[str, Any]) -> tuple[dict[str, str], bytes]:
    """The same event in binary mode."""
    headers = {f"ce-{name}": event[name] for name in ("specversion", "source", "id", "type", "time")} | {
        "content-type": event["datacontenttype"],
        SIGNATURE_HEADER: event["lianyunsignature"],
    }
    return headers, orjson.dumps(event["data"])


@dataclass
class Gateway:
    """A running API over the topic ``topic``; ``worker()`` is a real worker behind it."""

    servers: Servers
    dsn: str
    topic: str
    folder: Path
    partners: dict[str, Partner]
    api: RunningApi
    group: str = field(default_factory=lambda: f"gw-{uuid4().hex[:8]}")

    def worker(self) -> Supervisor:
        settings = {
            "LIANYUN_BOOTSTRAP": self.servers.bootstrap,
            "LIANYUN_DSN": self.dsn,
            "LIANYUN_WORKER_TOPICS": self.topic,
            "LIANYUN_TOPICS": str(self.folder / "topics.toml"),
            "LIANYUN_GROUP": self.group,
            "LIANYUN_SESSION_TIMEOUT": "6",
            "LIANYUN_HEARTBEAT": "1",
            "LIANYUN_NETWORK": NETWORK,
        }
        return Supervisor(settings, 1, logs=self.folder / "logs")

    def await_worker(self) -> None:
        """Until a worker reads the topic: from then on outcomes come within moments."""
        until = time.monotonic() + 90
        while time.monotonic() < until:
            if self.api.rows("SELECT 1 FROM lianyun.kafka_offset WHERE topic = %s", self.topic):
                return
            time.sleep(0.1)
        raise AssertionError("no worker reads the topic")

    def post(self, code: str, event: Any, *, wait: int = 0, media: str = "", **headers: str) -> Any:
        batch = isinstance(event, list)
        told = {
            "content-type": media or f"application/cloudevents{'-batch' if batch else ''}+json",
            **({"prefer": f"wait={wait}"} if wait else {}),
            **headers,
        }
        return self.api.client(code).post("/v1/events", content=orjson.dumps(event), headers=told)


def declaration(topic: str) -> str:
    return (
        '[defaults]\npartitions = 2\nreplication_factor = 1\n[defaults.config]\n"message.timestamp.type" = "LogAppendTime"\n'
        f'[[topics]]\nname = "{topic}"\npartner = "gateway"\nparties = []\n'
    )


def opening(stack: Servers, folder: Path, **told: Any) -> Gateway:
    mark = uuid4().hex[:8]
    topic, dsn = f"cre.gateway-{mark}.v1", migrated_database(stack.database, f"gateway_{mark}")
    (folder / "topics.toml").write_text(declaration(topic), encoding="utf-8")
    admin = KafkaAdminClient(bootstrap_servers=stack.bootstrap)
    options = {"message.timestamp.type": "LogAppendTime"}
    admin.create_topics(
        {topic: {"num_partitions": 2, "replication_factor": 1, "configs": options}}, wait_for_metadata=True
    )
    admin.close()
    partners = {code: Partner(code) for code in ("ktz", "xaport", "gacc")}
    for partner, role in zip(partners.values(), (Role.RAILWAY, Role.OPERATOR, Role.CUSTOMS), strict=True):
        partner.register(dsn, role)
    settings = {"bootstrap": stack.bootstrap, "network": NETWORK, "api_topic": topic, **told}
    return Gateway(stack, dsn, topic, folder, partners, RunningApi(dsn, folder, settings))


@pytest.fixture(scope="module")
def gateway(stack: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """With a worker that runs."""
    found = opening(stack, tmp_path_factory.mktemp("gateway"))
    with found.api, found.worker():
        found.await_worker()
        yield found


@pytest.fixture
def alone(stack: Servers, tmp_path: Path) -> Iterator[Callable[..., Gateway]]:
    """Without a worker, with settings of the test's own."""
    opened: list[Gateway] = []

    def begin(**told: Any) -> Gateway:
        opened.append(opening(stack, tmp_path, **told))
        opened[-1].api.__enter__()
        return opened[-1]

    yield begin
    for each in opened:
        each.api.__exit__(None, None, None)
