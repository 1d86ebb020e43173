"""A sender of messages that cannot be accepted holds up nobody else, and what is not kept of them is recorded."""

from __future__ import annotations

import time

import psycopg
import pytest

from schemas.schemes import Scheme
from schemas.signing import SigningKey
from services.deadletters import store
from services.fsck.check import fsck
from tests.integration.worker.harness import Arena
from tests.integration.worker.test_product import Partner, counts, workers

pytestmark = pytest.mark.integration

KEPT, WINDOW, FLOOD, GOOD = 200, 300, 3_000, 100


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
        "LIANYUN_LETTERS_PER_HOUR": str(KEPT),
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
    # Of an hour's first refusals as many as are kept at most; an hour may have ended while they came.
    assert events == GOOD
    assert KEPT <= letters <= 2 * KEPT
    assert letters + sum(cut.messages for cut in cuts) == FLOOD
    assert {(cut.topic, cut.partition, cut.publisher, cut.reason) for cut in cuts} == {
        (gateway, 0, gateway, "BAD_SIGNATURE")
    }
    report = fsck(arena.dsn, "demo", gateway_topics=frozenset({gateway}))
    assert report.sound, report.findings


def test_a_partner_that_floods_its_own_topic_rests_alone(arena: Arena) -> None:
    good, flooder = registered(arena, "ktz", 1), registered(arena, "rzd", 2)
    with arena.producer() as send:
        for headers, value in flooder.messages(FLOOD, broken=True):
            send(flooder.topic, 0, value, headers)
        for headers, value in good.messages(GOOD):
            send(good.topic, 0, value, headers)
    settings = {"LIANYUN_REFUSED_WINDOW": str(WINDOW), "LIANYUN_LETTERS_PER_HOUR": str(KEPT)}
    with workers(arena, 1, **settings):
        arena.wait_for(lambda: counts(arena)[0] == GOOD, 60, "the events of the other partner")
        arena.wait_for(lambda: counts(arena)[2] == FLOOD + GOOD, 90, "end of the flood")
    assert "topic_rests" in arena.log_text()
    assert KEPT <= counts(arena)[1] <= 2 * KEPT
