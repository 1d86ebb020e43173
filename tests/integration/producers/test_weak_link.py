"""A week of files over a connection that works for a small part of each day, and breaks in mid-request, arrives whole."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import uuid
from itertools import cycle
from pathlib import Path

import psycopg
import pytest

from schemas.events.base import Role
from services.ledger.registry import commands
from services.ledger.registry.events import PartyAdded
from services.ledger.registry.possession import proven
from services.processors.supervisor import Supervisor
from services.producers.spool import status
from services.testbed.localstack.engine import Servers
from tests.integration.worker.harness import Arena
from tests.support.databases import migrated_database
from tests.support.producers.condition import until
from tests.support.producers.log import stored
from tests.support.producers.partner import departed, partner, write
from tests.support.producers.weak_link import Cut, WeakLink
from tests.support.profile import rounds

pytestmark = [pytest.mark.integration, pytest.mark.randomised]

DAYS, FILES_A_DAY, RECORDS = rounds(2, 7), 3, 60
# The client's own patience runs in the same accelerated time: it gives up on a message long before the link is back.
WATCH = """
from services.cli.main import run
from services.producers import publisher
publisher.REQUEST_SECONDS, publisher.DELIVERY_SECONDS = 0.5, 0.6
run()
"""
UP, DOWN = 0.3, 1.2  # seconds of a day; up counts from the first use of the link


@pytest.mark.long
def test_a_week_over_a_weak_link_arrives_whole(stack: Servers, tmp_path: Path) -> None:
    dsn = migrated_database(stack.database, f"weak_{uuid.uuid4().hex[:12]}")
    arena = Arena(stack.bootstrap, dsn, tmp_path)
    (topic,) = arena.create_topics(["ktz"], partitions=2)
    who = partner(topic)
    who.save(tmp_path / "partners")
    with psycopg.connect(dsn) as session:
        now = time.time_ns() // 1_000
        added = PartyAdded(
            code="ktz",
            name="ktz",
            roles=frozenset({Role.RAILWAY}),
            sources=frozenset({who.source}),
            topics=frozenset({topic}),
        )
        window = proven(who.key, "demo", "ktz")
        commands.add_party(session, added, at=now, by="test")
        commands.add_key(session, "ktz", window, at=now, by="test")
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    command = [
        sys.executable,
        "-c",
        WATCH,
        "publish",
        "--as",
        "ktz",
        "--watch",
        str(inbox),
        "--settle",
        "0.1",
    ]
    worker = (sys.executable, "-m", "services.processors")
    sent: set[str] = set()
    with (
        WeakLink(stack.bootstrap) as link,
        Supervisor(arena.environment(), 1, logs=tmp_path / "logs", command=worker),
    ):
        environment = {
            **os.environ,
            "LIANYUN_BOOTSTRAP": link.bootstrap,
            "LIANYUN_PARTNERS": str(tmp_path / "partners"),
        }
        watch = subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        try:
            cuts = cycle((Cut.MID_REQUEST, Cut.BEFORE_ANSWER, Cut.IDLE))
            for day in range(DAYS):
                for part in range(FILES_A_DAY):
                    ids = [f"day-{day}-{part}-{n}" for n in range(RECORDS)]
                    half = write(tmp_path / "half", *(departed(identity) for identity in ids))
                    half.rename(inbox / f"day-{day}-{part}.jsonl")
                    sent |= set(ids)
                    time.sleep(DOWN / FILES_A_DAY)
                before = link.produced
                link.up(next(cuts))
                until(lambda: link.produced > before, "use of the link")  # noqa: B023
                time.sleep(UP)
                link.down()
            assert watch.poll() is None, watch.stderr
            link.up()
            files = DAYS * FILES_A_DAY
            until(lambda: len(list((inbox / "done").glob("*.jsonl"))) == files, "end of the week")
        finally:
            watch.terminate()
            out, err = watch.communicate(timeout=20)
        assert watch.returncode == 0, err
        found = stored(stack.bootstrap, topic)
        assert set(found) == sent
        assert link.cuts[Cut.MID_REQUEST] >= rounds(1, 2)
        assert link.cuts[Cut.BEFORE_ANSWER] >= rounds(1, 2)
        until(lambda: passed(arena) == sum(found.values()), "end of the log in the ledger")
    assert arena.query("SELECT count(*) FROM lianyun.identity") == [(len(sent),)]
    assert arena.query("SELECT count(*) FROM lianyun.dead_letter") == [(0,)]
    assert out.count("60 published") == files
    spool = status(tmp_path / "partners" / "ktz.spool")
    assert (spool.waiting, spool.acknowledged) == (0, len(sent))


def passed(arena: Arena) -> int:
    return int(arena.query("SELECT coalesce(sum(next_offset), 0) FROM lianyun.kafka_offset")[0][0])
