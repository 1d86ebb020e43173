"""Each finding of `lianyun doctor`, on a real broker and a real database that have it, and none where all is well."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
import pytest
from kafka import KafkaProducer
from kafka.admin import ConfigResource, ConfigResourceType
from typer.testing import CliRunner

from schemas.events.base import Role
from schemas.schemes import Scheme
from schemas.signing import SigningKey
from services.cli.checks import broker as broker_checks
from services.cli.checks import database, workers
from services.cli.checks.check import Check
from services.cli.main import app
from services.ledger.registry import commands, store
from services.ledger.registry.events import PartyAdded
from services.ledger.registry.possession import proven
from services.ledger.storage.claims import AssignedPartition, claim_partitions
from services.ledger.storage.ledger_protocol import Claim, Mark, PartitionId
from services.ledger.storage.session import open_session
from services.processors.log_identity import LogState
from services.processors.slots import take
from services.processors.topics.cluster import admin_client, apply
from services.processors.topics.declaration import Declaration, Defaults, Topic
from services.runtime.ports import free_port
from services.testbed.localstack.api import SANDBOX
from services.testbed.localstack.engine import BrokerAddress, DatabaseAddress
from tests.support.databases import migrated_database

pytestmark = pytest.mark.integration

DAY = 86_400_000_000
Look = Callable[[], dict[str, Check]]


def finding(check: Check, says: str, mend: str) -> None:
    assert not check.ok, check
    assert says in check.found
    assert mend in check.mend


@pytest.fixture
def declaration() -> Declaration:
    defaults = Defaults(
        partitions=2,
        replication_factor=1,
        config={"message.timestamp.type": "LogAppendTime", "retention.ms": "9999"},
    )
    topics = tuple(
        Topic(name=f"cre.doctor.{name}{uuid.uuid4().hex[:8]}.v1", partner=name, parties=(name,))
        for name in ("a", "b")
    )
    return Declaration(defaults=defaults, topics=topics)


# --- the broker -----------------------------------------------------------------------------------------------------


@pytest.fixture
def asked(broker: BrokerAddress, declaration: Declaration) -> Look:
    return lambda: {c.name: c for c in broker_checks.look(broker.bootstrap, declaration, "demo")}


def test_a_broker_as_declared_has_no_finding(
    broker: BrokerAddress, declaration: Declaration, asked: Look
) -> None:
    apply(broker.bootstrap, declaration)
    assert [check for check in asked().values() if not check.ok] == []


def test_topics_that_are_missing_or_not_as_declared(
    broker: BrokerAddress, declaration: Declaration, asked: Look
) -> None:
    first, second = declaration.names()
    apply(broker.bootstrap, declaration.model_copy(update={"topics": declaration.topics[:1]}))
    finding(asked()["topics"], f"1 of 2 are missing: {second}", "lianyun topics apply")
    with admin_client(broker.bootstrap) as admin:
        wrong = {"message.timestamp.type": "CreateTime"}
        admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, first, wrong)])
        until = time.monotonic() + 60
        while asked()["topic settings"].ok and time.monotonic() < until:
            time.sleep(0.05)
    finding(asked()["topic settings"], "message.timestamp.type", "lianyun topics plan")


def test_a_topic_with_more_partitions_than_declared(
    broker: BrokerAddress, declaration: Declaration, asked: Look
) -> None:
    more = declaration.model_copy(
        update={"defaults": declaration.defaults.model_copy(update={"partitions": 3})}
    )
    apply(broker.bootstrap, more)
    finding(asked()["topic settings"], "3 partitions, 2 are declared", "lianyun topics plan")


def test_a_broker_that_advertises_an_address_where_nobody_answers(
    broker: BrokerAddress, declaration: Declaration
) -> None:
    class Behind:
        """The broker as clients see it through a port that was published under another number."""

        def __init__(self, admin: object) -> None:
            self._admin = admin
            self.nowhere = free_port()

        def describe_cluster(self) -> dict[str, object]:
            return {"brokers": [{"host": "127.0.0.1", "port": self.nowhere}]}

        def __getattr__(self, name: str) -> object:
            return getattr(self._admin, name)

    @contextmanager
    def connect(bootstrap: str, security: object) -> Iterator[Behind]:
        assert security is None
        with admin_client(bootstrap) as admin:
            yield Behind(admin)

    checks = {c.name: c for c in broker_checks.look(broker.bootstrap, declaration, "demo", connect=connect)}
    finding(checks["brokers"], "nothing answers at 127.0.0.1:", "advertised.listeners")


def test_a_broker_without_access_rules_will_not_do_in_production(
    broker: BrokerAddress, declaration: Declaration
) -> None:
    checks = {c.name: c for c in broker_checks.look(broker.bootstrap, declaration, "prod")}
    finding(checks["access rules"], "everyone may write everywhere", "lianyun topics apply --access")


# --- the database ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def postgres(durable_postgres: DatabaseAddress) -> DatabaseAddress:
    return durable_postgres


@pytest.fixture
def dsn(postgres: DatabaseAddress) -> str:
    return migrated_database(postgres, f"doctor_{uuid.uuid4().hex[:12]}")


@pytest.fixture
def session(dsn: str) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    with psycopg.connect(dsn, autocommit=True) as connection:
        yield connection


@pytest.fixture
def stored(session: psycopg.Connection[tuple[object, ...]]) -> Look:
    return lambda: {c.name: c for c in database.look(session)}


def member(dsn: str, topic: str, *windows: tuple[int, int | None], code: str = "ktz") -> list[str]:
    """Register a party whose keys have the windows, in days from now; returns the keys' ids."""
    now = time.time_ns() // 1_000
    ids = []
    with psycopg.connect(dsn) as session:
        added = PartyAdded(
            code=code,
            name=code,
            roles=frozenset({Role.RAILWAY}),
            sources=frozenset({f"urn:test:{code}"}),
            topics=frozenset({topic}),
        )
        commands.add_party(session, added, at=now, by="test")
        for number, (start, end) in enumerate(windows):
            key = SigningKey(Scheme.ED25519, bytes([number + 1]) * 32)
            until = None if end is None else now + end * DAY
            window = proven(key, "demo", code, not_before=now + start * DAY, not_after=until)
            commands.add_key(session, code, window, at=now, by="test")
            ids.append(key.key_id)
    return ids


