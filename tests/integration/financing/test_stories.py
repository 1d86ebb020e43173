"""Every story comes to the same decisions in the database as in memory, and each decision is proven by its signature."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import psycopg
import pytest

from schemas.envelope import read_headers, signed_bytes
from schemas.events.decode import decode_payload
from schemas.events.finance_decision import Decided
from schemas.signature_header import parse_header
from schemas.signing import verify
from services.cases.store import projector
from services.cases.store.case_service import CaseService
from services.financing.domain.decisions import Decision
from services.financing.domain.lifecycle import Hold, Stage, holds
from services.financing.domain.status import Status
from services.financing.store.financings import decisions_of
from services.financing.store.identifiers import financing_id
from services.financing.store.status_reader import status_of
from services.ledger.admission.raw_bytes import unframe
from services.ledger.storage.session import Session
from services.monitoring.exporter.financings import (
    FinancingStatus,
    FinancingTransitions,
    Transition,
    measure_last_decisions,
)
from tests.support.financing.platform import DECIDED, asked
from tests.support.financing.stored_world import PLATFORM, SIGNER, Stored, checked, events_of
from tests.support.financing.stories import Case, cases, micros
from tests.support.financing.world import World

pytestmark = pytest.mark.integration
CASES = cases()
FAR = micros("2026-12-31T00:00Z")


def renumbered(status: Status | None, numbers: list[int]) -> Status | None:
    """The status with the numbers that the database gave to the same decisions."""
    assert status is not None
    history = tuple(
        step if step.number is None else step._replace(number=numbers[step.number - 1])
        for step in status.history
    )
    return replace(status, history=history, position=numbers[status.position - 1])


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, id=case.slug, marks=[pytest.mark.long] if number % 3 else [])
        for number, case in enumerate(CASES)
    ],
)
def test_the_database_decides_as_the_core(dsn: str, case: Case) -> None:
    world, stored = World(heard=case.heard()), Stored(dsn, events_of(case))
    stored.begin()
    numbers: list[int] = []
    for number in range(len(case.asks)):
        ask, at, on = case.ask(number)
        expected, told = world.ask(ask, at, on)
        decision, said = stored.ask(asked(case, number, numbers)[0], at, on)
        if len(numbers) < len(world.decisions):
            numbers.append(decision.number)
        assert [getattr(decision, name) for name in DECIDED] == [
            getattr(expected, name) for name in DECIDED
        ], f"ask {number}"
        assert said.outcome == told.outcome
    for financing in world.cargo:
        kept = decisions_of(stored.session, [financing_id(financing)])
        mine_ = [r for r in world.decisions if r.financing == financing or financing in r.frees]
        assert [numbers.index(r.number) + 1 for r in kept] == [r.number for r in mine_]
    for financing, expected_ in case.then.items():
        as_of = micros(expected_["as_of"])
        known_at = micros(expected_.get("known_at", expected_["as_of"]))
        stored.hear(max(as_of, known_at))
        bank = financing.partition("/")[0]
        seen = status_of(stored.session, financing, bank, as_of, known_at)
        assert seen == renumbered(world.status(financing, bank, as_of, known_at), numbers)
        other = {"abank": "bbank", "bbank": "abank"}[bank]
        assert status_of(stored.session, financing, other, as_of, known_at) is None
    watched = {
        row[0]
        for row in stored.session.execute(
            "SELECT DISTINCT h.name FROM lianyun.financing_watch w JOIN lianyun.financing_hold h USING (financing)"
        ).fetchall()
    }
    alerted = {
        financing
        for financing in world.cargo
        if (seen := world.status(financing, financing.partition("/")[0], FAR)) is not None
        and any(
            alert.covenant
            in (
                "DELIVERED_AGAINST_PLEDGE",
                "DETAINED",
                "CONSIGNEE_CHANGED",
                "GOODS_NAMED_ELSEWHERE",
                "GOODS_NO_LONGER_NAMED",
            )
            for alert in seen.alerts
        )
    }
    stored.hear(FAR)
    watched |= {
        row[0]
        for row in stored.session.execute(
            "SELECT DISTINCT h.name FROM lianyun.financing_watch w JOIN lianyun.financing_hold h USING (financing)"
        ).fetchall()
    }
    assert watched >= alerted, "whoever holds a pledge is told in the transaction of the fact"
    rows = stored.session.execute("SELECT headers, payload FROM lianyun.financing_decision").fetchall()
    assert len(rows) == len(world.decisions)
    for headers, payload in rows:
        envelope, signature = read_headers(unframe(bytes(headers)))
        verify(
            parse_header(signature), PLATFORM.public, signed_bytes(SIGNER.network, envelope, bytes(payload))
        )
        assert isinstance(decode_payload(envelope.type, bytes(payload)), Decided)
    stored.session.commit()
    assert counted(dsn) == transitions_of(world.decisions)
    assert last_decided_on(dsn) == last_told(world.decisions)
    report = checked(stored.session)
    assert report.findings == ()
    assert report.counts["decisions"] == len(world.decisions)
    assert report.counts["financings_wrong"] == report.counts["double_pledges"] == 0
    assert report.counts["financing_words"] > 0
    stored.close()


def counted(dsn: str) -> Counter[Transition]:
    """What the exporter counts; as it may be for a while, by one decision at a time."""
    counting = FinancingTransitions()
    with psycopg.connect(dsn) as session:
        end = time.monotonic() + 60
        while (
            counting.followed
            < session.execute("SELECT count(*) FROM lianyun.financing_decision").fetchone()[0]
        ):  # type: ignore[index]
            assert time.monotonic() < end, "another database of the server holds the horizon back"
            list(counting.measure(session, 0))
            session.rollback()
    return counting.counts


def last_decided_on(dsn: str) -> dict[str, float]:
    with psycopg.connect(dsn) as session:
        return {sample.labels[0]: sample.value for sample in measure_last_decisions(session, 0)}


def last_told(decisions: Sequence[Decision]) -> dict[str, float]:
    """The same of the fold: whatever was decided on a financing counts, also what was refused."""
    found: dict[str, int] = {}
    for name, hold in holds(decisions).items():
        if hold.ended is None:
            status = "reserved" if hold.pledged_at is None else "pledged"
            last = max(r.number for r in decisions if name in (r.financing, *r.frees))
            found[status] = min(last, found.get(status, last))
    return {status: decisions[number - 1].at / 1e6 for status, number in found.items()}


def transitions_of(decisions: Sequence[Decision]) -> Counter[Transition]:
    """What the fold of the decisions makes of each financing, decision by decision."""
    found: Counter[Transition] = Counter()
    before: dict[str, FinancingStatus] = {}
    for number in range(1, len(decisions) + 1):
        now = {name: standing(hold) for name, hold in holds(decisions[:number]).items()}
        for name, stands in now.items():
            was = before.get(name, FinancingStatus.NONE)
            if was is not stands:
                found[was, stands] += 1
        before = now
    return found


def standing(hold: Hold) -> FinancingStatus:
    ended = {
        Stage.RELEASED: FinancingStatus.RELEASED,
        Stage.CANCELLED: FinancingStatus.CANCELLED,
        Stage.RESERVATION_EXPIRED: FinancingStatus.EXPIRED,
        Stage.SUPERSEDED: FinancingStatus.SUPERSEDED,
    }
    if hold.ended is not None:
        return ended[hold.ended]
    if hold.pledged_at is None:
        return FinancingStatus.RESERVED
    return FinancingStatus.DRAWN if hold.draws else FinancingStatus.PLEDGED


def test_an_alert_of_a_pledge_opens_a_case_that_names_no_bank(dsn: str) -> None:
    (case,) = (each for each in CASES if each.slug.startswith("10"))
    stored = Stored(dsn, events_of(case))
    stored.begin()
    for number in range(len(case.asks)):
        stored.ask(*case.ask(number))
    (financing,) = case.then
    as_of = micros(case.then[financing]["as_of"])
    stored.hear(as_of)

    def moment(session: Session) -> tuple[int, int]:
        return as_of, stored._clock(session)[1]

    stored.session.autocommit = True
    end = time.monotonic() + 60
    while not projector.catch_up(stored.session, CaseService(SIGNER, moment))[-1].events:
        assert time.monotonic() < end, "another database of the server holds the horizon back"
    expected = set(case.then[financing]["alerts"])
    opened = stored.session.execute(
        "SELECT h.what, h.about, convert_from(s.payload, 'UTF8'), s.headers, s.text, s.reason, s.by_party, h.owner_party,"
        " to_jsonb(h)::text || to_jsonb(s)::text, (SELECT string_agg(to_jsonb(c)::text, '') FROM lianyun.case_cause c"
        " WHERE c.case_id = h.case_id)"
        " FROM lianyun.case_head h JOIN lianyun.case_step s USING (case_id) WHERE h.kind = 'FINANCING_ALERT' AND NOT h.closed"
    ).fetchall()
    assert {what for what, *_ in opened} == expected, "one case for each alert"
    bank, reference = financing.split("/")
    application = str(case.asks[0]["application"])
    for _, about, payload, headers, *rest in opened:
        assert about == "xaport/XA-1"
        assert "opened" in bytes(headers).decode(errors="replace")
        for text in (payload, bytes(headers).decode(errors="replace"), *map(str, rest)):
            assert not [word for word in (bank, reference, *application.split("/")) if word in text], text
    shown = {kind for (kind,) in stored.session.execute("SELECT kind FROM lianyun.case_open").fetchall()}
    assert "FINANCING_ALERT" not in shown, (
        "dashboards show the trouble of the cargo, never that it is pledged"
    )
    assert shown
    stored.close()
