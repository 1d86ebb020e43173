"""The follower of cases under a role of its own, on a real server: all its work, that with pledges among it, and as a process."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from services.audit.fsck.check import fsck
from services.cases.domain.lifecycle import StepKind
from services.cases.store import overview, projector
from services.cases.store.overview import Wanted
from services.financing.store.keys import make_keys, prepare
from services.ledger.storage.generations import switch_generation
from services.ledger.storage.migrate import migrate
from services.ledger.storage.session import Session, open_session
from services.runtime.ports import free_port
from services.testbed.localstack import LocalStack
from tests.stories.story import stories
from tests.support.api.cast import play
from tests.support.cases.platform import Clock
from tests.support.financing.stored_world import SIGNER
from tests.support.financing.stories import micros
from tests.support.signed_stories import Desk, record, register

pytestmark = pytest.mark.integration
EVENTS, STEPS = b"SELECT count(*) FROM lianyun.identity", b"SELECT count(*) FROM lianyun.case_step"
ROLES = Path(__file__).resolve().parents[3] / "infra" / "postgres" / "roles.sql"


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The address of a database, ROLE for the role, in which a bank holds a pledge and the platform is registered."""
    with LocalStack(kafka=False, durable=False) as stack:
        head, _, _ = stack.database.admin_dsn.rpartition("/")
        with psycopg.connect(f"{head}/lianyun", autocommit=True) as admin:
            admin.execute(ROLES.read_bytes())
            for role in ("owner", "cases"):
                admin.execute(f"ALTER ROLE lianyun_{role} PASSWORD 'only-here'".encode())
        address = f"postgresql://lianyun_ROLE:only-here@{head.rpartition('@')[2]}/lianyun"
        owner = address.replace("ROLE", "owner")
        migrate(owner)
        play(owner)
        yield address


@pytest.fixture
def session(server: str) -> Iterator[Session]:
    """One of the follower's role."""
    with open_session(server.replace("ROLE", "cases")) as opened:
        opened.autocommit = True
        yield opened


def set_by_hand() -> Clock:
    """A desk's clock; steps are signed by the key with which the pledge was decided."""
    clock = Clock(0)
    clock.desk = replace(clock.desk, signer=SIGNER)
    return clock


def stepped(session: Session, clock: Clock, at: str) -> list[StepKind]:
    clock.at = micros(at)
    return [step.kind for done in projector.catch_up(session, clock.desk) for step in done.steps]


def kinds(session: Session) -> set[str]:
    return {str(case.kind) for case in overview.listed(session, Wanted(everything=True))}


def test_it_opens_and_closes_cases_those_of_pledges_too(server: str, session: Session) -> None:
    owner = server.replace("ROLE", "owner")
    told = next(each for each in stories() if each.slug == "26_train_held_and_resumed")
    story = told.scoped("c26")
    with psycopg.connect(owner) as registering:
        register(registering, [story])
    hand, clock = Desk(owner), set_by_hand()
    *before, resumed = story.told
    hand.apply([record(each, number) for number, each in enumerate(before)])
    hand.settle()
    opened = stepped(session, clock, "2023-09-04T00:00Z")
    assert opened == [StepKind.OPENED] * 4, "two trains are held, and two trades contradict themselves"
    hand.apply([record(resumed, len(before))])
    hand.settle()
    hand.close()
    assert stepped(session, clock, "2023-09-06T00:00Z") == [StepKind.CLOSED], "one of them goes on"
    assert stepped(session, clock, "2026-04-01T00:00Z")
    assert kinds(session) >= {"HELD", "FINANCING_ALERT"}, "the cover of a pledge was cancelled"
    report = fsck(owner, "demo")
    assert report.counts["case_steps"] > 3
    assert not [finding for finding in report.findings if "case" in finding.where], report.findings


def test_it_goes_on_after_the_state_and_the_causes_were_made_anew(server: str, session: Session) -> None:
    clock = set_by_hand()
    stepped(session, clock, "2026-04-01T00:00Z")
    with open_session(server.replace("ROLE", "owner"), "lianyun-test") as owner:
        switch_generation(owner, 1)
        owner.commit()
    projector.forget(session)
    assert stepped(session, clock, "2026-04-01T00:00Z") == [], (
        "the same causes are found, and no step is taken twice"
    )
    assert "FINANCING_ALERT" in kinds(session)


def test_its_process_tells_how_far_it_is_and_ends_when_asked(
    server: str, session: Session, tmp_path: Path
) -> None:
    keys = tmp_path / "keys.json"
    with psycopg.connect(server.replace("ROLE", "owner")) as owner:
        prepare(owner, make_keys(keys), "demo", 0, "test")
        owner.execute("TRUNCATE lianyun.case_step, lianyun.case_head")  # as if nobody had ever followed
    keys.chmod(0o400)  # it is read only
    projector.forget(session)
    events = count(session, EVENTS)
    port, began = free_port(), time.time()
    environment = {
        **os.environ,
        "LIANYUN_DSN": server.replace("ROLE", "cases"),
        "LIANYUN_FINANCING_KEYS": str(keys),
        "LIANYUN_CASES_METRICS_PORT": str(port),
    }
    words = [sys.executable, "-m", "services.cli", "cases", "follow", "--keep-on"]
    follower = subprocess.Popen(words, env=environment)

    def asked(path: str) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}", timeout=5) as answer:
            return str(answer.read().decode())

    try:
        until, shown = time.monotonic() + 60, dict[str, float]()
        while not shown.get("lianyun_cases_whole_timestamp_seconds"):
            assert follower.poll() is None
            assert time.monotonic() < until
            time.sleep(0.1)
            with contextlib.suppress(OSError):
                lines = (line.split(" ") for line in asked("metrics").splitlines())
                shown = {line[0]: float(line[1]) for line in lines if line[0].startswith("lianyun_cases")}
        assert shown["lianyun_cases_whole_timestamp_seconds"] > began
        assert shown["lianyun_cases_events_followed_total"] >= events > 10
        assert shown["lianyun_cases_steps_total"] == count(session, STEPS) > 0
        assert shown["lianyun_cases_unread_total"] == 0
        assert json.loads(asked("health/live"))["ok"] is True
    finally:
        follower.terminate()
    assert follower.wait(30) == 0


def count(session: Session, query: bytes) -> int:
    ((found,),) = session.execute(query).fetchall()
    return int(found)