def test_a_database_as_it_should_be_has_no_finding(dsn: str, stored: Look, declaration: Declaration) -> None:
    member(dsn, declaration.names()[0], (-1, None))
    assert [check for check in stored().values() if not check.ok] == []


def test_an_empty_database(postgres: DatabaseAddress) -> None:
    with psycopg.connect(postgres.fresh_database("doctor_empty"), autocommit=True) as session:
        checks = {c.name: c for c in database.look(session)}
    finding(checks["migrations"], "to apply: 0027_baseline", "lianyun db migrate")
    assert "fold version" not in checks


def test_a_schema_that_is_behind_or_was_changed(
    session: psycopg.Connection[tuple[object, ...]], stored: Look
) -> None:
    session.execute(
        "DELETE FROM lianyun.migration WHERE number >= (SELECT max(number) FROM lianyun.migration WHERE phase = 'before')"
    )
    finding(stored()["migrations"], "1 to apply", "lianyun db migrate")
    session.execute(
        "INSERT INTO lianyun.migration (number, name, checksum, phase) VALUES (9000, '9000_later', '', 'after')"
    )
    finding(stored()["migrations"], "9000_later", "use a newer one")
    session.execute("UPDATE lianyun.migration SET checksum = 'another' WHERE number = 27")
    finding(stored()["migrations"], "was changed after it was applied", "restore the migration files")


def test_what_comes_after_a_deployment_is_no_finding_and_tells_who_is_in_its_way(
    dsn: str, session: psycopg.Connection[tuple[object, ...]], stored: Look
) -> None:
    session.execute("DELETE FROM lianyun.migration WHERE number = 33")
    with open_session(dsn, "lianyun-api"):
        assert stored()["migrations"].ok
        assert "(every one at work is): lianyun db migrate --after" in stored()["migrations"].found
    with psycopg.connect(dsn, application_name="lianyun-api"):
        assert "at work are still older ones: lianyun-api (pid " in stored()["migrations"].found


def test_a_state_of_other_rules_or_of_none(
    session: psycopg.Connection[tuple[object, ...]], stored: Look
) -> None:
    session.execute("UPDATE lianyun.generation SET fold_version = 'of long ago'")
    finding(stored()["fold version"], "state of long ago", "lianyun replay")
    session.execute("UPDATE lianyun.generation SET state = 'RETIRED'")
    finding(stored()["fold version"], "no generation", "lianyun db migrate")


