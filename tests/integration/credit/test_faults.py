"""Our own code fails on one cargo, one event, one shipper: it is named, keeps what it had, and everything else goes on."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from pydantic import SecretStr

from services.audit.fsck.check import fsck
from services.audit.report import Damage
from services.credit.domain.observations import Observation
from services.credit.domain.signals import Signal, model
from services.credit.store import loader, projector, recomputation
from services.credit.store.follower import CreditFollower, FollowerSettings
from services.domain.facts import Facts
from services.domain.objects import Thing
from services.ledger.storage.session import Session, open_session
from services.runtime.follower import follow
from services.testbed.localstack.engine import DatabaseAddress
from tests.stories.credit.story import CreditStory, credit_stories
from tests.stories.story import Told
from tests.support.databases import migrated_database
from tests.support.signed_stories import GATEWAY, NETWORK, Desk, record, register

pytestmark = pytest.mark.integration
TABLE = model()
BY_SLUG = {each.slug: each for each in credit_stories()}
CARGO = BY_SLUG["03_findings_not_selections"]
LOANS = BY_SLUG["12_loans"]


class Place:
    """A database in which one story is told twice, of an ill and of a well shipper, as far as wanted."""

    def __init__(self, dsn: str, story: CreditStory) -> None:
        self.dsn, self.ill, self.well = dsn, self._of(story, "ill"), self._of(story, "well")
        with psycopg.connect(dsn) as session:
            register(session, [self.ill.story, self.well.story])
        self.session: Session = open_session(dsn)
        self.session.autocommit = True
        self._told = 0

    @staticmethod
    def _of(story: CreditStory, mark: str) -> CreditStory:
        return CreditStory(story.story.scoped(mark))

    def tell(self, ill: tuple[Told, ...], well: tuple[Told, ...]) -> None:
        desk = Desk(self.dsn)
        told = [*ill, *well]
        desk.apply([record(each, self._told + n) for n, each in enumerate(told)])
        self._told += len(told)
        desk.settle()
        desk.close()

    def stored(self, mark: str) -> frozenset[Observation]:
        rows = self.session.execute(
            "SELECT shipper, signal, subject, unit, day, bad, events FROM lianyun.credit_observation",
            binary=True,
        )
        return frozenset(o for o in map(projector.observation, rows) if o.shipper.startswith(mark))

    def broken(self) -> set[tuple[str, str]]:
        rows = self.session.execute("SELECT kind, name FROM lianyun.credit_broken").fetchall()
        return set(rows)

    def findings(self) -> set[tuple[str, str]]:
        report = fsck(self.dsn, NETWORK, gateway_topics=frozenset({GATEWAY}))
        assert "credit_behind" not in report.counts
        return {(each.where, each.field) for each in report.findings if each.kind is Damage.CREDIT}

    def mended(self) -> None:
        """The bug is gone: the next start judges again what was broken, and nothing else is told."""
        projector.catch_up(self.session)
        assert self.broken() == set()
        for story in (self.ill, self.well):
            assert self.stored(story.story.slug.partition("-")[0]) <= story.state.observations(TABLE)
        both = self.stored("ill") | self.stored("well")
        assert both == self.ill.state.observations(TABLE) | self.well.state.observations(TABLE)
        assert self.findings() == set()


@pytest.fixture
def place(postgres: DatabaseAddress, request: pytest.FixtureRequest) -> Iterator[Place]:
    dsn = migrated_database(postgres, "credit_faults_" + str(abs(hash(request.node.name)) % 10**8))
    opened = Place(dsn, request.param)
    yield opened
    opened.session.close()


def consignments(story: CreditStory) -> list[Thing]:
    return story.state.consignments()


@pytest.mark.parametrize("place", [CARGO], indirect=True)
def test_a_cargo_that_cannot_be_judged_stops_no_other(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    ill, well = place.ill.story.told, place.well.story.told
    half = len(ill) // 2
    place.tell(ill[:half], well[:half])
    projector.catch_up(place.session)
    before = place.stored("ill")
    assert before

    observe, bad = recomputation.observe, set(consignments(place.ill))

    def planted(facts: Facts, told: Any, consignment: Thing, table: Any) -> frozenset[Observation]:
        if consignment in bad:
            raise AttributeError("a bug of ours")
        return observe(facts, told, consignment, table)

    monkeypatch.setattr(recomputation, "observe", planted)
    place.tell(ill[half:], well[half:])
    projector.catch_up(place.session)
    assert place.stored("well") == place.well.state.observations(TABLE)
    assert place.stored("ill") == before, "what stood stays"
    touched = place.broken()
    assert {kind for kind, _ in touched} == {"cargo"}
    assert {name for _, name in touched} <= {thing.id.hex() for thing in bad}
    assert place.findings() == {(f"credit of cargo {thing.id.hex()}", "broken") for thing in bad}

    # Tried again at each start, and still broken.
    assert projector.step(place.session, mending=()).broken == len(touched)
    projector.mend(place.session)
    assert place.broken() == touched
    monkeypatch.undo()
    place.mended()


@pytest.mark.parametrize("place", [CARGO], indirect=True)
def test_an_event_that_cannot_be_read_stops_no_other(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """A valid event of one inspection: its own cargo waits for it, the follower does not."""
    whole, finding = loader._credit, next(e for e in place.ill.story.told if "finding" in e.envelope.type)

    def planted(read: Any) -> Any:
        if read.stored.id == finding.event:
            raise ZeroDivisionError("a bug of ours")
        return whole(read)

    monkeypatch.setattr(loader, "_credit", planted)
    place.tell(place.ill.story.told, place.well.story.told)
    projector.catch_up(place.session)
    assert place.stored("well") == place.well.state.observations(TABLE)
    kinds = sorted(kind for kind, _ in place.broken())
    assert kinds == ["cargo", "event"]
    (cargo,) = {name for kind, name in place.broken() if kind == "cargo"}
    expected = place.ill.state.observations(TABLE)
    other = {o for o in expected if Thing(consignments(place.ill)[0].kind, o.subject).id.hex() != cargo}
    assert place.stored("ill") == other, "all other cargo of the same shipper is judged"
    monkeypatch.undo()
    place.mended()


@pytest.mark.parametrize("place", [LOANS], indirect=True)
def test_a_shipper_whose_loans_cannot_be_judged_stops_no_other(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    judge = recomputation.observe_financings
    (shipper,) = {o.shipper for o in place.ill.state.observations(TABLE) if o.bad and o.signal is LOAN}

    def planted(told: Any, liveness: Any, table: Any) -> frozenset[Observation]:
        if any(said.application.startswith(f"{shipper}/") for said in told.financings):
            raise KeyError("a bug of ours")
        return judge(told, liveness, table)

    monkeypatch.setattr(recomputation, "observe_financings", planted)
    place.tell(place.ill.story.told, place.well.story.told)
    projector.catch_up(place.session)
    assert place.broken() == {("shipper", shipper)}
    assert place.stored("well") == place.well.state.observations(TABLE)
    assert not [o for o in place.stored("ill") if o.shipper == shipper and o.signal is LOAN]
    monkeypatch.undo()
    place.mended()


@pytest.mark.parametrize("place", [CARGO], indirect=True)
def test_a_fault_of_the_infrastructure_ends_the_follower_and_loses_nothing(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.tell(place.ill.story.told, place.well.story.told)

    def gone(*_: Any) -> frozenset[Observation]:
        raise psycopg.OperationalError("the database is gone")

    monkeypatch.setattr(recomputation, "observe", gone)
    settings = FollowerSettings(dsn=SecretStr(place.dsn), credit_events=100, credit_tick=0.01)
    with pytest.raises(psycopg.OperationalError):
        follow(CreditFollower(settings), threading.Event())
    assert (place.stored("ill"), place.stored("well"), place.broken()) == (frozenset(), frozenset(), set())
    monkeypatch.undo()
    place.mended()


LOAN = Signal.FINANCING_BEHAVIOUR
