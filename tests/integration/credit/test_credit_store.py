"""The store of credit signals keeps what the core says: all credit stories told into a real database, in any order and batches."""

from __future__ import annotations

import contextlib
import json
import os
import random
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import psycopg
import pytest
from typer.testing import CliRunner

from services.audit.fsck.check import fsck
from services.audit.report import Damage, Report
from services.cli.exits import Exit, Failure
from services.cli.main import app
from services.credit.domain.observations import Cell, Count, Observation, count
from services.credit.domain.signals import Signal, model
from services.credit.store import projector, records, statement
from services.ledger.registry import store as registry_store
from services.ledger.storage.operations import quarantine
from services.ledger.storage.session import Session, open_session
from services.processors.ledger_store import PROJECTIONS
from services.runtime.ports import free_port
from services.testbed.localstack.engine import DatabaseAddress
from tests.stories.credit.story import CreditStory, State, credit_stories, joined
from tests.support.databases import migrated_database
from tests.support.signed_stories import GATEWAY, NETWORK, Desk, key_of, record, register

pytestmark = pytest.mark.integration
TABLE = model()


@dataclass
class Universe:
    """All stories side by side in one database, each with parties and objects of its own."""

    told: tuple[CreditStory, ...]

    @cached_property
    def state(self) -> State:
        return joined([piece for story in self.told for piece in story.pieces])

    @cached_property
    def observations(self) -> frozenset[Observation]:
        return frozenset().union(*(story.state.observations(TABLE) for story in self.told))

    def without(self, parties: frozenset[str]) -> frozenset[Observation]:
        """What would be observed if the parties had never said anything."""
        return frozenset().union(*(self._left(story, parties).observations(TABLE) for story in self.told))

    @staticmethod
    def _left(story: CreditStory, parties: frozenset[str]) -> State:
        both = zip(story.story.told, story.pieces, strict=True)
        return joined([piece for told, piece in both if told.publisher.code not in parties])


@pytest.fixture(scope="module")
def universe() -> Universe:
    scoped = (CreditStory(each.story.scoped(f"c{n:02}")) for n, each in enumerate(credit_stories()))
    return Universe(tuple(scoped))


@pytest.fixture
def dsn(postgres: DatabaseAddress, universe: Universe, request: pytest.FixtureRequest) -> str:
    fresh = migrated_database(postgres, "credit_" + str(abs(hash(request.node.name)) % 10**8))
    with psycopg.connect(fresh) as session:
        register(session, [story.story for story in universe.told])
    return fresh


@pytest.fixture
def session(dsn: str) -> Iterator[Session]:
    opened = open_session(dsn)
    opened.autocommit = True
    yield opened
    opened.close()


def stored(session: Session) -> tuple[frozenset[Observation], dict[Cell, Count]]:
    """What stands in the tables; the counts must be those of the observations, whatever else."""
    rows = session.execute(
        "SELECT shipper, signal, subject, unit, day, bad, events FROM lianyun.credit_observation", binary=True
    )
    seen = frozenset(projector.observation(row) for row in rows)
    counts = session.execute("SELECT shipper, signal, day, trials, bad FROM lianyun.credit_count")
    return seen, {Cell(a, Signal(b), c): Count(d, e) for a, b, c, d, e in counts}


