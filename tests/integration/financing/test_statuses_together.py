"""Financings read together have the status of each by itself, by whatever world, and what merely travels beside goods changes none."""

from __future__ import annotations

import time
from collections.abc import Sequence
from random import Random

import pytest

from services.financing.store import evidence, status_reader
from services.financing.store.status_reader import StatusEvidence, read_status_evidence, read_statuses
from services.ledger.registry import store as registry_store
from services.ledger.registry.registry import Registry
from services.ledger.storage import event_reader
from services.ledger.storage.session import Session, open_session
from services.query.views import EVENTS, read_view
from services.testbed.bench import portfolio, view_cost
from services.testbed.bench.portfolio import Cargo
from services.testbed.localstack.engine import DatabaseAddress
from services.testbed.simulator.signed_messages import profiles
from services.testbed.simulator.simulate import NOW
from tests.support.databases import migrated_database
from tests.support.financing.platform import asked
from tests.support.financing.stored_world import Stored, events_of
from tests.support.financing.stories import Case, cases, micros

pytestmark = pytest.mark.integration
CASES = cases()
FAR = micros("2026-12-31T00:00Z")
BANKS = ("abank", "bbank")


def singly(
    session: Session, names: Sequence[str], bank: str, as_of: int, known_at: int, registry: Registry
) -> dict[str, StatusEvidence | None]:
    return {name: read_status_evidence(session, name, bank, as_of, known_at, registry) for name in names}


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, id=case.slug, marks=[pytest.mark.long] if number % 4 else [])
        for number, case in enumerate(CASES)
    ],
)
def test_the_status_of_several_is_that_of_each(dsn: str, case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    stored = Stored(dsn, events_of(case))
    stored.begin()
    numbers: list[int] = []
    for number in range(len(case.asks)):
        before = stored.decided()
        decision, _ = stored.ask(asked(case, number, numbers)[0], *case.ask(number)[1:])
        if stored.decided() > before:
            numbers.append(decision.number)
    stored.hear(FAR)
    registry = registry_store.read_snapshot(stored.session)
    names = [
        name
        for (name,) in stored.session.execute("SELECT name FROM lianyun.financing_hold ORDER BY name DESC")
    ]
    assert names
    moments = sorted(
        {
            FAR,
            *(known + 1 for known, _ in stored.events),
            *(case.ask(n)[1] + 1 for n in range(len(case.asks))),
        }
    )
    seen = 0
    for as_of in [*Random(case.slug).sample(moments[:-1], min(3, len(moments) - 1)), FAR]:
        for bank in BANKS:
            several = read_statuses(stored.session, [*names, "abank/none"], bank, as_of, FAR, registry)
            assert list(several) == [*names, "abank/none"]
            assert several == singly(stored.session, [*names, "abank/none"], bank, as_of, FAR, registry)
            assert several == read_statuses(
                stored.session, list(several), bank, as_of, FAR, registry, read=EVENTS
            )
            seen += sum(found is not None for found in several.values())
            with monkeypatch.context() as patched:
                patched.setattr(evidence, "_reports_of_named", evidence.reports_of)
                assert several == read_statuses(stored.session, list(several), bank, as_of, FAR, registry)
    assert seen
    stored.close()


@pytest.mark.long
def test_a_simulated_portfolio_is_that_of_each(
    postgres: DatabaseAddress, monkeypatch: pytest.MonkeyPatch
) -> None:
    dsn = migrated_database(postgres, "statuses_together")
    view_cost.fill(dsn, view_cost.Scale(trains=2, boxes=6), NOW // 1_000)
    now = time.time_ns() // 1_000
    with open_session(dsn, "lianyun-test") as session:
        registry = registry_store.read_snapshot(session)
        heads = event_reader.heads(session, limit=1_000)
        views = [read_view(session, head.consignment, now, registry) for head in heads]
        cargoes = [cargo for known in views if known is not None and (cargo := Cargo.of(known, registry))]
        session.commit()
        pledged = portfolio.pledge(dsn, profiles(1, network="demo"), "demo", cargoes)
        assert pledged > 5
        now = time.time_ns() // 1_000
        registry = registry_store.read_snapshot(session)
        names = status_reader.portfolio(session, portfolio.BANK, "", 100, True)
        several = read_statuses(session, names, portfolio.BANK, now, now, registry)
        assert all(found is not None and found.cargo for found in several.values())
        assert several == singly(session, names, portfolio.BANK, now, now, registry)
        monkeypatch.setattr(evidence, "_reports_of_named", evidence.reports_of)
        assert several == read_statuses(session, names, portfolio.BANK, now, now, registry)