def test_a_server_whose_transactions_are_behind_what_is_stored(
    session: psycopg.Connection[tuple[object, ...]], stored: Look
) -> None:
    assert stored()["transaction counter"].ok
    session.execute(
        "INSERT INTO lianyun.batch (xid, first_no, events, taken) VALUES ('9999999999999', 1, 1, 1)"
    )
    finding(stored()["transaction counter"], "behind what is stored", "pg_resetwal --epoch")


def test_commits_that_are_not_on_the_disk(
    session: psycopg.Connection[tuple[object, ...]], stored: Look
) -> None:
    session.execute("SET synchronous_commit = off")
    finding(stored()["durability"], "synchronous_commit = off", "ALTER SYSTEM")


@pytest.mark.parametrize(("ahead", "says"), [(60.0, "60.0 s ahead of"), (-60.0, "60.0 s behind")])
def test_clocks_that_differ(stored: Look, monkeypatch: pytest.MonkeyPatch, ahead: float, says: str) -> None:
    real = time.time
    monkeypatch.setattr(database.time, "time", lambda: real() + ahead)
    finding(stored()["clock"], says.partition(".")[0].rstrip("0"), "synchronise")
    assert says.split(" s ")[1] in stored()["clock"].found


def test_nobody_may_publish(stored: Look) -> None:
    finding(stored()["parties"], "0 registered", "lianyun partner add")


def test_a_party_whose_topic_does_not_exist(
    dsn: str, session: psycopg.Connection[tuple[object, ...]], broker: BrokerAddress, declaration: Declaration
) -> None:
    first, second = declaration.names()
    apply(broker.bootstrap, declaration.only([first]))
    present = broker_checks.present(broker.bootstrap, {})
    assert present[first] == 2
    member(dsn, first, (-1, None))
    assert database.parties_topics(store.load(session), present).ok
    member(dsn, second, code="optic")
    check = database.parties_topics(store.load(session), present)
    finding(check, f"1 do not exist: {second} of optic", "lianyun partner add optic")


def test_the_topics_of_parties_are_compared_as_if_they_were_declared(
    broker: BrokerAddress, declaration: Declaration
) -> None:
    first, second = declaration.names()
    apply(broker.bootstrap, declaration)
    declared, parties = declaration.only([first]), {"optic": [second]}

    def look() -> dict[str, Check]:
        checks = broker_checks.look(broker.bootstrap, declared, "demo", parties=parties)
        return {check.name: check for check in checks}

    assert look()["topic settings"].ok
    with admin_client(broker.bootstrap) as admin:
        wrong = {"message.timestamp.type": "CreateTime"}
        admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, second, wrong)])
    until = time.monotonic() + 60
    while look()["topic settings"].ok and time.monotonic() < until:
        time.sleep(0.05)
    finding(look()["topic settings"], f"of {second}", "lianyun topics apply")


@pytest.mark.parametrize(
    ("windows", "says", "mend"),
    [
        ([], "ktz has none that counts", "lianyun key add ktz --new"),
        ([(-9, -1)], "ktz has none that counts", "lianyun key add ktz --new"),
        ([(2, None)], "ktz has none that counts", "lianyun key add ktz --new"),
        ([(-9, 3), (-9, 2)], "ends in 3 days", "lianyun key rotate ktz --old"),
        ([(-9, 3), (2, None)], "", ""),
        ([(-9, 15)], "", ""),
    ],
)
def test_keys_that_run_out(
    dsn: str, stored: Look, windows: list[tuple[int, int | None]], says: str, mend: str
) -> None:
    ids = member(dsn, "cre.railway.ktz.v1", *windows)
    check = stored()["keys"]
    if not says:
        assert check.ok
        return
    finding(check, says, mend)
    if "rotate" in mend:
        assert check.mend.endswith(ids[0])


