# ruff: noqa: S608  (the statements of damage are put together from constants)
"""Whoever changes a row of financing by SQL is found: the check names the row and the field."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import psycopg
import pytest

from schemas.envelope import SIGNATURE_HEADER, read_headers, signed_bytes
from schemas.events.base import ObjectKind
from schemas.signing import sign
from services.audit.fsck.financing import assignments
from services.audit.fsck.registry import read_history
from services.audit.fsck.snapshot import Snapshot
from services.audit.report import Damage, Findings
from services.domain.objects import Thing
from services.financing.domain import decision_rules, partial_release, reservation
from services.financing.domain.decisions import Action
from services.financing.domain.lifecycle import Hold
from services.financing.domain.products import products
from services.financing.domain.requests import DecisionContext
from services.ledger.admission.raw_bytes import frame, unframe
from services.ledger.storage.session import Session, open_session
from services.testbed.localstack.engine import DatabaseAddress
from tests.support.financing.stored_world import SIGNER, Stored, checked, events_of, key_of, stories_database
from tests.support.financing.stories import Case, cases, micros

pytestmark = pytest.mark.integration
GOODS: Case = next(case for case in cases() if case.slug.startswith("02_"))
TAKEOVER: Case = next(case for case in cases() if case.slug.startswith("07_"))


@pytest.fixture(scope="module")
def goods_dsn(postgres: DatabaseAddress) -> str:
    """A life of goods on their way, without a finding, in a database in which nothing else happens."""
    dsn = stories_database(postgres, "financing_fsck_tests")
    play(dsn, GOODS)
    with open_session(dsn) as session:
        assert checked(session).findings == ()
    return dsn


@pytest.fixture
def told(goods_dsn: str) -> Iterator[Session]:
    """A transaction to damage it in."""
    yield from damaged(goods_dsn)


@pytest.fixture
def taken_over(dsn: str) -> Iterator[Session]:
    """A financing that a second bank took over with the first one's consent."""
    play(dsn, TAKEOVER)
    yield from damaged(dsn)


def play(dsn: str, case: Case) -> None:
    stored = Stored(dsn, events_of(case))
    stored.begin()
    for number in range(len(case.asks)):
        stored.ask(*case.ask(number))
    stored.close()


def damaged(dsn: str) -> Iterator[Session]:
    with open_session(dsn) as session:
        yield session
        session.rollback()


@dataclass(frozen=True)
class Harm:
    """One damage, and what must be found: the field, and a part of the words that name the row."""

    name: str
    statement: str
    kind: Damage
    field: str
    where: str


