"""kill -9 at every point of the way: whatever was committed is delivered at least once, and its signature is good."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.ledger.storage.session import Session
from services.notifications.webhooks import subscriptions
from services.notifications.webhooks.messages import SUBSCRIBABLE
from services.notifications.webhooks.sealed_secrets import Seal
from services.notifications.webhooks.signature import verify
from tests.integration.webhooks.conftest import KEY, Receiver
from tests.support.financing.stored_world import Stored, events_of, tell
from tests.support.financing.stories import Case, cases, micros

pytestmark = pytest.mark.integration
CASE: Case = next(case for case in cases() if case.slug.startswith("03_"))
KILLED = Path(__file__).with_name("killed.py")


@pytest.fixture
def environment(dsn: str) -> dict[str, str]:
    return {
        **os.environ,
        "LIANYUN_DSN": dsn,
        "LIANYUN_WEBHOOK_KEYS": KEY,
        "LIANYUN_WEBHOOK_LOOPBACK": "true",
        "LIANYUN_WEBHOOK_TICK": "0.05",
        "LIANYUN_WEBHOOK_TIMEOUT": "0.5",  # its lease is 6 s
        "LIANYUN_WEBHOOK_KEEP_DAYS": "3650",  # the stories are of another year
    }


@pytest.fixture
def told(dsn: str) -> Iterator[Stored]:
    found = Stored(dsn, events_of(CASE))
    found.begin()
    yield found
    found.close()


@pytest.mark.parametrize(
    ("point", "times"),
    [
        ("put", 1),
        *(
            pytest.param(*each, marks=pytest.mark.long)
            for each in (("put", 2), ("taken", 2), ("sent", 2), ("settled", 3))
        ),
    ],
)
def test_nothing_is_lost(
    session: Session,
    seal: Seal,
    told: Stored,
    receiver: Receiver,
    environment: dict[str, str],
    point: str,
    times: int,
) -> None:
    shown = {}
    for party in ("abank", "xaport"):
        _, keys = subscriptions.create(session, party, receiver.url(f"/{party}"), SUBSCRIBABLE, "", seal, 0)
        shown[party] = keys[0].shown
    for number in (0, 1, 2):
        ask, at, on = CASE.ask(number)
        told.ask(ask, at, on)
    told.hear(micros("2026-04-01T00:00Z"))
    first = subprocess.run(
        [sys.executable, str(KILLED), point, str(times)], env=environment, timeout=60, check=False
    )
    assert first.returncode == -signal.SIGKILL

    process = subprocess.Popen([sys.executable, "-m", "services.notifications.webhooks"], env=environment)
    try:
        until = time.monotonic() + 40
        while undelivered(session) and time.monotonic() < until:
            time.sleep(0.1)
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    rows = session.execute("SELECT m.party, m.id, m.body FROM lianyun.webhook_message m").fetchall()
    assert {party for party, _, _ in rows} == {"abank", "xaport"}
    assert len(rows) >= 5
    for party, id_, body in rows:
        heard = [each for each in receiver.at(f"/{party}") if each.headers["webhook-id"] == id_]
        assert heard, f"{id_} was never delivered"
        assert {each.body for each in heard} == {bytes(body)}
        assert all(verify(each.headers, each.body, shown[party], time.time()) for each in heard)
    assert {each.headers["webhook-id"] for each in receiver.heard} == {id_ for _, id_, _ in rows}


def undelivered(session: Session) -> int:
    """How much there is to do; also while nothing was looked at yet."""
    row = session.execute(
        "SELECT count(*) FILTER (WHERE state <> 'DELIVERED'), count(*) FROM lianyun.webhook_delivery"
    ).fetchone()
    behind = session.execute(
        "SELECT count(*) FROM lianyun.batch b, lianyun.webhook_cursor c"
        " WHERE c.source = 'event' AND (b.xid, b.first_no) > (c.xid, c.no)"
    ).fetchone()
    assert row is not None
    assert behind is not None
    return int(row[0]) + int(behind[0]) + (row[1] == 0)


def test_a_follower_tells_what_a_worker_brings_while_it_runs(
    session: Session, seal: Seal, told: Stored, receiver: Receiver, environment: dict[str, str]
) -> None:
    subscriptions.create(session, "xaport", receiver.url("/xaport"), SUBSCRIBABLE, "", seal, 0)
    process = subprocess.Popen([sys.executable, "-m", "services.notifications.webhooks"], env=environment)
    try:
        for known, event in events_of(CASE):
            tell(told.session, event, known)
            told.session.commit()
        until = time.monotonic() + 30
        while not receiver.at("/xaport") and time.monotonic() < until:
            time.sleep(0.05)
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    assert receiver.at("/xaport")
