"""Every story comes to the same decisions in the database as in memory, and each decision is proven by its signature."""

from __future__ import annotations

from dataclasses import replace

import pytest

from schemas.envelope import read_headers, signed_bytes
from schemas.events.decode import decode_payload
from schemas.events.finance_decision import Decided
from schemas.signature_header import parse_header
from schemas.signing import verify
from services.admission.raw import unframe
from services.processors.financing.status import Status
from services.processors.financing.store.answering import status_of
from services.processors.financing.store.desk import rulings_of
from services.processors.financing.store.names import financing_id
from tests.financing.stored import PLATFORM, SIGNER, Stored, checked, events_of
from tests.financing.telling import Case, cases, micros
from tests.financing.world import World

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


@pytest.mark.parametrize("case", CASES, ids=[case.slug for case in CASES])
def test_the_database_decides_as_the_core(dsn: str, case: Case) -> None:
    world, stored = World(heard=case.heard()), Stored(dsn, events_of(case))
    stored.begin()
    numbers: list[int] = []
    for number in range(len(case.asks)):
        ask, at, on = case.ask(number)
        if ask.reviewed is not None:
            mine = replace(ask, reviewed=numbers[ask.reviewed - 1])
        else:
            mine = ask
        expected, told = world.ask(ask, at, on)
        ruling, said = stored.ask(mine, at, on)
        if len(numbers) < len(world.rulings):
            numbers.append(ruling.number)
        decided = (
            "outcome",
            "guard",
            "satisfied_by",
            "frees",
            "notices",
            "until",
            "amount",
            "terms",
            "rules",
        )
        assert [getattr(ruling, name) for name in decided] == [getattr(expected, name) for name in decided], (
            f"ask {number}"
        )
        assert said.outcome == told.outcome
    for financing in world.cargo:
        kept = rulings_of(stored.session, [financing_id(financing)])
        mine_ = [r for r in world.rulings if r.financing == financing or financing in r.frees]
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
            alert.covenant in ("DELIVERED_AGAINST_PLEDGE", "DETAINED", "CONSIGNEE_CHANGED")
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
    assert len(rows) == len(world.rulings)
    for headers, payload in rows:
        envelope, signature = read_headers(unframe(bytes(headers)))
        verify(
            parse_header(signature), PLATFORM.public, signed_bytes(SIGNER.network, envelope, bytes(payload))
        )
        assert isinstance(decode_payload(envelope.type, bytes(payload)), Decided)
    stored.session.commit()
    report = checked(stored.session)
    assert report.findings == ()
    assert report.counts["decisions"] == len(world.rulings)
    assert report.counts["financings_wrong"] == report.counts["double_pledges"] == 0
    assert report.counts["financing_words"] > 0
    stored.close()