DECISION = "UPDATE lianyun.financing_decision SET"
FIRST = "WHERE number = (SELECT min(number) FROM lianyun.financing_decision)"
PLEDGE = "WHERE action = 'PLEDGE' AND outcome = 'DONE'"
DRAW = "WHERE action = 'DRAW' AND outcome = 'DONE'"
HARMS = (
    Harm("payload", f"{DECISION} payload = set_byte(payload, 60, get_byte(payload, 60) # 1) {FIRST}",
         Damage.DECISION, "payload, headers or signature", "financing_decision "),
    Harm("headers", f"{DECISION} headers = substr(headers, 1, 20) {FIRST}", Damage.DECISION, "headers", "financing_decision "),
    Harm("outcome", f"{DECISION} outcome = 'DONE' WHERE outcome = 'REFUSED'", Damage.DECISION, "outcome", "financing_decision "),
    Harm("amount", f"{DECISION} amount = amount + 1 {DRAW}", Damage.DECISION, "amount", ", DRAW on abank/GD-1"),
    Harm("moment", f"{DECISION} at = at - 1 {PLEDGE}", Damage.DECISION, "at", ", PLEDGE on abank/GD-1"),
    Harm("asker", f"{DECISION} asked_by = 'bbank' {PLEDGE}", Damage.DECISION, "asked_by", ", PLEDGE on"),
    Harm("request", f"{DECISION} asked = gen_random_uuid() {FIRST}", Damage.DECISION, "asked", "financing_decision "),
    Harm("terms", f"{DECISION} interest = 'RECEIVABLE' {FIRST}", Damage.DECISION, "interest", "financing_decision "),
    Harm("position", f"{DECISION} position = 2::bigint ^ 50 {FIRST}", Damage.DECISION, "position", "financing_decision "),
    Harm("before", f"{DECISION} before = NULL {PLEDGE}", Damage.DECISION, "before", ", PLEDGE on abank/GD-1"),
    Harm("before, replayed", f"{DECISION} before = NULL {PLEDGE}", Damage.FINANCING, "before", " of financing abank/GD-1"),
    Harm("deleted", f"DELETE FROM lianyun.financing_decision {PLEDGE}", Damage.FINANCING, "pledged", "financing_hold of financing abank/GD-1"),
    Harm("deleted, the next", f"DELETE FROM lianyun.financing_decision {PLEDGE}", Damage.DECISION, "before", "financing_decision "),
    Harm("deleted refusal", "DELETE FROM lianyun.financing_decision d WHERE outcome = 'REFUSED'"
         " AND NOT EXISTS (SELECT FROM lianyun.financing_touched t WHERE t.number = d.number)"
         " AND NOT EXISTS (SELECT FROM lianyun.financing_decision n WHERE n.before = d.number)",
         Damage.FINANCING, "rows", "by financing_tally"),
    Harm("as if of an older release", f"{DECISION} stream = NULL {FIRST}", Damage.FINANCING, "rows", "those of stream 0 by financing_tally"),
    Harm("of another session", f"{DECISION} stream = stream + 1 {FIRST}", Damage.FINANCING, "rows", "by financing_tally"),
    Harm("tally", "UPDATE lianyun.financing_tally SET decisions = decisions - 1 WHERE stream <> 0", Damage.FINANCING, "rows", "by financing_tally"),
    Harm("sum of the tally", "UPDATE lianyun.financing_tally SET numbers = numbers - 1 WHERE stream = 0", Damage.FINANCING, "rows", "by financing_tally"),
    Harm("tally deleted", "DELETE FROM lianyun.financing_tally WHERE stream = 0", Damage.FINANCING, "rows", "those of stream 0 by financing_tally"),
    Harm("tally of nothing", "INSERT INTO lianyun.financing_tally VALUES (-1, 0, 0)", Damage.FINANCING, "rows", "those of stream -1 by financing_tally"),
    Harm("untouched", "DELETE FROM lianyun.financing_touched WHERE number = (SELECT max(number) FROM lianyun.financing_touched)",
         Damage.FINANCING, "row", "financing_touched abank/GD-1 of financing_decision "),
    Harm("touched", "INSERT INTO lianyun.financing_touched SELECT gen_random_uuid(), max(number) FROM lianyun.financing_touched",
         Damage.FINANCING, "row", "financing_touched "),
    Harm("hold's pledge", "UPDATE lianyun.financing_hold SET pledged = NOT pledged WHERE name = 'abank/GD-1'",
         Damage.FINANCING, "pledged", "financing_hold of financing abank/GD-1"),
    Harm("hold's end", "UPDATE lianyun.financing_hold SET ended = NOT ended WHERE name = 'abank/GD-1'",
         Damage.FINANCING, "ended", "financing_hold of financing abank/GD-1"),
    Harm("hold's block", "UPDATE lianyun.financing_hold SET blocks = NOT blocks WHERE name = 'abank/GD-1'",
         Damage.FINANCING, "blocks", "financing_hold of financing abank/GD-1"),
    Harm("hold deleted", "DELETE FROM lianyun.financing_hold WHERE name = 'abank/GD-1'",
         Damage.FINANCING, "row", "financing_hold of financing abank/GD-1"),
    Harm("hold of nothing", "INSERT INTO lianyun.financing_hold VALUES (gen_random_uuid(), 'abank/X', true, true, false)",
         Damage.FINANCING, "row", "financing_hold of financing "),
    Harm("key freed or taken", "UPDATE lianyun.financing_entry SET freed = CASE WHEN freed IS NULL THEN 1 END WHERE kind = 5 AND name = 'abank/GD-1'",
         Damage.FINANCING, "freed", "financing_entry NOTE "),
    Harm("key changed", "UPDATE lianyun.financing_entry SET digest = gen_random_uuid() WHERE kind = 5 AND name = 'abank/GD-1'",
         Damage.FINANCING, "version, kind, digest, share or near", "financing_entry of financing abank/GD-1"),
    Harm("key deleted", "DELETE FROM lianyun.financing_entry WHERE kind = 5 AND name = 'abank/GD-1'",
         Damage.FINANCING, "version, kind, digest, share or near", "financing_entry of financing abank/GD-1"),
    Harm("share", "UPDATE lianyun.financing_entry SET measure = 'KGM', part = 1, whole = 2 WHERE kind = 5 AND name = 'abank/GD-1'",
         Damage.FINANCING, "version, kind, digest, share or near", "financing_entry of financing abank/GD-1"),
    Harm("key's name", "UPDATE lianyun.financing_entry SET name = 'bbank/X' WHERE kind = 5 AND name = 'abank/GD-1'",
         Damage.FINANCING, "name", "financing_entry of financing abank/GD-1"),
    Harm("cargo", "DELETE FROM lianyun.financing_cargo", Damage.FINANCING, "row", "financing_cargo xaport/XA-1 of financing abank/GD-1"),
    Harm("cargo's name", "UPDATE lianyun.financing_cargo SET key = 'xaport/XA-9'", Damage.FINANCING, "row", "financing_cargo xaport/XA-9"),
    Harm("word deleted", "DELETE FROM lianyun.financing_word WHERE no = (SELECT min(no) FROM lianyun.financing_word)",
         Damage.FINANCING, "row", "financing_word of event "),
    Harm("word out of nothing", "INSERT INTO lianyun.financing_word SELECT gen_random_uuid(), max(no) FROM lianyun.financing_word",
         Damage.FINANCING, "row", "financing_word of event "),
    Harm("watch out of nothing", "INSERT INTO lianyun.financing_watch VALUES (gen_random_uuid(), 1)",
         Damage.FINANCING, "financing", "financing_watch "),
)  # fmt: skip


