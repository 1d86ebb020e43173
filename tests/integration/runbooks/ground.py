"""What a walk through a runbook stands on: a database, a topic, a partner with events, and the operator's settings."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg

from schemas.events.base import Role
from schemas.identifiers import iso6346
from schemas.schemes import Scheme
from services.domain.view import View
from services.ledger.registry import commands
from services.ledger.registry.events import PartyAdded
from services.ledger.registry.possession import proven
from services.ledger.storage.migrate import migrate
from services.processors.topics.cluster import apply
from services.processors.topics.declaration import read_declaration
from services.producers import profile, publisher
from services.producers.intake import Intake
from services.producers.spool import Spool
from services.query.views import read_view
from tests.support.launcher import lianyun

AS_OF = 1_760_000_000_000_000
"""The moment as of which views are compared: after every event of the partner."""
_TOPICS = """\
[defaults]
partitions = 2
replication_factor = 1

[defaults.config]
"message.timestamp.type" = "LogAppendTime"

[[topics]]
name = "{topic}"
partner = "A railway that walks"
parties = ["ktz"]
"""


class Ground:
    """One partner, ``ktz``, that founds a consignment per container and says where it is; everything else is the page's.

    ``dsn`` may change, as the platform's does when a database is restored elsewhere.
    """

    def __init__(self, bootstrap: str, dsn: str, folder: Path) -> None:
        self.bootstrap, self.dsn, self.folder = bootstrap, dsn, folder
        self.mark = uuid.uuid4().hex[:8]
        self.topic = f"cre.walk.{self.mark}.v1"
        self.published = 0
        self.declaration = folder / "topics.toml"
        self.declaration.write_text(_TOPICS.format(topic=self.topic))

    def environment(self, **more: str) -> dict[str, str]:
        """The settings of an operator, and of workers who are not waited for long."""
        return {
            "HOME": str(self.folder),
            "USER": "night-shift",
            "LIANYUN_BOOTSTRAP": self.bootstrap,
            "LIANYUN_DSN": self.dsn,
            "LIANYUN_TOPICS": str(self.declaration),
            "LIANYUN_GROUP": f"walk-{self.mark}",
            # On a busy machine a heartbeat or the renewal of a slot takes seconds, and nobody starts a worker again here.
            "LIANYUN_SESSION_TIMEOUT": "15",
            "LIANYUN_HEARTBEAT": "1",
            "LIANYUN_EXAMINE_EVERY": "1",
            "LIANYUN_SLOT_LEASE": "60",
            **more,
        }

    def found(self) -> None:
        """Make topic, schema and partner; the key counts from the beginning of time."""
        migrate(self.dsn)
        apply(self.bootstrap, read_declaration(self.declaration))
        who = profile.create("ktz", "urn:cre:ktz", self.topic, "demo", Scheme.ED25519_BATCH)
        who.save(self.folder / ".lianyun" / "partners")
        added = PartyAdded(
            code="ktz", name="ktz", roles=frozenset({Role.RAILWAY, Role.OPERATOR}), managers=frozenset({"ktz"}),
            sources=frozenset({"urn:cre:ktz"}), topics=frozenset({self.topic}),
        )  # fmt: skip
        key = proven(who.key, "demo", "ktz")
        now = time.time_ns() // 1_000
        with psycopg.connect(self.dsn) as session:
            commands.add_party(session, added, at=now, by="walk")
            commands.add_key(session, "ktz", key, at=now, by="walk")

    def records(self, name: str, count: int, suffix: str = "") -> Path:
        """Write ``count`` new records: foundings and departures by turns; returns the file."""
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        lines = [_record(self.published + n, suffix) for n in range(count)]
        self.published += count
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
        return path

    def publish(self, count: int, name: str = "") -> Path:
        """Publish ``count`` new records as the partner does; returns their file once all are acknowledged."""
        path = self.records(name or f"part-{self.published}.jsonl", count)
        assert self.send(path) == count
        return path

    def send(self, path: Path) -> int:
        """What `lianyun publish` does with a file, without a process of its own; returns how many were acknowledged."""
        partners = self.folder / ".lianyun" / "partners"
        with Spool(partners / "ktz.spool", patience=10.0) as waiting:
            intake = Intake(profile.load(partners, "ktz"), waiting, format="", amend=False, whole=False)
            intake.path(path)
            intake.close()
            return publisher.drain(waiting, self.bootstrap, patience=120.0)

    def run(self, *arguments: str, code: int = 0, **environment: str) -> str:
        """What ``lianyun ARGUMENTS`` prints, in the folder of the walk."""
        env = {"PATH": "/usr/bin:/bin", **self.environment(**environment)}
        done = lianyun(*arguments, env=env, cwd=self.folder, timeout=300)
        assert done.returncode == code, f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        """The rows of a statement."""
        with psycopg.connect(self.dsn) as session:
            return session.execute(statement.encode()).fetchall()

    def stored(self) -> int:
        """How many events are accepted."""
        return int(self.query("SELECT count(*) FROM lianyun.body")[0][0])

    def until(self, done: Callable[[], bool], what: str, seconds: float = 180.0) -> None:
        """Wait for ``what``; fails with what ran beside."""
        end = time.monotonic() + seconds
        while not done():
            beside = self.folder / "beside.log"
            told = beside.read_text()[-4_000:] if beside.exists() else ""
            assert time.monotonic() < end, f"no {what}; {self.query('TABLE lianyun.kafka_offset')}\n{told}"
            time.sleep(0.1)

    def applied(self, count: int | None = None) -> None:
        """Wait until all that was published, or ``count`` events, are accepted."""
        wanted = self.published if count is None else count
        self.until(lambda: self.stored() >= wanted, f"{wanted} events")
        assert self.stored() == wanted, "nothing is applied twice"

    def state(self) -> dict[str, tuple[Any, View | None]]:
        """Each event with its bytes' digest, and the view of each consignment: what must come out the same, however it came about."""
        with psycopg.connect(self.dsn) as session:
            events = session.execute("SELECT id, content FROM lianyun.body ORDER BY 1, 2").fetchall()
            heads = session.execute("SELECT cons FROM lianyun.head WHERE founded ORDER BY 1").fetchall()
            told = {name: read_view(session, name.bytes, AS_OF) for (name,) in heads}
        views = {str(name): (None, each and each.view) for name, each in told.items()}
        return {**{str(id_): (content, None) for id_, content in events}, **views}


def box(number: int) -> str:
    """A container number with its check digit."""
    first = f"CSQU{number:06}"
    return first + iso6346.check_digit(first)


def _record(number: int, suffix: str) -> dict[str, Any]:
    container, moment = box(number // 2), f"2025-09-{1 + number % 28:02}T09:00:00+05:00"
    if number % 2 == 0:
        data: dict[str, Any] = {
            "reference": f"W-{number}",
            "from": "2025-08-01T09:00:00+05:00",
            "containers": [container],
        }
        kind = "cre.link.consignment_opened.v1"
    else:
        where = {"place": "railnet:dostyk", "objects": [{"kind": "container", "id": container}]}
        data = {"classifier": "ACT", "happened": moment, **where}
        kind = "cre.movement.departed.v1"
    return {"id": f"walk-{number}{suffix}", "type": kind, "time": moment, "data": data}
