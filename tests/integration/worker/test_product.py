"""The product's own worker: signed events from Kafka into the real store, while workers are killed."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version

import psycopg
import pytest
from prometheus_client.parser import text_string_to_metric_families

from schemas.envelope import SIGNATURE_HEADER, Envelope, signed_bytes
from schemas.events.base import Role
from schemas.reasons import Reason
from schemas.schemes import Scheme
from schemas.signing import SigningKey, sign_batch
from services.ledger.dead_letters.service import DeadLetterService, PostgresLedger
from services.ledger.registry import commands
from services.ledger.registry.events import PartyAdded
from services.ledger.registry.possession import proven
from services.ledger.storage.generations import create_generation
from services.monitoring.exporter import operations as partners
from services.processors.settings import admission_settings
from services.processors.supervisor import Supervisor
from services.runtime.ports import free_port
from services.telemetry import gauges
from tests.integration.worker.harness import Arena, metrics

pytestmark = pytest.mark.integration


@dataclass
class Partner:
    """A railway with a key, writing to one topic."""

    arena: Arena
    topic: str
    key: SigningKey
    made: int = 0

    def register(self) -> None:
        code = self.topic.split(".")[2]
        added = PartyAdded(
            code=code,
            name=code,
            roles=frozenset({Role.RAILWAY}),
            sources=frozenset({f"urn:cre:{code}"}),
            topics=frozenset({self.topic}),
        )
        window = proven(self.key, "demo", code)
        now = time.time_ns() // 1_000
        with psycopg.connect(self.arena.dsn) as session:
            commands.add_party(session, added, at=now, by="test")
            commands.add_key(session, code, window, at=now, by="test")

    def messages(
        self,
        count: int,
        broken: bool = False,
        place: str = "railnet:dostyk",
        published: str = "2026-03-05T09:21:00Z",
        number: int | None = None,
    ) -> list[tuple[list[tuple[str, bytes]], bytes]]:
        """Signed arrivals of `count` containers; `broken` ones are changed after signing; `number` is the first's."""
        code, events = self.topic.split(".")[2], []
        self.made = self.made if number is None else number
        for _ in range(count):
            self.made += 1
            payload = {
                "salt": f"{self.made:032x}",
                "classifier": "ACT",
                "happened": "2026-03-05T14:20:00+05:00",
                "place": place,
                "objects": [{"kind": "container", "id": f"CSQU{self.made % 500:07}"}],
            }
            envelope = Envelope(
                specversion="1.0",
                id=f"arr-{self.made}",
                source=f"urn:cre:{code}",
                type="cre.movement.arrived.v1",
                time=published,
                datacontenttype="application/json",
            )
            events.append((envelope, json.dumps(payload, separators=(",", ":")).encode()))
        signed = [signed_bytes("demo", envelope, payload) for envelope, payload in events]
        headers = [h for i in range(0, count, 64) for h in sign_batch(self.key, signed[i : i + 64])]
        return [
            (
                [*envelope.to_headers(), (SIGNATURE_HEADER, header.encode())],
                payload.replace(b"dostyk", b"alashankou") if broken else payload,
            )
            for (envelope, payload), header in zip(events, headers, strict=True)
        ]


def workers(arena: Arena, count: int, **environment: str) -> Supervisor:
    command = (sys.executable, "-m", "services.processors")
    return Supervisor(arena.environment(**environment), count, logs=arena.folder / "logs", command=command)


def counts(arena: Arena) -> tuple[int, int, int]:
    """Events stored, dead letters with all their copies, records that the ledger has passed."""
    ((events, letters, passed),) = arena.query(
        """SELECT (SELECT count(*) FROM lianyun.identity), (SELECT coalesce(sum(count), 0) FROM lianyun.dead_letter),
                  (SELECT coalesce(sum(next_offset), 0) FROM lianyun.kafka_offset)"""
    )
    return events, letters, passed


