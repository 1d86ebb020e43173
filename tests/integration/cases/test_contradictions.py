"""Contradictions of a trade as cases: the same in any order, closed when they are gone or explained, for the declarants' desks alone."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any, Self

import psycopg
import pytest
from psycopg.rows import tuple_row

from services.api.access.cases import visible_case
from services.audit.fsck.check import fsck
from services.audit.report import Damage
from services.cases.domain.causes import CaseKind
from services.cases.domain.visibility import scope_of
from services.cases.store import evaluation, overview, projector
from services.cases.store.overview import Wanted
from services.ledger.registry import store as registry_store
from services.ledger.storage.session import Session, open_session
from services.monitoring.exporter.consignments import measure_trades
from services.telemetry import gauges
from services.testbed.localstack.engine import DatabaseAddress
from services.trade.store.findings import read_findings
from tests.stories.story import Told
from tests.support.api import cast
from tests.support.api.declared import CORRECTED, MORE, explained
from tests.support.cases.platform import SIGNER, Clock, register_platform
from tests.support.databases import migrated_database
from tests.support.signed_stories import Desk, record, register

pytestmark = pytest.mark.integration
NOW = 1_775_000_000_000_000
FOUND = {"D01", "D02", "D03", "D04"}


class Platform:
    """A database to which a story is told by the writer of the workers, and a follower of its cases."""

    def __init__(self, postgres: DatabaseAddress, name: str) -> None:
        self.dsn = migrated_database(postgres, f"contra_{name}")
        self.service = Clock(NOW).desk
        with psycopg.connect(self.dsn) as session:
            register(session, [cast.case(MORE).story])
            register_platform(session)
        self.session = open_session(self.dsn, "lianyun-test")
        self.session.autocommit = True
        self._worker = Desk(self.dsn)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._worker.close()
        self.session.close()

    def tell(self, told: Sequence[Told]) -> None:
        """One batch."""
        first = self._worker.next_offset
        self._worker.apply([record(each, first + n) for n, each in enumerate(told)])

    def follow(self) -> None:
        """Settle and follow until nothing is left."""
        self._worker.settle()
        projector.catch_up(self.session, self.service)

    def play(self, seed: int, *, steps: bool, more: Sequence[dict[str, Any]] = MORE) -> Self:
        """All events of the story in an order of ``seed``, some twice, with steps of the follower in between or at the end."""
        rng = random.Random(seed)
        told = list(cast.case(more).story.told)
        told += rng.sample(told, len(told) // 4)
        rng.shuffle(told)
        for each in told:
            self.tell([each])
            if steps and rng.random() < 0.3:
                projector.step(self.session, self.service, limit=rng.choice((1, 3, 500)))
        self.follow()
        return self


def found(session: Session) -> set[tuple[Any, ...]]:
    """What is stored of trades and their causes."""
    cursor = session.cursor(binary=True, row_factory=tuple_row)
    causes = cursor.execute(
        "SELECT cons, case_id, what, about, since, due, events, parties FROM lianyun.case_cause WHERE kind = 'CONTRADICTION'"
    ).fetchall()
    rows = cursor.execute(
        "SELECT trade, name, found, explained, digest FROM lianyun.trade_finding"
    ).fetchall()
    return {
        tuple(tuple(each) if isinstance(each, list) else each for each in row) for row in (*causes, *rows)
    }


def open_cases(session: Session) -> set[str]:
    return {
        each.what
        for each in overview.listed(session, Wanted(kind=CaseKind.CONTRADICTION))
        if not each.life.closed
    }


def damaged(dsn: str) -> list[str]:
    return [each.where for each in fsck(dsn, SIGNER.network).findings if each.kind is Damage.CASE]


def test_any_order_and_any_steps_give_the_same_cases(postgres: DatabaseAddress) -> None:
    results = []
    for seed in range(3):
        with Platform(postgres, f"order_{seed}") as platform:
            session = platform.play(seed, steps=seed > 0).session
            results.append(found(session))
            assert open_cases(session) == FOUND
    assert results[0] == results[1] == results[2]
    assert any("optic/T-1" in row for row in results[0])


def test_an_explanation_closes_the_case_and_other_values_open_it_again(postgres: DatabaseAddress) -> None:
    with Platform(postgres, "explained") as platform:
        session = platform.play(0, steps=True).session
        with session.transaction():
            registry = registry_store.read_snapshot(session)
            known = read_findings(session, "optic", "T-1", registry, cast.micros("2026-12-31T00:00Z"))
        digest = next(each.digest for each in known.findings if each.finding.check == "D04")
        why = explained("why", "ruhr", "2026-03-17T09:00+03:00", "D04", digest, "Resale.")
        *_, first, second = cast.case((*MORE, why, CORRECTED)).story.told
        for event, wanted in ((first, FOUND - {"D04"}), (second, FOUND)):
            platform.tell([event])
            platform.follow()
            assert open_cases(session) == wanted
        assert damaged(platform.dsn) == []


def test_a_follower_that_dies_in_a_step_loses_and_doubles_nothing(
    postgres: DatabaseAddress, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Platform(postgres, "whole") as platform:
        right = found(platform.play(0, steps=False).session)
    replace_rows = evaluation.replace_rows

    def killed(session: Session, *rows: Any) -> None:
        replace_rows(session, *rows)
        monkeypatch.undo()
        session.close()  # as the database sees a process that was killed

    monkeypatch.setattr(evaluation, "replace_rows", killed)
    with Platform(postgres, "killed") as platform:
        with pytest.raises(psycopg.OperationalError, match="closed"):
            platform.play(1, steps=False)
        with open_session(platform.dsn, "lianyun-test") as session:
            session.autocommit = True
            assert found(session) == set()
            projector.catch_up(session, platform.service)
            assert found(session) == right
            assert open_cases(session) == FOUND


def test_fsck_computes_findings_anew_and_finds_every_change(postgres: DatabaseAddress) -> None:
    with Platform(postgres, "fsck") as platform:
        session = platform.play(0, steps=True).session
        assert damaged(platform.dsn) == []
        for change in (
            "UPDATE lianyun.trade_finding SET found = found[2:] WHERE name = 'optic/T-1'",
            "UPDATE lianyun.trade_finding SET explained = explained + 1",
            "UPDATE lianyun.trade_finding SET digest = '\\x00'",
            "UPDATE lianyun.trade_finding SET name = 'optic/T-9' WHERE name = 'optic/T-1'",
            "DELETE FROM lianyun.trade_finding",
            "UPDATE lianyun.case_cause SET parties = '{toys}' WHERE kind = 'CONTRADICTION'",
            "DELETE FROM lianyun.case_cause WHERE kind = 'CONTRADICTION'",
        ):
            session.execute(change.encode())
            assert damaged(platform.dsn) != [], change
            with session.transaction():
                projector.forget(session)
            platform.follow()
            assert damaged(platform.dsn) == [], change


def test_a_case_is_for_the_owner_and_who_lodged_and_for_nobody_else(postgres: DatabaseAddress) -> None:
    with Platform(postgres, "seen") as platform:
        session = platform.play(0, steps=False).session
        registry = registry_store.read_snapshot(session)
        seen = {}
        for code in cast.case(MORE).story.parties:
            party = registry.party(code)
            assert party is not None
            scope = scope_of(party.publisher)
            listed = overview.listed(session, Wanted(kind=CaseKind.CONTRADICTION, scope=scope))
            shown = [each for each in listed if visible_case(party, each) is not None]
            seen[code] = {each.what for each in shown if each.about.key.endswith("optic/T-1")}
        assert {code for code, cases in seen.items() if cases} == {"optic", "silk", "ruhr"}
        assert seen["optic"] == FOUND


def test_the_metric_counts_what_is_open_without_values(postgres: DatabaseAddress) -> None:
    with Platform(postgres, "metric") as platform:
        session = platform.play(0, steps=False).session
        samples = {each.labels: each.value for each in measure_trades(session, 0) if each.value}
        assert {each.definition for each in measure_trades(session, 0)} == {gauges.TRADE_FINDINGS}
        assert samples["D04", "CONTRADICTION"] == 1
        assert samples["D00", "REVIEW"] >= 2
