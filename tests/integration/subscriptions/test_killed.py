"""kill -9 at every point of the way: every notice comes, what comes twice has the same Message-ID, and what was told is what is seen."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path

import psycopg
import pytest

from services.notifications.webhooks import outbox
from services.pages.subscriptions import store
from services.pages.subscriptions.changes import State
from services.pages.subscriptions.follower import Registries, begin
from services.pages.subscriptions.viewing import sight, state_now
from tests.integration.subscriptions.conftest import World
from tests.integration.subscriptions.test_mail import confirmed
from tests.support.subscribers import LATER_IDS, text_of

pytestmark = [pytest.mark.integration, pytest.mark.long]
KILLED = Path(__file__).with_name("killed.py")


def told_and_seen(dsn: str) -> tuple[State, State, int, int]:
    """What the only subscriber was told last, what it sees now, how many notices there are, and how many wait."""
    with psycopg.connect(dsn) as session:
        registry, now = begin(session, Registries())
        row = session.execute("SELECT id::text FROM lianyun.subscription").fetchone()
        assert row is not None
        found = store.by_id(session, row[0])
        assert found is not None
        seen = sight(session, registry, found, now)
        assert seen.shown is not None
        waiting = session.execute(
            "SELECT (SELECT count(*) FROM lianyun.subscription_notice WHERE state = 'WAITING') +"
            " (SELECT count(*) FROM lianyun.subscription_touch)"
        ).fetchone()
        assert waiting is not None
        return found.told, state_now(session, seen.shown, now), found.last_no, int(waiting[0])


@pytest.mark.parametrize(("point", "times"), [("noticed", 2), ("written", 2), ("sent", 1)])
def test_nothing_is_lost(world: World, point: str, times: int) -> None:
    confirmed(world)
    settings = world.senders.settings
    environment = {
        **os.environ,
        "LIANYUN_DSN": world.pages.dsn,
        "LIANYUN_PAGES_URL": world.pages.url,
        "LIANYUN_MAIL_FROM": settings.mail_from,
        "LIANYUN_SMTP_PORT": str(settings.smtp_port),
        "LIANYUN_SMTP_SECURITY": "none",
        "LIANYUN_SMTP_TIMEOUT": "0.5",  # its lease is 12 s
        "LIANYUN_NOTIFICATION_TICK": "0.05",
    }

    def tell(short: str) -> None:
        world.journey.tell(short)
        with psycopg.connect(world.pages.dsn, autocommit=True) as session:
            outbox.catch_up(session)

    process = subprocess.Popen([sys.executable, str(KILLED), point, str(times)], env=environment)
    for short in LATER_IDS:
        tell(short)
        until = time.monotonic() + 15
        while process.poll() is None and told_and_seen(world.pages.dsn)[3] and time.monotonic() < until:
            time.sleep(0.05)
    assert process.wait(20) == -signal.SIGKILL

    again = subprocess.Popen([sys.executable, "-m", "services.pages.subscriptions"], env=environment)
    try:
        until = time.monotonic() + 60
        while told_and_seen(world.pages.dsn)[3] and time.monotonic() < until:
            time.sleep(0.1)
    finally:
        again.send_signal(signal.SIGTERM)
        assert again.wait(30) == 0
    told, seen, last, waiting = told_and_seen(world.pages.dsn)
    assert waiting == 0
    assert told == seen
    came = defaultdict(set)
    for message in world.mailbox.messages:
        lines = [line for line in text_of(message).splitlines() if line.startswith("- ")]
        came[int(message["Message-ID"].partition(".")[2].partition("@")[0])].add("\n".join(lines))
    assert set(came) == set(range(1, last + 1))
    assert all(len(texts) == 1 for texts in came.values()), "what comes twice says the same"
