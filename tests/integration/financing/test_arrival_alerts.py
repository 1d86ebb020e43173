"""A bank is alerted when the forecast of its goods crosses the maturity: recorded, replayed as it was known, lifted by the arrival."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.arrival.store import projector as arrival
from services.audit.fsck.judgments import check_judgments
from services.audit.fsck.registry import read_history
from services.audit.fsck.snapshot import Snapshot
from services.audit.report import Findings
from services.cases.store import projector
from services.cases.store.case_service import CaseService
from services.financing.domain.decisions import DecisionOutcome
from services.financing.store.status_reader import status_of
from services.ledger.storage.session import Session, open_session
from services.testbed.localstack.engine import DatabaseAddress
from tests.support.arrival import PARTIES, ROUTE, journey
from tests.support.databases import migrated_database
from tests.support.financing.stored_world import SIGNER, Stored, events_of, register, tell
from tests.support.financing.stories import Case, cases, micros

pytestmark = pytest.mark.integration
BASE = next(case for case in cases() if case.slug.startswith("02_"))
BOX = "container CSQU3054383"
FINANCING, BANK = "abank/GD-1", "abank"
PASSED = [
    journey(number, 7, datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=26 * number))
    for number in range(22)
]


def case() -> Case:
    """The goods go by train to the border, and the loan is due before a train can be in Duisburg."""
    kept: list[dict[str, Any]] = [each for each in BASE.events if each["id"] not in ("delivered", "repaid")]
    approved = {"approve-ga": {"matures_on": "2026-03-09"}}
    events = [{**each, "says": {**each["says"], **approved.get(each["id"], {})}} for each in kept]
    says = {"objects": BOX, "place": "xian-intl-port"}
    events += [
        {"id": "route", "by": "xaport", "at": "2026-03-01T11:00Z", "type": "link.route_planned",
         "says": {"objects": "consignment xaport/XA-1", "places": ROUTE}},
        {"id": "left", "by": "cr", "at": "2026-03-03T06:00Z", "type": "movement.departed", "says": says},
        {"id": "border", "by": "cr", "at": "2026-03-05T18:00Z", "type": "movement.arrived", "says": {**says, "place": "alashankou"}},
        {"id": "there", "by": "dit", "at": "2026-03-20T18:00Z", "type": "movement.arrived_at_destination",
         "says": {**says, "place": "duisburg"}},
    ]  # fmt: skip
    parties = {**PARTIES, **BASE.story.parties}
    return replace(
        BASE, story=replace(BASE.story, events=tuple(events), parties=parties), _written=tuple(events)
    )


def follow(stored: Stored, at: int) -> None:
    def moment(session: Session) -> tuple[int, int]:
        return at, stored._clock(session)[1]

    stored.hear(at)
    stored.session.commit()
    stored.session.autocommit = True
    arrival.catch_up(stored.session)
    projector.catch_up(stored.session, CaseService(SIGNER, moment))
    stored.session.autocommit = False


def alerts(stored: Stored, at: str, known: str = "") -> list[tuple[str, str]]:
    found = status_of(stored.session, FINANCING, BANK, micros(at), micros(known or at))
    stored.session.commit()
    assert found is not None
    return [(each.covenant, each.about) for each in found.alerts if each.covenant.startswith("ARRIVAL")]


@pytest.mark.long
def test_the_pledgee_is_alerted_and_nothing_is_blocked(postgres: DatabaseAddress) -> None:
    dsn, told = migrated_database(postgres, "arrival_alerts"), case()
    with open_session(dsn) as session:
        register(session, told.story)
        for each in (each for story in PASSED for each in story.told):
            tell(session, each, each.envelope.published_micros)
    stored = Stored(dsn, events_of(told))
    stored.begin()
    for number in (0, 2):
        decision, _ = stored.ask(*BASE.ask(number))
        assert decision.outcome is DecisionOutcome.DONE, decision
    follow(stored, micros("2026-03-06T00:00Z"))
    (raised,) = alerts(stored, "2026-03-06T00:00Z")
    assert raised[0] in ("ARRIVAL_LIKELY_BEYOND_MATURITY", "ARRIVAL_BEYOND_MATURITY")
    assert raised[1] == "xaport/XA-1"
    opened = stored.session.execute(
        "SELECT convert_from(s.payload, 'UTF8') FROM lianyun.case_head h JOIN lianyun.case_step s USING (case_id)"
        " WHERE h.kind = 'FINANCING_ALERT' AND NOT h.closed AND h.what = %s",
        (raised[0],),
    ).fetchall()
    assert len(opened) == 1
    assert not [word for word in (BANK, "GD-1") if word in opened[0][0]], "the case names no bank"

    # By the day after the maturity no train can be there in time any more, and later it is there.
    follow(stored, micros("2026-03-12T00:00Z"))
    assert alerts(stored, "2026-03-12T00:00Z") == [("ARRIVAL_BEYOND_MATURITY", "xaport/XA-1")]
    follow(stored, micros("2026-03-21T00:00Z"))
    assert alerts(stored, "2026-03-21T00:00Z") == []
    assert alerts(stored, "2026-03-21T00:00Z", "2026-03-06T00:00Z") == [raised], "as it was known then"

    findings = Findings()
    snapshot = Snapshot(stored.session)
    check_judgments(snapshot, read_history(snapshot, findings), SIGNER.network, findings)
    assert findings.report(0.0).findings == ()
    assert findings.counts["judgments"] >= 2
    stored.close()