@pytest.mark.long
@pytest.mark.chaos
def test_signed_events_are_stored_once_while_workers_are_killed(arena: Arena) -> None:
    partners = []
    for name, seed in (("ktz", 1), ("rzd", 2)):
        (topic,) = arena.create_topics([name])
        partners.append(Partner(arena, topic, SigningKey(Scheme.ED25519_BATCH, bytes([seed]) * 32)))
        # The party's code stands third in the topic's name.
        partners[-1].register()
    chaos = "after_fence=kill@0.03,holding_heads=kill@0.03,before_commit=kill@0.03,after_commit=kill@0.03"
    good = bad = copies = 0
    with workers(arena, 2, LIANYUN_CHAOS=chaos) as supervisor:
        deadline = time.monotonic() + 90
        while supervisor.restarts < 6 and time.monotonic() < deadline:
            with arena.producer() as send:
                for partner in partners:
                    wave = partner.messages(150)
                    for number, (headers, value) in enumerate([*wave, *wave[:20]]):
                        send(partner.topic, number % 4, value, headers)
                    broken = partner.messages(10, broken=True)
                    for number, (headers, value) in enumerate(broken):
                        send(partner.topic, number % 4, value, headers)
                    good, bad, copies = good + 150, bad + 10, copies + 20
            time.sleep(0.3)
        assert supervisor.restarts >= 6
        arena.wait_for(lambda: counts(arena)[2] == good + bad + copies, 90, "end of the log in the ledger")
        assert counts(arena) == (good, bad, good + bad + copies)
    assert {ended.name for ended in supervisor.ended} == {"SIGKILL"}
    reasons = arena.query("SELECT DISTINCT reason FROM lianyun.dead_letter")
    assert reasons == [("BAD_SIGNATURE",)]


def test_a_party_registered_while_the_worker_runs_is_known_at_once(arena: Arena) -> None:
    (topic,) = arena.create_topics(["bch"])
    partner = Partner(arena, topic, SigningKey(Scheme.ED25519, b"\x05" * 32))
    port = free_port()
    with workers(arena, 1, LIANYUN_METRICS_PORT=str(port)):
        with arena.producer() as send:
            for headers, value in partner.messages(5):
                send(topic, 0, value, headers)
        arena.wait_for(lambda: counts(arena) == (0, 5, 5), 20, "five dead letters")
        assert f'lianyun_events_refused_total{{partner="{topic}",reason="UNKNOWN_KEY"}} 5.0' in metrics(port)
        assert exported(arena)[gauges.DEAD_LETTERS, topic, "UNKNOWN_KEY", "OPEN"] == 5
        assert exported(arena)[gauges.DEAD_LETTERS_OPEN,] == 5
        assert (gauges.DEAD_LETTER_OLDEST, topic) in exported(arena)
        assert arena.query("SELECT DISTINCT reason FROM lianyun.dead_letter") == [("UNKNOWN_KEY",)]
        partner.register()
        with arena.producer() as send:  # at once: the batch is judged again by the new registry
            for headers, value in partner.messages(5):
                send(topic, 0, value, headers)
        arena.wait_for(lambda: counts(arena)[2] == 10, 20, "ten records")
        assert counts(arena) == (5, 5, 10)