def test_the_tenant_of_the_sandbox_needs_no_key(dsn: str, stored: Look) -> None:
    """A platform that was just started has it, and nothing is wrong with that one."""
    with psycopg.connect(dsn) as session:
        commands.add_party(session, SANDBOX, at=time.time_ns() // 1_000, by="test")
    assert stored()["keys"].ok


def test_a_key_that_was_revoked_counts_no_more(dsn: str, stored: Look) -> None:
    (key,) = member(dsn, "cre.railway.ktz.v1", (-9, None))
    assert stored()["keys"].ok
    with psycopg.connect(dsn) as session:
        now = time.time_ns() // 1_000
        commands.revoke_key(session, key, lambda *_: 0, at=now, by="test", cause="lost")
        assert store.load(session).keys[key].revoked_at is not None
    finding(stored()["keys"], "none that counts", "lianyun key add")


def test_dead_letters_that_nobody_looks_at(
    session: psycopg.Connection[tuple[object, ...]], stored: Look
) -> None:
    session.execute(
        """INSERT INTO lianyun.dead_letter
           SELECT sha256(n::text::bytea), 'OPEN', 'ktz', NULL, 'BAD_SIGNATURE', '', '', '', 1, '', NULL, NULL, false,
                  0, 't', 0, n, 0, 't', 0, n FROM generate_series(1, 1000) AS n"""
    )
    finding(stored()["dead letters"], "1000 open", "lianyun dlq list")


def test_the_growth_of_the_last_day_is_measured(session: psycopg.Connection[tuple[object, ...]]) -> None:
    session.execute(
        """INSERT INTO lianyun.batch (xid, first_no, events, taken, at)
           VALUES ('1', 1, 6000, 6000, now() - interval '3 days'), ('2', 2, 2000, 2000, now() - interval '6 hours')"""
    )
    growth = database.measure(session)
    assert (growth.events, growth.recent) == (8_000, 2_000)
    assert growth.seconds == pytest.approx(21_600, abs=60)
    assert growth.a_day == pytest.approx(growth.size, rel=0.01)
    assert (
        not database.disk_space(session, None, lambda _folder: 1).ok
        or "cannot be seen" in database.disk_space(session, None).found
    )


# --- between them ---------------------------------------------------------------------------------------------------


def test_no_worker_is_alive(dsn: str, session: psycopg.Connection[tuple[object, ...]]) -> None:
    finding(workers.workers(session), "0 alive", "lianyun worker")
    take(dsn, "lianyun", "somebody", 30)
    assert workers.workers(session).ok
    session.execute("UPDATE lianyun.worker_slot SET leased_until = now() - interval '1 second'")
    finding(workers.workers(session), "0 alive", "lianyun worker")


def test_partitions_that_lost_their_worker(dsn: str, session: psycopg.Connection[tuple[object, ...]]) -> None:
    claimer = open_session(dsn)
    claim_partitions(claimer, "w", [AssignedPartition("t", 0), AssignedPartition("t", 1)])
    assert workers.claims(workers.ledger(session)).ok
    pid = claimer.info.backend_pid
    claimer.close()
    until = time.monotonic() + 60
    while session.execute("SELECT 1 FROM pg_stat_activity WHERE pid = %s", (pid,)).fetchone():
        assert time.monotonic() < until
        time.sleep(0.01)
    finding(
        workers.claims(workers.ledger(session)), "2 of 2 without a live worker: t/0, t/1", "lianyun worker"
    )


def test_partitions_that_nobody_ever_read(dsn: str, session: psycopg.Connection[tuple[object, ...]]) -> None:
    claimer = open_session(dsn)
    claim_partitions(claimer, "w", [AssignedPartition("t", 0), AssignedPartition("t", 1)])
    expected = [PartitionId(name, number) for name in ("t", "new") for number in (0, 1)]
    held = workers.ledger(session)
    assert workers.claims(held, expected[:2]).ok
    finding(
        workers.claims(held, expected), "2 of 4 without a live worker: new/0, new/1", "LIANYUN_WORKER_TOPICS"
    )
    claimer.close()


def test_a_topic_of_nobody() -> None:
    present = ["cre.a.v1", "cre.stray.x.v1", "elsewhere"]
    assert workers.strays(present, ["cre.a.v1", "cre.stray.x.v1"]).ok
    finding(
        workers.strays(present, ["cre.a.v1"]), "1: cre.stray.x.v1", "party amend CODE --topic cre.stray.x.v1"
    )


def test_partitions_whose_log_moved(
    broker: BrokerAddress,
    declaration: Declaration,
    dsn: str,
    session: psycopg.Connection[tuple[object, ...]],
) -> None:
    apply(broker.bootstrap, declaration)
    topic = declaration.names()[0]
    producer = KafkaProducer(bootstrap_servers=broker.bootstrap, enable_idempotence=True)
    for _ in range(3):
        producer.send(topic, value=b"x", partition=0).get(timeout=30)
    producer.close()
    held = open_session(dsn)

    def look() -> tuple[Check, Check]:
        ledger = workers.ledger(session)
        marks = {where: claim.last for where, (claim, _) in ledger.items()}
        log = broker_checks.compared(broker.bootstrap, {}, marks)
        return workers.stopped(ledger, log), workers.waiting(ledger, log)

    last = Mark(2, b"-" * 32)
    there = broker_checks.compared(
        broker.bootstrap, {}, {PartitionId(topic, 0): last, PartitionId("cre.nowhere.v1", 0): last}
    )
    assert there.keys() == {PartitionId(topic, 0)}
    state = there[PartitionId(topic, 0)]
    assert (state.begin, state.end) == (0, 3)
    claim_partitions(held, "w", [AssignedPartition(topic, 0, state.topic_id)])
    stopped, waiting = look()
    assert stopped.ok
    assert (waiting.ok, waiting.found) == (True, "3")
    assert state.at_last is not None
    assert state.at_last.record is not None
    set_last = "UPDATE lianyun.kafka_offset SET next_offset = 3, last_offset = 2, last_digest = %s"
    session.execute(set_last, (state.at_last.record.digest,))
    stopped, waiting = look()
    assert (stopped.ok, stopped.found, waiting.found) == (True, "none; 1 compared with the log", "0")
    session.execute(set_last, (last.digest,))
    finding(look()[0], "LOG_DIVERGED", f"offsets redrive {topic} 0")
    session.execute(
        "UPDATE lianyun.kafka_offset SET next_offset = 1, stopped = 'OFFSET_BEYOND_END', stopped_at = now()"
    )
    finding(look()[0], "OFFSET_BEYOND_END", f"offsets redrive {topic} 0")
    session.execute("UPDATE lianyun.kafka_offset SET stopped = NULL, next_offset = 9")
    finding(look()[0], "OFFSET_BEYOND_END", "lianyun offsets")
    session.execute("UPDATE lianyun.kafka_offset SET next_offset = 0, topic_id = 'another'")
    finding(look()[0], "TOPIC_REPLACED", f"accept-loss {topic} 0")
    session.execute("UPDATE lianyun.kafka_offset SET topic = 'cre.nowhere.v1'")
    finding(look()[0], "The topic is gone", "lianyun offsets")
    held.close()


def test_a_log_that_has_lost_its_head() -> None:
    where = PartitionId("t", 0)
    held = {where: (Claim(where, 4, 1, "id"), True)}
    finding(workers.stopped(held, {where: LogState("id", 6, 9)}), "2 offsets are gone", "accept-loss t 0")


# --- the command ----------------------------------------------------------------------------------------------------


def run(*arguments: str, **environment: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["doctor", *arguments], env=environment)
    return done.exit_code, done.stdout


def test_what_does_not_answer_is_a_finding_and_the_rest_is_looked_at(dsn: str) -> None:
    code, told = run("--json", LIANYUN_BOOTSTRAP=f"127.0.0.1:{free_port()}", LIANYUN_DSN=dsn)
    assert code == 3
    body = json.loads(told)
    assert body["schema_version"] == 1
    checks = {check["name"]: check for check in body["checks"]}
    assert body["findings"] == sum(not check["ok"] for check in body["checks"]) >= 3
    assert not checks["broker"]["ok"]
    assert "LIANYUN_BOOTSTRAP" in checks["broker"]["mend"]
    assert checks["migrations"]["ok"]
    assert all(bool(check["mend"]) is not check["ok"] for check in body["checks"])
    assert all(check["why"] for check in body["checks"])


def test_a_database_that_does_not_answer(broker: BrokerAddress) -> None:
    nowhere = f"postgresql://u:p@127.0.0.1:{free_port()}/d"
    code, told = run(LIANYUN_BOOTSTRAP=broker.bootstrap, LIANYUN_DSN=nowhere)
    assert code == 3
    assert "check LIANYUN_DSN" in told
    assert "findings" in told


def test_nothing_is_configured(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path_factory.mktemp("empty"))
    code, told = run("--json", LIANYUN_BOOTSTRAP="", LIANYUN_DSN="")
    missing = [check for check in json.loads(told)["checks"] if not check["ok"]]
    assert code == 3
    assert [(check["name"], check["found"]) for check in missing] == [
        ("broker", "none is configured"),
        ("database", "none is configured"),
    ]
    assert all("make up" in check["mend"] for check in missing)
