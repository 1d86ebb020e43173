"""What the desk decides on reservations is followed by the credit signals: cargo offered to a second bank, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from services.audit.fsck.credit import check_credit
from services.audit.fsck.snapshot import Snapshot
from services.audit.report import Findings
from services.credit.domain.signals import WHOLE, Signal, model
from services.credit.store import projector, records
from services.ledger.storage.session import Session, open_session
from services.ledger.storage.writer import Writer
from tests.support.financing.stored_world import Stored, events_of
from tests.support.financing.stories import Case, cases

pytestmark = pytest.mark.integration
TWICE = {
    "02_": (),  # one bank, one reservation
    "07_": (),  # a take-over to which the first bank consents later
    "27_": (("optic", "optic/AP-DB"),),
    "31_": (),  # reserved in the end, when the first reservation was over
}


@pytest.fixture
def session(dsn: str) -> Iterator[Session]:
    with open_session(dsn, "lianyun-test") as opened:
        opened.autocommit = True
        projector.forget(opened)
        yield opened


def observed(session: Session) -> list[tuple[str, str, int, tuple[bytes, ...]]]:
    rows = session.execute(
        "SELECT shipper, subject, bad, events FROM lianyun.credit_observation WHERE signal = %s AND unit = 'offered twice'"
        " ORDER BY shipper, subject",
        (int(Signal.FINANCING_BEHAVIOUR),),
        binary=True,
    )
    return [(shipper, subject, bad, tuple(events)) for shipper, subject, bad, events in rows]


def settle(dsn: str) -> None:
    writer = Writer(dsn, lambda _session, _refused: None)
    for _ in range(50):
        writer.tick()
        if not writer.pending():
            break
    writer.close()


@pytest.mark.parametrize("step_by_step", [True, False])
@pytest.mark.parametrize("slug", TWICE)
def test_cargo_offered_to_a_second_bank(dsn: str, session: Session, slug: str, step_by_step: bool) -> None:
    case: Case = next(each for each in cases() if each.slug.startswith(slug))
    stored = Stored(dsn, events_of(case))
    stored.begin()
    for number in range(len(case.asks)):
        stored.ask(*case.ask(number))
        if step_by_step:
            projector.step(session)
    stored.close()
    settle(dsn)
    projector.catch_up(session)
    found = observed(session)
    assert [(who, what, bad) for who, what, bad, _ in found] == [(*each, WHOLE) for each in TWICE[slug]]
    names = records.names(session, "optic", (event for *_, events in found for event in events))
    assert {source for source, _ in names.values()} == (
        {"urn:cre:platform", "//optic.example"} if found else set()
    )
    with Snapshot.open(dsn) as snapshot:
        findings = Findings()
        check_credit(snapshot, findings)
    assert not findings.report(0.0, 0).findings
    assert "credit_behind" not in findings.counts
    assert "INTEREST_FREE" in model().of(Signal.FINANCING_BEHAVIOUR).held_against