def test_the_metrics_follow_what_happens(arena: Arena) -> None:
    (topic,) = arena.create_topics(["ktz"], partitions=1)
    partner = Partner(arena, topic, SigningKey(Scheme.ED25519, b"\x07" * 32))
    partner.register()
    port = free_port()
    started = time.time()

    def said(name: str, **labels: str) -> float | None:
        """The value of one sample, None where it is not there."""
        for family in text_string_to_metric_families(metrics(port)):
            for sample in family.samples:
                if sample.name == f"lianyun_{name}" and sample.labels == labels:
                    return sample.value
        return None

    def send(*messages: tuple[list[tuple[str, bytes]], bytes]) -> None:
        with arena.producer() as out:
            for headers, value in messages:
                out(topic, 0, value, headers)

    def registered() -> bool:
        try:
            return said("events_duplicate_total", partner="ktz") == 0
        except OSError:  # it does not listen yet
            return False

    first = partner.messages(6)
    partner.made = 0
    other = partner.messages(1, place="railnet:alashankou")  # another content under the first id
    early = partner.messages(1, published="2026-03-05T09:20:00Z", number=100)
    broken = partner.messages(2, broken=True)
    with workers(arena, 1, LIANYUN_METRICS_PORT=str(port)):
        # What may come is there at 0 before it does, for Prometheus to see it rise.
        arena.wait_for(registered, 30, "the registry")
        assert {said("events_refused_total", partner="ktz", reason=str(reason)) for reason in Reason} == {0}
        assert {said(f"events_{what}_total", partner="ktz") for what in ("equivocating", "out_of_order")} == {
            0
        }
        assert said("events_received_total", topic=topic) == 0
        assert said("events_refused_total", partner=topic, reason="UNSIGNED") == 0
        assert said("pipeline_latency_seconds_bucket", stage="log_to_state", le="5.0") == 0
        assert exported(arena)[gauges.DEAD_LETTERS_OPEN,] == 0
        send(*first, *first[:2], *other, *early, *broken)
        arena.wait_for(lambda: counts(arena)[2] == 12, 30, "twelve records")
        kind = "cre.movement.arrived.v1"
        wanted = {
            ("events_received_total", ("topic", topic)): 12,
            ("events_accepted_total", ("partner", "ktz"), ("event_type", kind)): 10,
            ("events_refused_total", ("partner", "ktz"), ("reason", "BAD_SIGNATURE")): 2,
            ("events_stored_total",): 7,
            ("events_duplicate_total", ("partner", "ktz")): 2,
            ("events_equivocating_total", ("partner", "ktz")): 1,
            ("events_out_of_order_total", ("partner", "ktz")): 1,
            ("event_age_seconds_count", ("partner", "ktz")): 10,
            ("pipeline_latency_seconds_count", ("stage", "published_to_log")): 10,
            ("pipeline_latency_seconds_count", ("stage", "log_to_state")): 12,
            ("build_info", ("version", version("lianyun"))): 1,
        }

        def seen() -> dict[tuple[object, ...], float | None]:
            return {key: said(key[0], **dict(key[1:])) for key in wanted}

        arena.wait_for(lambda: said("worker_ready") == 1, 10, "readiness")
        assert seen() == wanted
        published = datetime(2026, 3, 5, 9, 21, tzinfo=UTC).timestamp()
        assert said("partner_last_event_timestamp_seconds", partner="ktz") == published
        for name, labels in (
            ("topic_watermark_timestamp_seconds", {"topic": topic}),
            ("last_commit_timestamp_seconds", {}),
        ):
            at = said(name, **labels)
            assert at is not None
            assert started - 1 < at < time.time() + 1
        arena.wait_for(
            lambda: said("ledger_lag_events", topic=topic, partition="0") == 0, 10, "a lag of nothing"
        )
        assert said("oldest_waiting_timestamp_seconds", topic=topic) is None
        discard_all(arena)
        assert exported(arena)[gauges.DEAD_LETTER_OUTCOMES, "DISCARDED"] == 2
        # A transaction that waits for a lock, and what stands in line behind it, are seen as waiting since their append.
        with psycopg.connect(arena.dsn) as blocker:
            blocker.execute("LOCK TABLE lianyun.registry_version")
            before = time.time()
            send(*partner.messages(1, number=200))
            arena.wait_for(
                lambda: said("oldest_waiting_timestamp_seconds", topic=topic) is not None, 15, "a wait"
            )
            waiting = said("oldest_waiting_timestamp_seconds", topic=topic)
            assert waiting is not None
            assert before - 1 < waiting < time.time() + 1
        arena.wait_for(lambda: said("oldest_waiting_timestamp_seconds", topic=topic) is None, 15, "its end")
        assert said("events_stored_total") == 8


def exported(arena: Arena) -> dict[tuple[object, ...], float]:
    """What an exporter says of the dead letters."""
    with psycopg.connect(arena.dsn) as session:
        return {
            (sample.definition, *sample.labels): sample.value
            for sample in partners.measure_dead_letters(session, 0)
        }


def discard_all(arena: Arena) -> None:
    with psycopg.connect(arena.dsn, autocommit=True) as session:
        desk = DeadLetterService(session, PostgresLedger(), admission_settings("demo"), "test", 0)
        for (digest,) in session.execute("SELECT digest FROM lianyun.dead_letter").fetchall():
            assert desk.discard(bytes(digest), "a test").outcome == "DISCARDED"


def test_a_state_of_other_rules_is_not_written_to(arena: Arena) -> None:
    arena.create_topics(["ktz"])
    arena.query_only("UPDATE lianyun.generation SET fold_version = 'another'")
    with workers(arena, 1) as supervisor:
        arena.wait_for(lambda: bool(supervisor.ended), 20, "end of the worker")
        assert supervisor.ended[0].name == "STATE_MOVED"
    assert "this release cannot write to the state" in arena.log_text()


@pytest.mark.long
def test_a_worker_starts_anew_when_another_generation_takes_over(arena: Arena) -> None:
    (topic,) = arena.create_topics(["ktz"])
    partner = Partner(arena, topic, SigningKey(Scheme.ED25519, b"\x06" * 32))
    partner.register()
    with workers(arena, 1) as supervisor:
        _send(arena, partner, 5)
        arena.wait_for(lambda: counts(arena)[0] == 5, 20, "five events")
        with psycopg.connect(arena.dsn) as session:
            session.execute("UPDATE lianyun.generation SET state = 'RETIRED'")
            create_generation(session, 2)
            session.execute("UPDATE lianyun.generation SET state = 'CURRENT' WHERE number = 2")
        _send(arena, partner, 5)
        arena.wait_for(lambda: counts(arena)[0] == 10, 30, "ten events")
        assert [ended.name for ended in supervisor.ended] == ["STATE_MOVED"]


def _send(arena: Arena, partner: Partner, count: int) -> None:
    with arena.producer() as send:
        for headers, value in partner.messages(count):
            send(partner.topic, 0, value, headers)
