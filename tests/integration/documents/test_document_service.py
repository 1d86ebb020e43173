"""One original with one holder in a real database: who instructs, when it is effective, races, repetition and abrupt ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from schemas.document_instruction import Instruction
from services.audit.fsck.documents import check_documents
from services.audit.fsck.registry import read_history
from services.audit.fsck.snapshot import Snapshot
from services.audit.report import Findings
from services.documents.domain.decisions import DRAFT, SIGN
from services.documents.domain.transfer import Action, Medium, OriginalState, TransferStatus
from services.documents.store.document_service import (
    DocumentService,
    NotInstructed,
    RequestUsed,
    UnknownDocument,
)
from services.documents.store.registers import readable
from services.ledger.storage import points
from services.ledger.storage.session import Session, open_session
from services.testbed.localstack.engine import DatabaseAddress
from tests.support.documents_stored import (
    BANK,
    BILL,
    CARRIER,
    CONSIGNEE,
    ISSUER,
    SHIPPER,
    Documents,
    cosign,
    hear_the_base,
)
from tests.support.financing.stored_world import SIGNER, key_of, stories_database
from tests.support.threads import at_once

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def base(postgres: DatabaseAddress) -> str:
    made = stories_database(postgres, "documents_base")
    with open_session(made) as session:
        hear_the_base(session)
    return made


@pytest.fixture
def dsn(base: str, postgres: DatabaseAddress) -> str:
    name = "documents_tests"
    with psycopg.connect(postgres.dsn, autocommit=True) as server:
        for each in (name, "documents_base"):
            server.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (each,)
            )
        server.execute(f"DROP DATABASE IF EXISTS {name}".encode())
        server.execute(f"CREATE DATABASE {name} TEMPLATE documents_base".encode())
    return base.replace("documents_base", name)


@pytest.fixture
def documents(dsn: str) -> Iterator[Documents]:
    with open_session(dsn, "lianyun-test") as session:
        yield Documents(session)
        points.install(None)


def test_a_bill_from_its_draft_to_its_surrender(documents: Documents) -> None:
    assert documents.do(DRAFT, ISSUER).done
    early = documents.do(Action.ISSUE, ISSUER, SHIPPER)
    assert (early.guard, early.satisfied_by) == (
        "NOT_SIGNED",
        "The signatures of silk as ISSUER, cr as CARRIER.",
    )
    assert documents.do(SIGN, SHIPPER).guard == "NOT_SIGNATORY"
    assert documents.do(SIGN, ISSUER).done
    assert documents.do(SIGN, CARRIER).done
    assert documents.do(Action.ISSUE, ISSUER, SHIPPER).done

    known = documents.register
    assert known.chain is not None
    assert known.status_of(known.chain.transfers[0]) is TransferStatus.PENDING
    assert known.effective_holding is None
    assert documents.do(Action.TRANSFER, SHIPPER, CONSIGNEE).guard == "PREVIOUS_PENDING"
    cosign(documents.session)
    known = documents.register
    assert known.effective_holding is not None
    assert known.effective_holding.holder == SHIPPER

    documents.done(Action.PLEDGE, SHIPPER, BANK)
    assert documents.do(Action.TRANSFER, BANK, CONSIGNEE).guard == "PLEDGED"
    assert documents.do(Action.ENDORSE, SHIPPER, CONSIGNEE).guard == "PLEDGED"
    documents.done(Action.RELEASE, BANK)
    documents.done(Action.ENDORSE, SHIPPER, CONSIGNEE)
    documents.done(Action.SURRENDER_FOR_DELIVERY, CONSIGNEE, CARRIER)
    held = documents.register.effective_holding
    assert held is not None
    assert (held.holder, held.state) == (CARRIER, OriginalState.SURRENDERED)
    assert documents.do(Action.TRANSFER, CARRIER, SHIPPER).guard == "SURRENDERED"


def test_nothing_is_done_that_the_acting_party_did_not_sign(documents: Documents) -> None:
    documents.issued()
    right = documents.instruction(Action.TRANSFER, SHIPPER, CONSIGNEE)
    for wrong, signer in (
        (right, CONSIGNEE),
        (replace(right, to=BANK), SHIPPER),
        (replace(right, network="prod"), SHIPPER),
    ):
        signature = right.signed_by(key_of(signer))
        with pytest.raises(NotInstructed):
            documents.service.decide(documents.session, wrong, signature)
        documents.session.rollback()
    assert documents.decide(right).done


def test_a_document_that_is_not_in_the_register_or_not_the_partys_is_rejected(documents: Documents) -> None:
    with pytest.raises(UnknownDocument):
        documents.do(Action.TRANSFER, SHIPPER, CONSIGNEE)
    documents.issued()
    with pytest.raises(UnknownDocument):
        documents.do(Action.TRANSFER, "bbank", CONSIGNEE)
    assert [id_.hex() for id_, _ in readable(documents.session, SHIPPER, None, 10)] == [BILL.id]
    assert readable(documents.session, "bbank", None, 10) == []


def test_a_party_that_has_nothing_to_do_with_the_cargo_drafts_nothing(documents: Documents) -> None:
    foreign = replace(BILL, parties=(BILL.parties[0]._replace(party="stranger"), *BILL.parties[1:]))
    documents.document = foreign
    with pytest.raises(UnknownDocument):
        documents.do(DRAFT, "stranger")


def test_a_repeated_instruction_is_the_recorded_decision(documents: Documents) -> None:
    documents.issued()
    ask = documents.instruction(Action.TRANSFER, SHIPPER, CONSIGNEE, request="once")
    first = documents.decide(ask)
    assert documents.decide(ask) == first
    with pytest.raises(RequestUsed):
        documents.decide(replace(ask, to=BANK))
    assert documents.register.decisions[-1] == first


def test_a_second_original_over_the_same_cargo_is_refused(documents: Documents) -> None:
    documents.issued()
    other = Documents(documents.session, replace(BILL, number="FBL-2026-2"), requests=documents.requests)
    other.do(DRAFT, ISSUER)
    for party in (ISSUER, CARRIER):
        other.do(SIGN, party)
    assert other.do(Action.ISSUE, ISSUER, SHIPPER).guard == "ORIGINAL_EXISTS"
    documents.done(Action.TRANSFER, SHIPPER, ISSUER)
    documents.done(Action.VOID, ISSUER)
    assert other.do(Action.ISSUE, ISSUER, SHIPPER).done


def test_the_original_is_on_paper_or_electronic(documents: Documents) -> None:
    documents.issued()
    documents.done(Action.SWITCH_TO_PAPER, SHIPPER, paper="P-1")
    held = documents.register.effective_holding
    assert held is not None
    assert (held.holder, held.medium) == ("", Medium.PAPER)
    assert documents.do(Action.TRANSFER, SHIPPER, CONSIGNEE).guard == "ON_PAPER"
    documents.done(Action.SWITCH_TO_ELECTRONIC, ISSUER, CONSIGNEE, paper="P-1")
    assert documents.do(Action.TRANSFER, CONSIGNEE, BANK).done


def test_of_fifty_transfers_at_once_one_wins(dsn: str, documents: Documents) -> None:
    documents.issued()
    asks = [
        documents.instruction(
            Action.TRANSFER, SHIPPER, CONSIGNEE if number % 2 else BANK, request=f"race-{number}"
        )
        for number in range(50)
    ]
    outcomes: list[tuple[bool, str]] = []

    def instruct(number: int) -> None:
        ask = asks[number]
        with open_session(dsn, "lianyun-test") as session, session.transaction():
            session.execute("SET LOCAL lock_timeout = '60s'")
            found = DocumentService(SIGNER).decide(session, ask, ask.signed_by(key_of(ask.party)))
        outcomes.append((found.done, found.guard))

    at_once(50, instruct)
    assert sorted(outcomes) == [*[(False, "CHAIN_MOVED")] * 49, (True, "")]
    known = documents.register
    assert known.chain is not None
    assert len(known.chain.transfers) == 2
    assert len([each for each in known.decisions if each.request.startswith("race-")]) == 50


def damage(session: Session) -> list[str]:
    """What fsck says of documents."""
    snapshot, findings = Snapshot(session), Findings()
    check_documents(snapshot, read_history(snapshot, findings), SIGNER.network, findings)
    return [f"{each.where} {each.field}" for each in findings.report(0.0).findings]


DECISION_COLUMNS = (
    "before = before + 1", "at = at + 1", "position = position + 1000000", "kind = 'RAIL_NOTE'", "form = 'STRAIGHT'",
    "consignment = 'a/b'", "action = 'TRANSFER'", "outcome = 'REFUSED'", "by_party = 'ruhr'", "request = request || '!'",
    "version = version + 1", "content = repeat('0', 64)", "previous = repeat('0', 64)", "to_party = 'bbank'", "paper = 'P'",
    "instruction = repeat('0', 64)", "signature = 'v1;ed25519;0;0'", "registry = 0", "place = place + 1", "guard = 'X'",
    "satisfied_by = 'X'", "rules = 'X'", "headers = headers || '\\x00'", "payload = payload || ' '::bytea",
    "document = gen_random_uuid()",
)  # fmt: skip
HEAD_COLUMNS = (
    "number = 'X'", "kind = 'RAIL_NOTE'", "form = 'X'", "issuer = 'X'", "consignment = 'X'", "cons = gen_random_uuid()",
    "controls = NOT controls", "holder = 'bbank'", "state = 'VOID'", "transfers = 9", "last = last + 1", "at = at + 1",
    "readers = '{}'", "document = gen_random_uuid()",
)  # fmt: skip


def test_fsck_recomputes_who_holds_it_and_finds_every_change(documents: Documents) -> None:
    documents.issued()
    documents.done(Action.PLEDGE, SHIPPER, BANK)
    session = documents.session
    assert damage(session) == []
    last = "(SELECT max(number) FROM lianyun.document_decision)"
    changes = [
        *(f"UPDATE lianyun.document_decision SET {each} WHERE number = {last}" for each in DECISION_COLUMNS),  # noqa: S608
        *(f"UPDATE lianyun.document_head SET {each}" for each in HEAD_COLUMNS),  # noqa: S608
        f"DELETE FROM lianyun.document_decision WHERE number = {last}",  # noqa: S608
        "DELETE FROM lianyun.document_decision WHERE place = 1",
        "DELETE FROM lianyun.document_decision WHERE action = 'SIGN' AND by_party = 'cr'",
        "DELETE FROM lianyun.document_head",
        "DELETE FROM lianyun.document_version",
        "UPDATE lianyun.document_version SET body = replace(body, 'CSQU3054383', 'TBJU7000010')",
        "UPDATE lianyun.document_version SET content = repeat('0', 64)",
        "UPDATE lianyun.document_version SET decision = decision + 1",
        "UPDATE lianyun.document_version SET document = gen_random_uuid()",
    ]
    for change in changes:
        for table in ("decision", "version"):  # an insider turns the triggers off
            session.execute(f"ALTER TABLE lianyun.document_{table} DISABLE TRIGGER USER".encode())
        assert session.execute(change.encode()).rowcount > 0, change
        assert damage(session), change
        session.rollback()
    assert damage(session) == []
    for change in changes:
        if "document_head" not in change:
            with pytest.raises(psycopg.errors.RaiseException, match="never changed"):
                session.execute(change.encode())
            session.rollback()


@pytest.mark.long
@pytest.mark.parametrize("point", ["document_locked", "document_decided", "after_commit"])
def test_killed_in_any_step_it_is_done_wholly_or_not_at_all(
    dsn: str, documents: Documents, point: str
) -> None:
    documents.issued()
    ask = documents.instruction(Action.TRANSFER, SHIPPER, CONSIGNEE, request="killed")
    before = len(documents.register.decisions)
    killed = subprocess.run(
        [sys.executable, "-m", "tests.integration.documents.test_document_service", dsn, point, ask.previous],
        capture_output=True,
        timeout=120,
        cwd=Path(__file__).parents[3],
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    assert len(documents.register.decisions) == before + (point == "after_commit")
    assert documents.decide(ask).done
    assert len(documents.register.decisions) == before + 1


def _instructed(session: Session, previous: str) -> None:
    ask = Instruction(
        SIGNER.network, SHIPPER, BILL.id, Action.TRANSFER, 1, BILL.digest, "killed", previous, CONSIGNEE
    )
    DocumentService(SIGNER).decide(session, ask, ask.signed_by(key_of(SHIPPER)))


def _killed(dsn: str, point: str, previous: str) -> None:
    def hook(name: str) -> None:
        if name == point:
            os.kill(os.getpid(), signal.SIGKILL)

    points.install(hook)
    with open_session(dsn, "lianyun-test") as session:
        _instructed(session, previous)
        session.commit()
        hook("after_commit")


if __name__ == "__main__":
    _killed(*sys.argv[1:])
