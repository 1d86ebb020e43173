"""A sender of messages that cannot be accepted holds up nobody else, and what is not stored of them is recorded."""

from __future__ import annotations

import json
import time

import psycopg
import pytest
from typer.testing import CliRunner

from schemas.schemes import Scheme
from schemas.signing import SigningKey
from services.audit.fsck.check import fsck
from services.cli.dead_letters import dlq
from services.ledger.dead_letters import store
from tests.integration.worker.harness import Arena
from tests.integration.worker.test_product import Partner, counts, workers

pytestmark = pytest.mark.integration

BOUND, WINDOW, FLOOD, GOOD = 200, 300, 3_000, 100


def shared(arena: Arena) -> tuple[str, str]:
    """A topic that no party alone writes to, and the file that declares it."""
    name, file = f"cre.gateway-{arena.mark}.v1", arena.folder / "topics.toml"
    options = {"message.timestamp.type": "LogAppendTime"}
    with arena.admin() as admin:
        admin.create_topics(
            {name: {"num_partitions": 2, "replication_factor": 1, "configs": options}}, wait_for_metadata=True
        )
    arena.topics.append(name)
    file.write_text(
        '[defaults]\npartitions = 2\nreplication_factor = 1\n[defaults.config]\n"message.timestamp.type" = "LogAppendTime"\n'
        f'[[topics]]\nname = "{name}"\npartner = "gateway"\nparties = []\n',
        encoding="utf-8",
    )
    return name, str(file)


def registered(arena: Arena, name: str, seed: int) -> Partner:
    (topic,) = arena.create_topics([name], partitions=2)
    partner = Partner(arena, topic, SigningKey(Scheme.ED25519, bytes([seed]) * 32))
    partner.register()
    return partner


@pytest.mark.long
def test_bad_signatures_in_a_shared_topic_keep_no_other_sender_waiting(arena: Arena) -> None:
    """Nearly all of the topic is refused, which is no reason to stop those who share it."""
    gateway, file = shared(arena)
    good, flooder = registered(arena, "ktz", 1), registered(arena, "rzd", 2)
    forged = flooder.messages(FLOOD, broken=True)
    with arena.producer() as send:
        for number, (headers, value) in enumerate(forged):
            send(gateway, 0, value, headers)
            if number % (FLOOD // GOOD) == 0:
                send(gateway, number % 2, *reversed(good.messages(1)[0]))
    settings = {
        "LIANYUN_TOPICS": file,
        "LIANYUN_REFUSED_WINDOW": str(WINDOW),
        "LIANYUN_REFUSED_RATIO": "0.9",
        "LIANYUN_LETTERS_PER_HOUR": str(BOUND),
    }
    started = time.monotonic()
    with workers(arena, 1, **settings):
        arena.wait_for(lambda: counts(arena)[2] == FLOOD + GOOD, 90, "end of the flood")
        print(f"{FLOOD} bad signatures and {GOOD} good events took {time.monotonic() - started:.1f} s")
    assert "topic_rests" not in arena.log_text(), "a shared topic does not rest for one of its senders"
    events, letters, _ = counts(arena)
    with psycopg.connect(arena.dsn) as session:
        cuts = store.cuts(session)
        assert session.execute("SELECT sum(events), sum(refused) FROM lianyun.kafka_offset").fetchone() == (
            GOOD,
            FLOOD,
        )
    # Of an hour's first refusals as many as are stored at most; an hour may have ended while they came.
    assert events == GOOD
    assert BOUND <= letters <= 2 * BOUND
    assert letters + sum(cut.messages for cut in cuts) == FLOOD
    assert {(cut.topic, cut.partition, cut.publisher, cut.reason) for cut in cuts} == {
        (gateway, 0, gateway, "BAD_SIGNATURE")
    }
    report = fsck(arena.dsn, "demo", gateway_topics=frozenset({gateway}))
    assert report.sound, report.findings


@pytest.mark.long
def test_a_partner_that_floods_its_own_topic_rests_alone(arena: Arena) -> None:
    good, flooder = registered(arena, "ktz", 1), registered(arena, "rzd", 2)
    with arena.producer() as send:
        for headers, value in flooder.messages(FLOOD, broken=True):
            send(flooder.topic, 0, value, headers)
        for headers, value in good.messages(GOOD):
            send(good.topic, 0, value, headers)
    settings = {"LIANYUN_REFUSED_WINDOW": str(WINDOW), "LIANYUN_LETTERS_PER_HOUR": str(BOUND)}
    with workers(arena, 1, **settings):
        arena.wait_for(lambda: counts(arena)[0] == GOOD, 60, "the events of the other partner")
        arena.wait_for(lambda: counts(arena)[2] == FLOOD + GOOD, 90, "end of the flood")
    assert "topic_rests" in arena.log_text()
    assert BOUND <= counts(arena)[1] <= 2 * BOUND


@pytest.mark.long
def test_what_was_not_stored_is_judged_again_from_the_log(
    arena: Arena, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A partner began before its key was registered: more of its events are refused than letters are stored."""
    (topic,) = arena.create_topics(["ktz"], partitions=1)
    partner, sent = Partner(arena, topic, SigningKey(Scheme.ED25519, b"\x01" * 32)), 300
    early = partner.messages(sent)
    with arena.producer() as send:
        for headers, value in early:
            send(topic, 0, value, headers)
    with workers(arena, 1, LIANYUN_LETTERS_PER_HOUR="50"):
        arena.wait_for(lambda: counts(arena)[2] == sent, 60, "all are refused")
    for name, setting in arena.environment().items():
        monkeypatch.setenv(name, setting)
    recover = CliRunner().invoke(dlq, ["recover", topic, "--json"])
    assert recover.exit_code == 0, recover.output
    letters = counts(arena)[1]
    left = sent - letters
    assert sum(r["outcomes"]["STILL_REFUSED"] for r in json.loads(recover.stdout)["results"]) == left
    partner.register()
    recover = CliRunner().invoke(dlq, ["recover", topic, "--reason", "UNKNOWN_KEY", "--json"])
    assert recover.exit_code == 0, recover.output
    assert sum(r["outcomes"]["REDRIVEN"] for r in json.loads(recover.stdout)["results"]) == left
    assert counts(arena) == (left, letters, sent), "those that are letters wait for their redrive"
    again = CliRunner().invoke(dlq, ["recover", topic, "--json"])
    assert sum(r["outcomes"]["ALREADY_REDRIVEN"] for r in json.loads(again.stdout)["results"]) == left
    ((recorded,),) = arena.query("SELECT count(*) FROM lianyun.platform_event WHERE kind = 'cut_recovered'")
    assert recorded >= 3
    report = fsck(arena.dsn, "demo")
    assert report.sound, report.findings
    assert "was left out" in str(CliRunner().invoke(dlq, ["recover", "nobody"]).exception)