@pytest.mark.parametrize("harm", HARMS, ids=[harm.name for harm in HARMS])
def test_each_damage_is_named_by_row_and_field(told: Session, harm: Harm) -> None:
    assert told.execute(harm.statement.encode()).rowcount > 0
    found = checked(told)
    named = [(finding.kind, finding.field) for finding in found.findings if harm.where in finding.where]
    assert (harm.kind, harm.field) in named, found.findings
    assert {finding.kind for finding in found.findings} <= {Damage.DECISION, Damage.FINANCING}


def test_goods_that_went_from_under_a_pledge_are_found(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if a release of ours had forgotten the rule: each decision that it took wrongly is named, and no other."""
    case = next(case for case in cases() if case.slug.startswith("37_"))
    monkeypatch.setattr(DecisionContext, "shared", lambda *_: frozenset())
    stored = Stored(dsn, events_of(case))
    stored.begin()
    let_go = [
        f"financing_decision {decision.number}, {decision.action}"
        for number, written in enumerate(case.asks)
        if (decision := stored.ask(*case.ask(number))[0]).done and "shares" in written["expect"]
    ]
    assert len(let_go) == 7
    report = checked(stored.session)
    assert sorted(f.where for f in report.findings) == sorted(let_go)
    assert {f.field for f in report.findings} == {"outcome"}
    assert report.counts["releases_wrong"] == 7
    stored.close()


def test_a_release_of_what_is_owed_is_found(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    case = next(case for case in cases() if case.slug.startswith("40_"))
    forgotten = {**decision_rules._STEPS, Action.RELEASE: lambda ask, _book, at, *_: ask.done(at)}
    monkeypatch.setattr(decision_rules, "_STEPS", forgotten)
    stored = Stored(dsn, events_of(case))
    stored.begin()
    for number in range(4):
        stored.ask(*case.ask(number))
    monkeypatch.undo()
    (found,) = checked(stored.session).findings
    assert (found.field, found.expected) == ("waiver", "a waiver: 292250000 minor units were owed")
    stored.close()


def test_what_a_partial_release_gave_back_is_checked(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which entries it freed, and that nothing else was let go by its own name."""
    case = next(case for case in cases() if case.slug.startswith("63_"))
    stored = Stored(dsn, events_of(case))
    stored.begin()
    for number in range(12):
        stored.ask(*case.ask(number))
    kept = Thing(ObjectKind.CONTAINER, "TEMU0000006")
    monkeypatch.setattr(Hold, "released", lambda *_: frozenset({kept}))
    wrong, _ = stored.ask(*case.ask(13))
    monkeypatch.undo()
    assert wrong.done
    (found,) = checked(stored.session).findings
    assert (found.field, found.where) == ("outcome", f"financing_decision {wrong.number}, RELEASE_ORDER")
    stored.session.execute(
        "UPDATE lianyun.financing_entry SET freed = NULL WHERE freed IS NOT NULL AND kind = 3"
    )
    fields = {each.field for each in checked(stored.session).findings}
    assert fields == {"outcome", "freed"}
    stored.close()


def test_a_partial_release_that_left_the_debt_uncovered_is_found(
    dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Judged by the debt and the value as they were known then: what was paid or said since makes it neither right nor wrong."""
    case = next(case for case in cases() if case.slug.startswith("63_"))
    monkeypatch.setattr(partial_release, "not_covered", lambda *_: None)
    stored = Stored(dsn, events_of(case))
    stored.begin()
    early, *_ = [stored.ask(*case.ask(number))[0] for number in range(4)][3:]
    assert early.done
    monkeypatch.undo()
    stored.hear(micros("2026-12-31T00:00Z"))
    report = checked(stored.session)
    (found,) = report.findings
    assert (found.where, found.field) == (
        f"financing_decision {early.number}, RELEASE_PART on abank/GD-1",
        "waiver",
    )
    assert "Repayment down to 194833333 CNY" in str(found.expected)
    assert report.counts["releases_wrong"] == 1
    stored.close()


def test_a_refused_partial_release_recorded_as_done_is_found(dsn: str) -> None:
    case = next(case for case in cases() if case.slug.startswith("63_"))
    stored = Stored(dsn, events_of(case))
    stored.begin()
    for number in range(len(case.asks)):
        stored.ask(*case.ask(number))
    assert checked(stored.session).findings == ()
    stored.session.execute(
        "UPDATE lianyun.financing_decision SET outcome = 'DONE', guard = '', satisfied_by = '', amount = 139166667, currency = 'CNY'"
        " WHERE number = (SELECT min(number) FROM lianyun.financing_decision WHERE guard = 'VALUE_COVERS')"
    )
    fields = {each.field for each in checked(stored.session).findings}
    assert {"waiver", "outcome", "amount"} <= fields
    stored.close()


def test_assignments_are_judged_by_a_constant_number_of_statements(
    dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = next(case for case in cases() if case.slug.startswith("52_"))
    stored = Stored(dsn, events_of(case))
    stored.begin()
    for number in range(len(case.asks)):
        stored.ask(*case.ask(number))
    sent: list[object] = []
    execute = psycopg.Cursor.execute

    def counting(cursor: Any, query: Any, *rest: Any, **more: Any) -> Any:
        sent.append(query)
        return execute(cursor, query, *rest, **more)

    snapshot, findings = Snapshot(stored.session), Findings()
    history = read_history(snapshot, findings)
    monkeypatch.setattr(psycopg.Cursor, "execute", counting)
    assignments.check_assignments(snapshot, history, findings)
    assert len(sent) <= 6, "five and the limit of memory, however many decisions a block has"
    assert findings.report(0.0).findings == ()
    stored.close()


def test_what_was_done_on_an_assignment_in_doubt_is_found(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    case = next(case for case in cases() if case.slug.startswith("53_"))
    for module in (decision_rules, reservation):
        monkeypatch.setattr(module, "unsettled", lambda *_, **__: None)
    stored = Stored(dsn, events_of(case))
    stored.begin()
    for number in range(4):
        stored.ask(*case.ask(number))
    monkeypatch.undo()
    report = checked(stored.session)
    (found,) = report.findings
    assert (found.where.split(", ")[1], found.field) == ("DRAW on abank/GD-1", "outcome")
    assert "TGHU3000017" in str(found.expected)
    assert report.counts["assignments_wrong"] == 1
    stored.close()


@pytest.mark.parametrize(("rules", "wrong"), [("2027-01", 0), ("2027-02", 1)])
def test_what_was_pledged_though_named_no_longer_is_found(
    dsn: str, monkeypatch: pytest.MonkeyPatch, rules: str, wrong: int
) -> None:
    """By the rules of its time, and not where two persons looked at it."""
    case = next(case for case in cases() if case.slug.startswith("65_"))
    stored = Stored(dsn, events_of(case))
    stored.desk = replace(stored.desk, table=replace(products(), version=rules))
    stored.begin()
    stored.ask(*case.ask(0))
    monkeypatch.setattr(decision_rules, "still_named", lambda *_: None)
    assert stored.ask(*case.ask(1))[0].done
    monkeypatch.undo()
    draw, at, on = case.ask(4)
    review, _ = stored.ask(replace(draw, reviewed=None), at, on)
    looked = replace(draw, idempotency="again", reviewed=review.number)
    assert stored.ask(looked, at, on)[0].done
    report = checked(stored.session)
    assert [f.where.split(", ")[1] for f in report.findings] == ["PLEDGE on abank/GD-1"] * wrong
    assert all("container CSQU3054383 is named no longer" in str(f.expected) for f in report.findings)
    assert report.counts["unnamed_goods"] == wrong
    stored.close()


def test_a_refusal_for_goods_that_nobody_shares_is_found(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    case = next(case for case in cases() if case.slug.startswith("37_"))
    strange = frozenset({Thing(ObjectKind.CONTAINER, "TGHU0000006")})
    monkeypatch.setattr(DecisionContext, "shared", lambda *_: strange)
    stored = Stored(dsn, events_of(case))
    stored.begin()
    for number in range(4):
        stored.ask(*case.ask(number))
    (found,) = checked(stored.session).findings
    assert (found.field, found.stored) == ("shares", "container:TGHU0000006")
    stored.close()


def test_decisions_of_earlier_rules_stand(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was decided before requests concerned shared goods is no finding."""
    case = next(case for case in cases() if case.slug.startswith("37_"))
    monkeypatch.setattr(DecisionContext, "shared", lambda *_: frozenset())
    stored = Stored(dsn, events_of(case))
    stored.desk = replace(stored.desk, table=replace(products(), version="2026-11"))
    stored.begin()
    for number in range(len(case.asks)):
        stored.ask(*case.ask(number))
    report = checked(stored.session)
    assert (report.findings, report.counts["releases_wrong"]) == ((), 0)
    stored.close()


def test_only_the_platform_signs_decisions(told: Session) -> None:
    """A registered partner's signature under the very same words proves nothing."""
    row = told.execute(
        "SELECT number, headers, payload FROM lianyun.financing_decision ORDER BY number LIMIT 1"
    ).fetchone()
    assert row is not None
    number, headers, payload = row
    envelope, _ = read_headers(unframe(headers))
    forged = sign(key_of("abank"), signed_bytes(SIGNER.network, envelope, payload))
    framed = frame([*envelope.to_headers(), (SIGNATURE_HEADER, forged.encode())])
    told.execute("UPDATE lianyun.financing_decision SET headers = %s WHERE number = %s", (framed, number))
    (found,) = checked(told).findings
    assert (found.kind, found.field, found.expected) == (
        Damage.DECISION,
        "signature",
        "by a registered key of the platform",
    )


def test_two_pledges_of_one_interest_are_counted(taken_over: Session) -> None:
    """As if the pledge of the second bank had not ended the first one's."""
    session = taken_over
    before = checked(session)
    assert (before.findings, before.counts["double_pledges"]) == ((), 0)
    session.execute("UPDATE lianyun.financing_decision SET frees = '{}' WHERE frees <> '{}'")
    session.execute(
        "DELETE FROM lianyun.financing_touched t USING lianyun.financing_decision d "
        "WHERE d.number = t.number AND d.action = 'PLEDGE' AND d.outcome = 'DONE' "
        "AND t.financing NOT IN (SELECT financing FROM lianyun.financing_hold h WHERE h.name = d.financing)"
    )
    session.execute("UPDATE lianyun.financing_entry SET freed = NULL")
    found = checked(session)
    assert found.counts["double_pledges"] == 1
    assert [f.where for f in found.findings if f.field == "interest"] == [
        "financings abank/LN-1 and bbank/RF-1"
    ]