def tell(dsn: str, session: Session, universe: Universe, seed: int, most: int) -> None:
    """The events in a random order and random batches, some twice, with steps of the projector in between."""
    rng = random.Random(seed)
    events = [told for story in universe.told for told in story.story.told]
    events += rng.sample(events, len(events) // 10)
    rng.shuffle(events)
    desk = Desk(dsn)
    at = 0
    while at < len(events):
        size = rng.randint(1, most)
        desk.apply([record(told, at + n) for n, told in enumerate(events[at : at + size])])
        at += size
        if rng.random() < 0.5:
            projector.step(session, rng.choice((20, 200)), TABLE)
        if rng.random() < 0.2:
            desk.writer.tick()
    desk.settle()
    desk.close()
    projector.catch_up(session, 200, TABLE)


@pytest.mark.parametrize(("seed", "most"), [(1, 250), pytest.param(2, 60, marks=pytest.mark.long)])
def test_the_store_says_what_the_core_says(
    dsn: str, session: Session, universe: Universe, seed: int, most: int
) -> None:
    tell(dsn, session, universe, seed, most)
    seen, counts = stored(session)
    assert seen == universe.observations
    assert counts == count(seen)

    registry = registry_store.read_snapshot(session)
    for story in universe.told:
        for name in story.story.expect:
            shipper = story.story.party(name)
            given = records.read_as(
                session, shipper, "CREDIT_ASSESSMENT", shipper, story.as_of, story.as_of, registry
            )
            assert given is not None
            told = story.state.record(shipper, story.as_of, TABLE)
            assert given.record.assessment == told.assessment, story.slug
            assert given.record.undisputed == told.undisputed, story.slug

    # Made anew from the events under other rules, everything comes out the same.
    other = TABLE.model_copy(update={"reasons": 3})
    projector.catch_up(session, 200, other)
    assert stored(session) == (seen, counts)


@pytest.mark.parametrize("seed", [7, *(pytest.param(seed, marks=pytest.mark.long) for seed in (8, 9))])
def test_what_was_put_aside_with_its_key_is_followed(
    dsn: str, session: Session, universe: Universe, seed: int
) -> None:
    """Foundings, links, findings, corrections, loans: the signals end where they would be had they never been said."""
    rng = random.Random(seed)
    parties = sorted({told.publisher.code for story in universe.told for told in story.story.told})
    stolen = frozenset(rng.sample(parties, len(parties) // 4))
    events = [told for story in universe.told for told in story.story.told]
    rng.shuffle(events)
    desk = Desk(dsn)

    def put_aside() -> int:
        with session.transaction():
            return sum(quarantine(session, key_of(party).key_id, 0) for party in sorted(stolen))

    half = len(events) // 2
    desk.apply([record(told, n) for n, told in enumerate(events[:half])])
    projector.step(session, 150, TABLE)
    assert put_aside()
    projector.step(session, 40, TABLE)
    desk.apply([record(told, half + n) for n, told in enumerate(events[half:])])
    desk.settle()
    projector.catch_up(session, 100, TABLE)
    assert put_aside()
    desk.settle()
    desk.close()
    projector.catch_up(session, 100, TABLE)
    seen, counts = stored(session)
    assert seen == universe.without(stolen) != universe.observations
    assert counts == count(seen)
    report = fsck(dsn, NETWORK, gateway_topics=frozenset({GATEWAY}))
    assert not [each for each in report.findings if each.kind is Damage.CREDIT], report.findings
    assert "credit_behind" not in report.counts


def test_fsck_says_when_what_was_put_aside_has_not_been_followed(
    dsn: str, session: Session, universe: Universe
) -> None:
    story = next(each for each in universe.told if each.slug == "03_findings_not_selections")
    desk = Desk(dsn)
    desk.apply([record(told, n) for n, told in enumerate(story.story.told)])
    desk.settle()
    projector.catch_up(session)
    with session.transaction():
        assert quarantine(session, key_of(story.story.party("gacc")).key_id, 0)
    desk.settle()
    desk.close()
    report = fsck(dsn, NETWORK, gateway_topics=frozenset({GATEWAY}))
    assert report.counts["credit_behind"] == 1
    assert not [each for each in report.findings if each.kind is Damage.CREDIT]


def test_a_revocation_ends_reading_before_anybody_has_followed_it(
    dsn: str, session: Session, universe: Universe
) -> None:
    """Consents, revocations and objections count from the transaction that accepts them."""
    story = next(each for each in universe.told if each.slug == "14_consent")
    party, told = story.story.party, story.story.told
    desk = Desk(dsn, projections=PROJECTIONS)
    late = [each for each in told if "consent_revoked" in each.envelope.type]
    desk.apply([record(each, n) for n, each in enumerate(each for each in told if each not in late)])
    desk.settle()
    registry = registry_store.read_snapshot(session)

    def reads(purpose: str) -> set[str] | None:
        given = records.read_as(
            session, party("ostbank"), purpose, party("lake"), story.as_of, story.as_of, registry
        )
        return None if given is None else {str(part) for part in given.permission.parts}

    before = reads("FINANCING_APPLICATION")
    assert before, "a consent counts before it was followed"
    desk.apply([record(each, desk.next_offset + n) for n, each in enumerate(late)])
    assert reads("FINANCING_APPLICATION") is None
    desk.settle()
    desk.close()
    projector.catch_up(session)
    assert reads("FINANCING_APPLICATION") is None
    projector.forget(session)
    assert reads("FINANCING_APPLICATION") is None, "nor while all is judged anew"


def test_reading_needs_leave(dsn: str, session: Session, universe: Universe) -> None:
    story = next(each for each in universe.told if each.slug == "14_consent")
    desk = Desk(dsn)
    desk.apply([record(told, n) for n, told in enumerate(story.story.told)])
    desk.settle()
    desk.close()
    projector.catch_up(session)
    registry = registry_store.read_snapshot(session)

    def reads(reader: str, purpose: str, shipper: str) -> set[str] | None:
        party = story.story.party
        given = records.read_as(
            session, party(reader), purpose, party(shipper), story.as_of, story.as_of, registry
        )
        return None if given is None else {str(part) for part in given.permission.parts}

    assert reads("silkbank", "CREDIT_ASSESSMENT", "lake") == {"SCORE", "SIGNALS"}
    assert reads("ostbank", "PORTFOLIO_MONITORING", "lake") == {"EVIDENCE"}
    assert reads("ostbank", "FINANCING_APPLICATION", "lake") is None
    assert reads("silkbank", "CREDIT_ASSESSMENT", "nobody") is None


def test_a_step_that_fails_leaves_nothing(
    dsn: str, session: Session, universe: Universe, monkeypatch: pytest.MonkeyPatch
) -> None:
    story = next(each for each in universe.told if each.slug == "03_findings_not_selections")
    desk = Desk(dsn)
    desk.apply([record(told, n) for n, told in enumerate(story.story.told)])
    desk.settle()
    desk.close()
    whole = projector.statement
    monkeypatch.setattr(
        projector, "statement", lambda name: b"SELECT 1 / 0" if name == "advance" else whole(name)
    )
    with pytest.raises(psycopg.errors.DivisionByZero):
        projector.step(session)
    assert stored(session) == (frozenset(), {})
    monkeypatch.undo()
    projector.catch_up(session)
    assert stored(session)[0] == story.state.observations(TABLE)


def test_a_count_never_falls_below_nothing(session: Session) -> None:
    taken = {"shippers": ["x"], "signals": [1], "days": [1], "trials": [-1], "bads": [0]}
    with pytest.raises(psycopg.errors.CheckViolation):
        session.execute(statement("change"), taken)


def test_what_was_judged_before_the_state_settled_is_judged_again(
    dsn: str, session: Session, universe: Universe
) -> None:
    story = next(each for each in universe.told if each.slug == "03_findings_not_selections")
    desk = Desk(dsn)
    desk.apply([record(told, n) for n, told in enumerate(story.story.told)])
    desk.settle()
    desk.close()
    session.execute("INSERT INTO lianyun.pending (judged, nos, consignments) VALUES ('{}', '{}', '{}')")
    projector.catch_up(session)
    # As if another writer's link had been missed when the cargo was judged.
    session.execute("DELETE FROM lianyun.credit_observation")
    session.execute("DELETE FROM lianyun.credit_count")
    projector.catch_up(session)
    assert stored(session) == (frozenset(), {}), "while it waits nothing is judged again"
    session.execute("DELETE FROM lianyun.pending")
    projector.catch_up(session)
    seen, counts = stored(session)
    assert seen == story.state.observations(TABLE)
    assert counts == count(seen)


def test_the_commands(dsn: str, universe: Universe, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bank with consent reads a score with its reasons; without consent the answer is that of an unknown shipper."""
    stories = {each.slug: each for each in universe.told}
    told = stories["15_disputes"].story.told
    party = stories["15_disputes"].story.party
    desk = Desk(dsn)
    desk.apply([record(each, n) for n, each in enumerate(told)])
    desk.settle()
    desk.close()
    monkeypatch.setenv("LIANYUN_DSN", dsn)

    def run(*arguments: str) -> tuple[int, str]:
        done = CliRunner().invoke(app, ["shipper", *arguments])
        failure = done.exception
        return (
            (failure.code, failure.problem) if isinstance(failure, Failure) else (done.exit_code, done.output)
        )

    assert run("follow") == (0, f"followed {len(told)} events\n")
    assert run("follow") == (0, "followed 0 events\n")
    shipper = party("lake")
    code, text = run("score", shipper, "--as", shipper, "--as-of", "2026-01-15T00:00:00Z", "--json")
    assert code == 0
    shown = json.loads(text)["record"]
    assert shown["assessment"]["status"] == "SCORED"
    assert shown["without_what_is_disputed"]["score"] > shown["assessment"]["score"]
    reason = next(each for each in shown["assessment"]["reasons"] if each["signal"] == "S4")
    assert {each["id"] for each in reason["events"]} == {"15_disputes/finding25", "15_disputes/finding28"}
    code, text = run("score", shipper, "--as", shipper, "--as-of", "2026-01-15T00:00:00Z")
    assert code == 0
    assert "under dispute" in text
    later = ("score", shipper, "--as", shipper, "--as-of", "2026-01-20T00:00:00Z", "--json")
    first, second = shown["record"], json.loads(run(*later)[1])["record"]["record"]
    assert json.loads(run(*later)[1])["record"]["record"] == second, (
        "given again unchanged it is the same record"
    )
    code, text = run("records", shipper, "--as", shipper, "--json")
    kept = {each["record"]: each for each in json.loads(text)["records"]}
    assert kept[second]["supersedes"] == first
    assert kept[first]["supersedes"] is None
    assert kept[first]["body"]["assessment"] == shown["assessment"], "what was relied on stays"
    assert json.loads(run("records", shipper, "--as", "silkbank", "--json")[1])["records"] == []

    refused = run("score", shipper, "--as", "silkbank")
    unknown = run("score", "nobody", "--as", "silkbank")
    assert refused[0] == unknown[0] == Exit.NOT_FOUND
    assert refused[1].replace(shipper, "nobody") == unknown[1]


def test_fsck_names_what_was_changed(dsn: str, session: Session, universe: Universe) -> None:
    tell(dsn, session, universe, 3, most=400)

    def checked() -> Report:
        report = fsck(dsn, NETWORK, gateway_topics=frozenset({GATEWAY}))
        assert "credit_behind" not in report.counts
        return report

    sound = checked()
    assert sound.sound, sound.findings
    assert sound.counts["credit_observations"] == len(universe.observations)

    changed = "c00-lake"
    session.execute(
        "UPDATE lianyun.credit_count SET bad = bad + 1 WHERE shipper = %s AND signal = 1", (changed,)
    )
    found = checked().findings
    assert {(f.kind, f.publisher, f.field) for f in found} == {(Damage.CREDIT, changed, "trials and bad")}
    session.execute(
        "UPDATE lianyun.credit_count SET bad = bad - 1 WHERE shipper = %s AND signal = 1", (changed,)
    )
    assert checked().sound

    session.execute(
        "UPDATE lianyun.credit_observation SET bad = 7 WHERE shipper = 'c02-lake' AND subject LIKE '%%XA-1'"
    )
    session.execute("DELETE FROM lianyun.credit_observation WHERE shipper = 'c11-lake'")
    found = checked().findings
    by = {(f.publisher, f.field) for f in found if f.where.startswith("credit observation")}
    assert by == {("c02-lake", "day, bad and events"), ("c11-lake", "row")}

    session.execute(
        "DELETE FROM lianyun.credit_about WHERE key LIKE 'event %%' AND key IN (SELECT 'event ' || "
        "replace(i.id::text, '-', '') FROM lianyun.identity i)"
    )
    found = {(f.where.rpartition(" ")[0], f.publisher) for f in checked().findings if f.field == "key"}
    assert ("credit key of event", "c13-lake") in found, "a revocation that nobody finds any more"

    projector.forget(session)
    projector.catch_up(session)
    assert checked().sound
    assert stored(session)[0] == universe.observations


def test_fsck_names_a_record_that_was_changed_after_it_was_given(dsn: str, session: Session) -> None:
    """What a bank relied on: its words, and which record it superseded."""
    for n in range(3):
        records.issue(session, "silkbank", "CREDIT_ASSESSMENT", "lake", n, {"score": 700 + n, "position": n})

    def found() -> list[tuple[str, str, str]]:
        report = fsck(dsn, NETWORK, gateway_topics=frozenset({GATEWAY}))
        assert report.counts["credit_records"] == 3
        return [(f.where, f.publisher, f.field) for f in report.findings if f.kind is Damage.CREDIT]

    assert found() == []
    session.execute("UPDATE lianyun.credit_record SET body = replace(body, '701', '901')")
    assert found() == [("credit record 2", "silkbank", "body")]
    session.execute("UPDATE lianyun.credit_record SET body = 'none' WHERE no = 2")
    assert found() == [("credit record 2", "silkbank", "body")]
    session.execute("UPDATE lianyun.credit_record SET supersedes = NULL WHERE no = 3")
    assert found() == [("credit record 2", "silkbank", "body"), ("credit record 3", "silkbank", "supersedes")]


@pytest.mark.long
def test_the_follower_may_be_killed_at_any_time(dsn: str, session: Session, universe: Universe) -> None:
    """Killed after each few steps and started again, it ends with what the core says, nothing twice and nothing missed."""
    events = [told for story in universe.told for told in story.story.told]
    random.Random(5).shuffle(events)
    desk = Desk(dsn)
    desk.apply([record(told, n) for n, told in enumerate(events)])
    desk.settle()
    desk.close()
    environment = {
        **os.environ,
        "LIANYUN_DSN": dsn,
        "LIANYUN_CREDIT_EVENTS": "40",
        "LIANYUN_CREDIT_TICK": "0.1",
    }

    def followed() -> int:
        row = session.execute("SELECT no FROM lianyun.credit_cursor").fetchone()
        return 0 if row is None else int(row[0])

    last = session.execute("SELECT max(no) FROM lianyun.body").fetchone()
    assert last is not None
    kills = 0
    until = time.monotonic() + 120
    while followed() < last[0]:
        before = followed()
        process = subprocess.Popen([sys.executable, "-m", "services.credit"], env=environment)
        enough = before + 200 if kills < 3 else int(last[0])
        while followed() < min(enough, last[0]):
            assert process.poll() is None, "the follower ended by itself"
            assert time.monotonic() < until
            time.sleep(0.02)
        process.kill()
        process.wait()
        kills += 1
    assert kills > 2
    seen, counts = stored(session)
    assert seen == universe.observations
    assert counts == count(seen)


def test_the_follower_tells_how_far_it_is_and_ends_when_asked(
    dsn: str, session: Session, universe: Universe
) -> None:
    story = next(each for each in universe.told if each.slug == "03_findings_not_selections")
    desk = Desk(dsn)
    desk.apply([record(told, n) for n, told in enumerate(story.story.told)])
    desk.settle()
    desk.close()
    port = free_port()
    environment = {**os.environ, "LIANYUN_DSN": dsn, "LIANYUN_CREDIT_METRICS_PORT": str(port)}
    began = time.time()
    follower = subprocess.Popen(
        [sys.executable, "-m", "services.cli", "shipper", "follow", "--keep-on"], env=environment
    )

    def asked(path: str) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}", timeout=5) as answer:
            return str(answer.read().decode())

    try:
        until, shown = time.monotonic() + 60, dict[str, float]()
        while not shown.get("lianyun_credit_whole_timestamp_seconds"):
            assert follower.poll() is None
            assert time.monotonic() < until
            time.sleep(0.1)
            with contextlib.suppress(OSError):
                lines = (line.split(" ") for line in asked("metrics").splitlines())
                shown = {line[0]: float(line[1]) for line in lines if line[0].startswith("lianyun_credit")}
        assert shown["lianyun_credit_whole_timestamp_seconds"] > began
        assert shown["lianyun_credit_events_followed_total"] == len(story.story.told)
        assert shown["lianyun_credit_observations_changed_total"] >= len(stored(session)[0]) > 0
        assert json.loads(asked("health/live"))["ok"] is True
    finally:
        follower.terminate()
    assert follower.wait(30) == 0
    (whole_at,) = session.execute("SELECT whole_at FROM lianyun.credit_cursor").fetchone() or (None,)
    assert whole_at is not None
    assert whole_at.timestamp() > began
