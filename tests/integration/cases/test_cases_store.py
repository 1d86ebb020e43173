"""The store of cases keeps what the rules say: all stories told into a real database, in any order and batches."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator

import psycopg
import pytest

from schemas.events import catalogue
from schemas.events.base import Region
from services.audit.fsck.check import fsck
from services.audit.report import Damage
from services.cases.domain.causes import CaseKind, Cause, causes, joined
from services.cases.store import evaluation, projector
from services.cases.store.evaluation import EventCache
from services.cases.store.rows import cause_of
from services.domain.derive import derive
from services.domain.facts import Facts
from services.domain.objects import ObjectId
from services.domain.rules import rules
from services.ledger.registry import store as registry_store
from services.ledger.storage.session import Session, open_session
from services.monitoring.exporter import consignments
from services.query.listing.rows import ListRow, rows_of
from services.testbed.localstack.engine import DatabaseAddress
from tests.stories.story import Story
from tests.support.cases.platform import Clock, register_platform
from tests.support.databases import migrated_database
from tests.support.signed_stories import GATEWAY, Desk, all_stories, record, register

pytestmark = pytest.mark.integration
NOW = 1_775_000_000_000_000
"""A moment in spring 2026: in the middle of most stories, behind many."""


@pytest.fixture(scope="module")
def told() -> tuple[Story, ...]:
    return all_stories("k")


@pytest.fixture
def dsn(postgres: DatabaseAddress, told: tuple[Story, ...], request: pytest.FixtureRequest) -> str:
    fresh = migrated_database(postgres, "cases_" + str(abs(hash(request.node.name)) % 10**8))
    with psycopg.connect(fresh) as session:
        register(session, told)
        register_platform(session)
    return fresh


@pytest.fixture
def session(dsn: str) -> Iterator[Session]:
    opened = open_session(dsn)
    opened.autocommit = True
    yield opened
    opened.close()


def wanted(told: tuple[Story, ...], as_of: int) -> set[tuple[ObjectId, Cause]]:
    """What the rules find in the stories, each told in the order of its file, with nothing but the core."""
    found: set[tuple[ObjectId, Cause]] = set()
    for story in told:
        facts = Facts.union(each.facts() for each in story.told)
        for founded in {f.consignment for f in facts.foundings}:
            view = derive(facts, founded, as_of)
            if view is not None and view.consignment == founded:
                found |= {(founded.id, cause) for cause in joined(causes(view, as_of)).values()}
    return found


def stored(session: Session) -> set[tuple[ObjectId, Cause]]:
    rows = session.execute(
        "SELECT cons, case_id, kind, what, about_kind, about, jurisdiction, scope, place, occurrence, since, due, events,"
        " missing, surplus, normal, parties FROM lianyun.case_cause",
        binary=True,
    )
    return {cause_of(row) for row in rows}


def wanted_lists(told: tuple[Story, ...], as_of: int) -> set[ListRow]:
    """The lists of the parties, by nothing but the core."""
    found: set[ListRow] = set()
    for story in told:
        facts = Facts.union(each.facts() for each in story.told)
        for founded in {f.consignment for f in facts.foundings}:
            view = derive(facts, founded, as_of)
            if view is not None and view.consignment == founded:
                found |= rows_of(view, facts)
    return found


def stored_lists(session: Session) -> set[ListRow]:
    rows = session.execute(
        "SELECT party, cons, opened, phase, corridor, late, disputed, trouble, silent FROM lianyun.consignment_party",
        binary=True,
    )
    return {ListRow(*row) for row in rows}


def tell(dsn: str, session: Session, told: tuple[Story, ...], clock: Clock, seed: int) -> None:
    """All events in a random order and random batches, some twice, with steps of the follower in between."""
    rng = random.Random(seed)
    events = [each for story in told for each in story.told]
    events += rng.sample(events, len(events) // 10)
    rng.shuffle(events)
    desk = Desk(dsn)
    at = 0
    while at < len(events):
        size = rng.randint(1, 120)
        desk.apply([record(each, at + n) for n, each in enumerate(events[at : at + size])])
        at += size
        clock.at += 60_000_000
        if rng.random() < 0.3:
            projector.step(session, clock.desk, rng.choice((20, 200)))
    desk.settle()
    desk.close()
    clock.at = NOW
    projector.catch_up(session, clock.desk, 200)


@pytest.mark.long
def test_the_store_finds_what_the_rules_find_and_nothing_else_ever(
    dsn: str, session: Session, told: tuple[Story, ...]
) -> None:
    clock = Clock(NOW - 30 * 86_400_000_000)
    tell(dsn, session, told, clock, 1)
    expected = wanted(told, NOW)
    found = stored(session)
    assert found - expected == set()
    assert expected - found == set()
    assert stored_lists(session) == wanted_lists(told, NOW)
    kinds = {str(cause.kind) for _, cause in expected}
    assert kinds == {"HELD", "DETAINED", "TROUBLE", "SILENT", "OVERDUE", "HANDOVER_DIFFERENCE", "DISPUTE"}
    assert standing(session) == {cause.case for _, cause in expected}
    assert counted(dsn, NOW) == late_by_the_core(told, NOW)

    # Time alone opens and closes: nothing is published for two months more.
    clock.at = NOW + 60 * 86_400_000_000
    projector.catch_up(session, clock.desk, 200)
    later = wanted(told, clock.at)
    assert later != expected
    assert stored(session) == later
    assert stored_lists(session) == wanted_lists(told, clock.at)
    assert standing(session) == {cause.case for _, cause in later}
    assert counted(dsn, clock.at) == late_by_the_core(told, clock.at)
    assert counted(dsn, clock.at + consignments.MAX_CAUSE_AGE + 1) == {}, "what is old is not told"

    # Judged in sets, each is judged as it is alone: its causes, and when to look again.
    registry, memory = registry_store.read_snapshot(session), EventCache()
    rows = session.execute(
        "SELECT cons FROM lianyun.head WHERE founded ORDER BY cons", binary=True
    ).fetchall()
    everyone = [row[0] for row in rows]
    in_sets = evaluation.evaluations(session, everyone, clock.at, registry, memory)
    assert [consignment for consignment, _ in in_sets] == everyone
    for consignment, one in in_sets:
        view, found_alone, due = evaluation.expected(session, consignment, clock.at, registry)
        assert isinstance(one, evaluation.ExpectedCauses)
        assert view is not None
        assert one[:3] == (view.view, found_alone, due)

    # Made anew, the causes are the same, and no case takes a step.
    (steps,) = session.execute("SELECT count(*) FROM lianyun.case_step").fetchone() or (0,)
    projector.forget(session)
    assert not any(done.steps for done in projector.catch_up(session, clock.desk, 400))
    assert stored(session) == later
    assert stored_lists(session) == wanted_lists(told, clock.at)
    assert session.execute("SELECT count(*) FROM lianyun.case_step").fetchone() == (steps,)

    report = fsck(dsn, "demo", gateway_topics=frozenset({GATEWAY}))
    assert report.sound, report.findings[:3]
    assert report.counts["case_steps"] == steps
    assert report.counts["case_consignments"]
    damage(session)
    found_out = fsck(dsn, "demo", gateway_topics=frozenset({GATEWAY}))
    assert found_out.found == {Damage.CASE.value: 4}
    assert {finding.field for finding in found_out.findings} == {
        "payload, headers or signature",
        "owner_party",
        "row",
        "stands",
    }


def counted(dsn: str, now: int) -> dict[tuple[str, ...], float]:
    """What the exporter says of lateness, all corridors together."""
    found: dict[tuple[str, ...], float] = Counter()
    with psycopg.connect(dsn) as asked:
        for sample in consignments.lateness_measurement()(asked, now):
            if "corridor" in sample.definition.labels and sample.value:
                labels = zip(sample.definition.labels, sample.labels, strict=True)
                of = (value for label, value in labels if label != "corridor")
                found[sample.definition.name.removeprefix("lianyun_"), *of] += sample.value
    return dict(found)


def late_by_the_core(told: tuple[Story, ...], as_of: int) -> dict[tuple[str, ...], float]:
    """The same from the views of the heart alone."""
    found: dict[tuple[str, ...], float] = Counter()
    for story in told:
        facts = Facts.union(each.facts() for each in story.told)
        for founded in {f.consignment for f in facts.foundings}:
            view = derive(facts, founded, as_of)
            if view is None or view.consignment != founded:
                continue
            if any(cause.kind is CaseKind.SILENT for cause in causes(view, as_of)):
                found[("consignments_silent",)] += 1
            for name in {catalogue.by_number(claim.milestone).name for claim in view.overdue}:
                found["milestones_overdue", name] += 1
            late = [
                as_of - claim.happened - (rules()[claim.milestone].tolerance or 0)
                for claim in view.overdue
                if claim.region is Region.MOVEMENT
            ]
            if late:
                days = max(late) / 86_400_000_000
                bucket = (
                    "under_1_day" if days < 1 else "1_to_3_days" if days < 3
                    else "3_to_7_days" if days < 7 else "over_7_days"
                )  # fmt: skip
                found["consignments_late", bucket] += 1
    assert {name for name, *_ in found} == {"consignments_silent", "milestones_overdue", "consignments_late"}
    return dict(found)


def standing(session: Session) -> set[bytes]:
    rows = session.execute("SELECT case_id FROM lianyun.case_head WHERE stands AND NOT closed", binary=True)
    return {row[0] for row in rows}


def damage(session: Session) -> None:
    """A step says another thing, somebody seems to own a case, and a cause is gone."""
    session.execute(
        "UPDATE lianyun.case_step SET payload = convert_to(replace(convert_from(payload, 'UTF8'), 'SILENT', 'TROUBLE'), 'UTF8')"
        " WHERE number = (SELECT min(number) FROM lianyun.case_step WHERE position('SILENT'::bytea in payload) > 0)"
    )
    session.execute(
        "UPDATE lianyun.case_head SET owner_party = 'ktz' WHERE case_id = (SELECT case_id FROM lianyun.case_head LIMIT 1)"
    )
    session.execute(
        "DELETE FROM lianyun.case_cause WHERE case_id = (SELECT case_id FROM lianyun.case_cause WHERE kind = 'DETAINED' LIMIT 1)"
    )
