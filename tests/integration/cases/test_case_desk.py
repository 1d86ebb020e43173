"""Steps of cases on the real store: two desks that want one case, a cause that comes and goes, and the commands of the shift."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from typer.testing import CliRunner

from services.cases.domain.lifecycle import Refused, Step, StepKind, StepRequest, Team
from services.cases.store import overview, projector
from services.cases.store.overview import Listed, Wanted
from services.cli.exits import Exit, Failure
from services.cli.main import app
from services.financing.store.keys import make_keys, prepare
from services.ledger.registry import store as registry_store
from services.ledger.storage import points
from services.ledger.storage.session import Session, open_session
from services.testbed.localstack.engine import DatabaseAddress
from tests.stories.story import Story, stories
from tests.support.cases.platform import Clock, register_platform
from tests.support.databases import migrated_database
from tests.support.signed_stories import Desk as Hand
from tests.support.signed_stories import record, register
from tests.support.storage.writers import Pausing, start

pytestmark = pytest.mark.integration
KTZ, CR = Team("ktz", "dostyk-shift"), Team("cr", "alashankou-shift")
NOW = 1_693_958_400_000_000  # 2023-09-06T00:00Z
HOUR = 3_600_000_000
TRAIN = {"objects": "train ktz/1407/2023-09-02/dostyk", "place": "aktogay"}
MORE = (
    {
        "id": "b-resumed",
        "by": "ktz",
        "at": "2023-09-06T09:00+06:00",
        "type": "movement.train_resumed",
        "says": TRAIN,
    },
    {
        "id": "b-held-again",
        "by": "ktz",
        "at": "2023-09-06T12:00+06:00",
        "type": "movement.train_held",
        "says": {**TRAIN, "reason": "CONGESTION"},
    },
    {
        "id": "b-on",
        "by": "ktz",
        "at": "2023-09-06T15:00+06:00",
        "type": "movement.train_resumed",
        "says": TRAIN,
    },
)


def held_train() -> Story:
    """The story of the train that is set aside, and how it goes on with it."""
    told = next(story for story in stories() if story.slug.startswith("26"))
    return replace(told, events=(*told.events, *MORE))


@dataclass
class World:
    dsn: str
    session: Session
    clock: Clock
    hand: Hand
    story: Story
    offset: int = 0

    def hear(self, *shorts: str) -> None:
        told = [each for each in self.story.told if each.short in shorts]
        self.hand.apply([record(each, self.offset + n) for n, each in enumerate(told)])
        self.offset += len(told)
        self.hand.settle()

    def follow(self, at: int) -> list[StepKind]:
        self.clock.at = at
        return [
            step.kind for done in projector.catch_up(self.session, self.clock.desk) for step in done.steps
        ]

    def ask(self, case: bytes, ask: StepRequest) -> Step | Refused | None:
        with self.session.transaction():
            return self.clock.desk.take_step(self.session, case, ask)

    def held(self) -> Listed:
        found = overview.listed(self.session, Wanted(everything=True))
        return next(case for case in found if case.what == "TRAIN_HELD" and "1407" in case.about.key)


@pytest.fixture
def world(postgres: DatabaseAddress, request: pytest.FixtureRequest) -> Iterator[World]:
    dsn = migrated_database(postgres, "case_desk_" + str(abs(hash(request.node.name)) % 10**8))
    story = held_train()
    with psycopg.connect(dsn) as session:
        register(session, [story])
        register_platform(session)
    session = open_session(dsn)
    session.autocommit = True
    hand = Hand(dsn)
    made = World(dsn, session, Clock(NOW), hand, story)
    made.hear(*(each.short for each in story.told if not each.short.startswith("b-")))
    yield made
    points.install(None)
    hand.close()
    session.close()


def test_of_two_desks_that_want_one_case_one_owns_it(world: World) -> None:
    assert StepKind.OPENED in world.follow(NOW)
    case = world.held().id
    answers: dict[str, Step | Refused | None] = {}

    def acknowledge(name: str, desk: Team) -> None:
        with open_session(world.dsn) as session:
            answers[name] = world.clock.desk.take_step(
                session, case, StepRequest(StepKind.ACKNOWLEDGED, desk)
            )

    pausing = Pausing("first", "case_locked")
    points.install(pausing)
    first = start("first", lambda: acknowledge("first", KTZ))
    assert pausing.reached.wait(30)
    second = start("second", lambda: acknowledge("second", CR))
    waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    while world.session.execute(waiting).fetchone() != (1,):
        assert second.thread.is_alive(), "the second desk did not wait for the first"
    pausing.go_on.set()
    first.join()
    second.join()
    assert isinstance(answers["first"], Step)
    refused = answers["second"]
    assert isinstance(refused, Refused)
    assert "owned by ktz/dostyk-shift" in refused.problem
    assert world.held().life.owner == KTZ
    kinds = [step.kind for step in overview.whole(world.session, case).steps]
    assert kinds == [StepKind.OPENED, StepKind.ACKNOWLEDGED]


def test_many_at_once_leave_one_owner_for_each_case(world: World) -> None:
    world.follow(NOW + 40 * 24 * HOUR)  # by then all are silent as well
    cases = [case.id for case in overview.listed(world.session, Wanted())]
    assert len(cases) >= 3
    barrier = threading.Barrier(4)

    def grab(desk: Team) -> None:
        with open_session(world.dsn) as session:
            session.autocommit = True
            barrier.wait(30)
            for case in cases:
                with session.transaction():
                    world.clock.desk.take_step(session, case, StepRequest(StepKind.ACKNOWLEDGED, desk))

    running = [start(f"desk-{n}", lambda n=n: grab(Team("ktz", f"desk-{n}"))) for n in range(4)]
    for each in running:
        each.join()
    for case in cases:
        steps = overview.whole(world.session, case).steps
        assert [step.kind for step in steps] == [StepKind.OPENED, StepKind.ACKNOWLEDGED]


def test_a_case_closes_with_its_cause_unless_somebody_owns_it_and_opens_again_when_that_returns(
    world: World,
) -> None:
    world.follow(NOW)
    world.hear("b-resumed")
    assert world.follow(NOW + 4 * HOUR) == [StepKind.CLOSED]
    assert world.held().life.reason == "CAUSE_GONE"
    world.hear("b-held-again")
    assert world.follow(NOW + 7 * HOUR) == [StepKind.REOPENED]
    case = world.held().id
    assert isinstance(world.ask(case, StepRequest(StepKind.ACKNOWLEDGED, KTZ)), Step)
    snooze = StepRequest(StepKind.SNOOZED, KTZ, until=NOW + 9 * HOUR, reason="the locomotive is on its way")
    assert isinstance(world.ask(case, snooze), Step)
    assert world.held().status(NOW + 8 * HOUR) == "SNOOZED"
    world.hear("b-on")
    assert world.follow(NOW + 10 * HOUR) == [], "it is not closed behind its owner's back"
    shown = world.held()
    assert (shown.status(NOW + 10 * HOUR), shown.stands, shown.life.owner) == ("OWNED", False, KTZ)
    assert isinstance(world.ask(case, StepRequest(StepKind.CLOSED, KTZ, reason="RESOLVED")), Step)
    assert world.follow(NOW + 11 * HOUR) == []


def test_nothing_is_opened_before_all_that_is_visible_was_followed(world: World) -> None:
    world.clock.at = NOW
    first = projector.step(world.session, world.clock.desk, 9)  # all there is, but that is not known yet
    waiting = "SELECT count(*) > 0 FROM lianyun.case_again"
    assert world.session.execute(waiting).fetchone() == (True,), "whom they concern is judged at the end"
    assert (first.events, first.whole, first.judged, first.steps) == (9, False, 0, ())
    assert world.follow(NOW) == [StepKind.OPENED]
    assert world.session.execute(waiting).fetchone() == (False,)


def test_many_are_judged_while_more_is_to_be_followed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.clock.at = NOW
    monkeypatch.setattr(projector, "JUDGED_AT_ONCE", 0)
    nobody = projector.step(world.session, world.clock.desk, 9)
    monkeypatch.setattr(projector, "JUDGED_AT_ONCE", 1)
    some = projector.step(world.session, world.clock.desk, 9)
    assert (nobody.judged, nobody.whole, some.judged) == (0, False, 1)
    assert world.follow(NOW) == [StepKind.OPENED]


def test_the_commands_of_a_shift(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = tmp_path / "keys.json"
    held = make_keys(keys)
    with psycopg.connect(world.dsn) as session:
        commands = prepare(session, replace(held, source="urn:lianyun:shift"), "demo", NOW, "test")
        assert commands  # its key is registered; the platform itself was
        known = registry_store.load(session)
        assert known.party("ktz") is not None
    monkeypatch.chdir(tmp_path)
    for name, value in (("DSN", world.dsn), ("FINANCING_KEYS", str(keys)), ("DESK", str(KTZ))):
        monkeypatch.setenv(f"LIANYUN_{name}", value)

    def run(*words: str) -> Any:
        result = CliRunner().invoke(app, [*words, "--json"])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    followed = CliRunner().invoke(app, ["cases", "follow", "--at", "2023-09-06T00:00:00Z"])
    assert followed.exit_code == 0, followed.output
    listed = run("cases", "list", "--kind", "HELD")["cases"]
    assert [case["about"] for case in listed] == ["train:KTZ/1407/2023-09-02/railnet:dostyk"]
    case = listed[0]["case"][:8]
    assert (listed[0]["status"], listed[0]["acts"], listed[0]["due"]) == (
        "OPEN",
        "railway",
        "2023-09-04T21:00:00Z",
    )

    assert run("cases", "ack", case)["case"]["owner"] == "ktz/dostyk-shift"
    assert run("cases", "ack", case)["step"] is None
    with pytest.raises(Failure, match="owned by ktz/dostyk-shift") as refused:
        run("cases", "ack", case, "--by", "ktz/other")
    assert refused.value.code is Exit.FAILED
    with pytest.raises(Failure, match="no party is registered as 'nobody'"):
        run("cases", "assign", case, "nobody/desk")
    with pytest.raises(Failure, match="there is no case 'ffffffff'"):
        run("cases", "show", "ffffffff")
    run("cases", "note", case, "engine promised for six")
    until = ("--until", "2099-01-01T00:00:00Z", "--reason", "engine promised")
    assert run("cases", "snooze", case, *until)["case"]["status"] == "SNOOZED"
    assert run("cases", "assign", case, "ktz/aktogay-shift")["case"]["status"] == "OWNED"
    report = run("shift", "report", "--since", "2023-09-01T00:00:00Z")["posts"]
    (mine,) = [post for post in report if post["owner"] == "ktz/aktogay-shift"]
    assert [each["case"][:8] for each in mine["standing"]] == [case]
    assert [each.get("note") or each.get("reason") for each in mine["notes"]] == [
        "engine promised for six",
        "engine promised",
    ]
    closed = run("cases", "close", case, "--by", "ktz/aktogay-shift", "--note", "gone on")
    assert (closed["case"]["status"], closed["case"]["closed_as"]) == ("CLOSED", "RESOLVED")
    shown = run("cases", "show", case)["case"]
    assert [step["step"] for step in shown["steps"]] == [
        "opened", "acknowledged", "noted", "snoozed", "assigned", "closed",
    ]  # fmt: skip
    assert [each["id"] for each in shown["evidence"]] == ["26_train_held_and_resumed/held"]
    chinese = CliRunner().invoke(app, ["shift", "report", "--since", "2023-09-01T00:00:00Z", "--lang", "zh"])
    assert "交接班报告" in chinese.output
    assert "已结: 1" in chinese.output
    for words in (["cases", "list", "--all"], ["cases", "show", case]):
        told = CliRunner().invoke(app, words)
        assert case in told.output, told.output
