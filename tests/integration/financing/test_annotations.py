"""Annotations of papers in a real database: once and up to the amount, against pledges and before them, races, repetition, abrupt ends, damage."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest

from schemas.events.trade_offshore import DealPaper, DealPaperKind
from services.audit.report import Report
from services.financing.domain.annotation import Action, Annotation, AnnotationRequest, Behind, PaperName
from services.financing.domain.decisions import DecisionOutcome
from services.financing.domain.documents import Company, Share
from services.financing.domain.money import Money
from services.financing.store import fingerprint_versions
from services.financing.store.annotations import (
    AnnotationService,
    RequestUsed,
    UnknownAnnotation,
    annotations_on,
)
from services.financing.store.fingerprint_versions import KeyRing
from services.ledger.storage import points
from services.ledger.storage.session import Session, open_session
from services.testbed.localstack.engine import DatabaseAddress
from tests.support.financing.stored_world import SIGNER, Stored, checked, events_of, stories_database, value
from tests.support.financing.stories import Case, cases
from tests.support.financing.world import KEY
from tests.support.threads import at_once
from tests.support.trade_deals import invoice_paper

pytestmark = pytest.mark.integration
CASES: dict[str, Case] = {case.slug[:2]: case for case in cases()}
WHOLE = 9_000_000
OWN = DealPaper.model_validate(invoice_paper())
SELLER = {"scheme": "USCC", "number": "91330100799655058B"}
BILL = DealPaper.model_validate({"kind": "TRANSPORT", "number": "HWB 44", "issuer": SELLER})
NAME = PaperName(DealPaperKind.INVOICE, "inv-1")


def behind(deal: str = "optic/OD-1", *papers: DealPaper) -> Behind:
    return Behind(deal, b"deal".ljust(16), papers or (OWN, BILL))


@dataclass
class Annotations:
    """Requests of banks, each in a transaction of its own."""

    session: Session
    ring: tuple[bytes, ...] = (KEY,)
    requests: Iterator[int] = field(default_factory=lambda: count(1))

    @property
    def service(self) -> AnnotationService:
        return AnnotationService(KeyRing(self.ring), SIGNER)

    def ask(self, bank: str, minor: int | None, paper: PaperName = NAME, **more: Any) -> AnnotationRequest:
        amount = None if minor is None else Money(minor, more.pop("currency", "EUR"))
        request = more.pop("request", f"a-{next(self.requests)}")
        return AnnotationRequest(Action.ANNOTATE, bank, request, paper=paper, amount=amount, **more)

    def annotate(
        self, bank: str, minor: int | None, of: Behind | None = None, paper: PaperName = NAME, **more: Any
    ) -> Annotation:
        found = self.service.annotate(self.session, self.ask(bank, minor, paper, **more), of or behind())
        self.session.commit()
        return found

    def revoke(self, bank: str, number: int, request: str = "") -> Annotation:
        ask = AnnotationRequest(Action.REVOKE, bank, request or f"r-{next(self.requests)}", revokes=number)
        try:
            found = self.service.revoke(self.session, ask)
        except UnknownAnnotation:
            self.session.rollback()
            raise
        self.session.commit()
        return found

    def fsck(self) -> Report:
        found = checked(self.session)
        self.session.rollback()
        return found


@pytest.fixture(scope="module")
def base(postgres: DatabaseAddress) -> str:
    made = stories_database(postgres, "annotations_base")
    with open_session(made) as session:
        fingerprint_versions.begin(session, KEY, 1)
    return made


@pytest.fixture
def dsn(base: str, postgres: DatabaseAddress) -> str:
    name = "annotations_tests"
    with psycopg.connect(postgres.dsn, autocommit=True) as server:
        for each in (name, "annotations_base"):
            server.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (each,)
            )
        server.execute(f"DROP DATABASE IF EXISTS {name}".encode())
        server.execute(f"CREATE DATABASE {name} TEMPLATE annotations_base".encode())
    return base.replace("annotations_base", name)


@pytest.fixture
def banks(dsn: str) -> Iterator[Annotations]:
    with open_session(dsn, "lianyun-test") as session:
        yield Annotations(session)
        points.install(None)


def test_parts_of_several_banks_add_up_to_the_amount_and_no_further(banks: Annotations) -> None:
    assert banks.annotate("abank", 5_000_000).done
    assert banks.annotate("bbank", 4_000_000).done
    late = banks.annotate("bbank", 1)
    assert (late.done, late.guard) == (False, "PAPER_FREE")
    assert "000" not in late.satisfied_by
    assert [each.share for each in annotations_on(banks.session, "optic/OD-1", "abank")] == [
        Share("EUR", 5_000_000, WHOLE)
    ]
    assert (banks.fsck().findings, banks.fsck().counts["double_annotations"]) == ((), 0)


def test_a_whole_paper_is_annotated_once(banks: Annotations) -> None:
    bill = PaperName(DealPaperKind.TRANSPORT, "HWB-44", Company(SELLER["scheme"], SELLER["number"]))
    assert banks.annotate("abank", None, paper=bill).done
    assert banks.annotate("bbank", None, paper=bill).guard == "PAPER_FREE"
    assert banks.annotate("abank", None, paper=bill).guard == "PAPER_FREE"
    assert banks.annotate("bbank", 1, paper=bill).guard == "AMOUNT_STATED"


def test_what_the_deal_does_not_state_is_refused(banks: Annotations) -> None:
    assert banks.annotate("abank", 1, paper=NAME._replace(number="INV-2")).guard == "PAPER_OF_DEAL"
    assert (
        banks.annotate("abank", 1, paper=NAME._replace(issuer=Company("PARTY", "ruhr"))).guard
        == "PAPER_OF_DEAL"
    )
    assert banks.annotate("abank", WHOLE + 1).guard == "WITHIN_AMOUNT"
    assert banks.annotate("abank", 0).guard == "WITHIN_AMOUNT"
    assert banks.annotate("abank", 1, currency="USD").guard == "WITHIN_AMOUNT"
    assert banks.annotate("abank", 1, paper=NAME._replace(issuer=Company("PARTY", "optic"))).done


def test_a_paper_stands_behind_one_deal_whatever_is_left_of_it(banks: Annotations) -> None:
    assert banks.annotate("abank", 1).done
    assert banks.annotate("abank", 1, of=behind("optic/OD-2")).guard == "PAPER_OF_ONE_DEAL"
    copied = DealPaper.model_validate(invoice_paper(issuer={"scheme": "PARTY", "number": "optic"}))
    of, name = behind("textil/OD-7", copied), NAME._replace(issuer=Company("PARTY", "optic"))
    assert banks.annotate("bbank", 1, of=of, paper=name).guard == "PAPER_OF_ONE_DEAL"
    changed = DealPaper.model_validate(invoice_paper(minor=2 * WHOLE))
    assert banks.annotate("bbank", WHOLE, of=behind("optic/OD-1", changed)).guard == "SPLIT_KNOWN"


def test_only_the_annotating_bank_revokes_and_only_once(banks: Annotations) -> None:
    first = banks.annotate("abank", WHOLE)
    with pytest.raises(UnknownAnnotation):
        banks.revoke("bbank", first.number)
    assert banks.annotate("bbank", WHOLE).guard == "PAPER_FREE"
    revoked = banks.revoke("abank", first.number, "r-x")
    assert (revoked.done, revoked.annotation) == (True, first.number)
    assert banks.revoke("abank", first.number, "r-x") == revoked
    assert banks.revoke("abank", first.number).guard == "ANNOTATION_STANDS"
    assert banks.annotate("bbank", WHOLE, of=behind("optic/OD-2")).done
    assert banks.fsck().findings == ()


def test_a_repeated_request_is_the_same_decision_and_another_one_is_refused(banks: Annotations) -> None:
    ask = banks.ask("abank", WHOLE, request="twice")
    first = banks.service.annotate(banks.session, ask, behind())
    banks.session.commit()
    assert banks.service.annotate(banks.session, ask, behind()) == first
    with pytest.raises(RequestUsed):
        banks.service.annotate(banks.session, replace(ask, amount=Money(1, "EUR")), behind())
    banks.session.rollback()
    assert banks.annotate("bbank", WHOLE, request="twice").guard == "PAPER_FREE"


def test_parts_add_up_across_versions_of_the_fingerprints(banks: Annotations) -> None:
    assert banks.annotate("abank", 5_000_000).done
    second = KEY[::-1]
    fingerprint_versions.begin(banks.session, second, 1)
    fingerprint_versions.close(banks.session, 1)
    banks.session.commit()
    banks.ring = (KEY, second)
    assert banks.annotate("bbank", 5_000_000).guard == "PAPER_FREE"
    assert banks.annotate("bbank", 4_000_000).done
    assert banks.annotate("bbank", 1).guard == "PAPER_FREE"
    assert banks.fsck().findings == ()


RACERS = 64


def _race(dsn: str, service: AnnotationService) -> list[str]:
    outcomes: list[str] = []

    def annotate(number: int) -> None:
        with open_session(dsn, "lianyun-test") as session, session.transaction():
            session.execute("SET LOCAL lock_timeout = '60s'")
            ask = AnnotationRequest(
                Action.ANNOTATE, f"bank-{number}", "race", paper=NAME, amount=Money(WHOLE, "EUR")
            )
            found = service.annotate(session, ask, behind())
        outcomes.append(found.guard)

    at_once(RACERS, annotate)
    return sorted(outcomes)


def test_of_64_banks_at_once_one_annotates_the_paper(dsn: str, banks: Annotations) -> None:
    assert _race(dsn, banks.service) == ["", *["PAPER_FREE"] * (RACERS - 1)]
    report = banks.fsck()
    assert (report.findings, report.counts["double_annotations"]) == ((), 0)
    assert report.counts["annotation_decisions"] == RACERS


def test_without_the_lock_the_paper_is_annotated_twice_and_fsck_finds_it(
    dsn: str, banks: Annotations
) -> None:
    """Two that have both read before either has recorded: the lock alone is what keeps them apart."""
    unlocked = replace(banks.service, take=lambda _session, _ids: None)
    with open_session(dsn, "lianyun-test") as other:
        first = unlocked.annotate(banks.session, banks.ask("abank", WHOLE), behind())
        second = unlocked.annotate(other, banks.ask("bbank", WHOLE), behind())
        other.commit()
    banks.session.commit()
    assert (first.done, second.done) == (True, True)
    assert banks.fsck().counts["double_annotations"] > 0


def test_with_the_lock_the_second_waits_for_the_first(dsn: str, banks: Annotations) -> None:
    first = banks.service.annotate(banks.session, banks.ask("abank", WHOLE), behind())
    with open_session(dsn, "lianyun-test") as other:
        other.execute("SET lock_timeout = '200ms'")
        other.commit()
        with pytest.raises(psycopg.errors.LockNotAvailable):
            banks.service.annotate(other, banks.ask("bbank", WHOLE), behind())
    banks.session.commit()
    assert first.done


def _pledged(dsn: str) -> tuple[Stored, Case]:
    case = CASES["01"]
    return Stored(dsn, events_of(case)), case


def _invoice_of(case: Case) -> tuple[DealPaper, PaperName]:
    """The invoice of the story's reservation as a deal of its seller states it."""
    ask, *_ = case.ask(0)
    (invoice,) = ask.papers.invoices
    issuer = {"scheme": invoice.seller.scheme, "number": invoice.seller.id}
    amount = {"minor_units": invoice.amount.minor, "currency_code": invoice.amount.currency}
    paper = {"kind": "INVOICE", "number": invoice.number, "issuer": issuer, "amount": amount}
    return DealPaper.model_validate(paper), PaperName(DealPaperKind.INVOICE, invoice.number, invoice.seller)


def test_a_paper_that_is_reserved_or_pledged_is_not_annotated_and_the_other_way_round(
    dsn: str, banks: Annotations
) -> None:
    stored, case = _pledged(dsn)
    paper, name = _invoice_of(case)
    assert paper.amount is not None
    whole, currency = paper.amount.minor_units, paper.amount.currency_code
    of = behind("optic/OD-1", paper)
    ask, at, on = case.ask(0)
    banks_at = AnnotationService(KeyRing(banks.ring), SIGNER, stored._clock)

    def annotate(request: str) -> Annotation:
        asked = banks.ask("bbank", whole, name, currency=currency, request=request)
        found = banks_at.annotate(banks.session, asked, of)
        banks.session.commit()
        return found

    stored.hear(at)
    stored._at = at
    before = annotate("before")
    assert before.done
    refused, _ = stored.ask(ask, at, on)
    assert (refused.outcome, refused.guard) == (DecisionOutcome.REFUSED, "PAPER_NOT_ANNOTATED")
    banks.revoke("bbank", before.number)
    reserved, _ = stored.ask(replace(ask, idempotency="again"), at, on)
    assert reserved.done
    assert annotate("after").guard == "PAPER_FREE"
    assert reserved.until is not None
    stored._at = reserved.until
    assert annotate("run-out").done
    stored.close()
    assert banks.fsck().findings == ()


DAMAGE = (
    "action = 'REVOKE'", "done = NOT done", "at = at + 1", "position = position + 1000000", "by_party = 'ruhr'",
    "request = request || '!'", "asked = gen_random_uuid()", "deal = 'a/b'", "stated = gen_random_uuid()",
    "annotation = annotation + 1", "kind = 'TRANSPORT'", "measure = 'USD'", "part = part + 1", "whole = whole + 1",
    "guard = 'X'", "satisfied_by = 'X'", "rules = 'X'", "headers = headers || '\\x00'", "payload = payload || ' '::bytea",
    "number = number + 1000",
)  # fmt: skip
ENTRY_DAMAGE = (
    "annotation = annotation + 1000", "version = version + 1", "kind = 5", "digest = gen_random_uuid()", "measure = 'USD'",
    "part = part - 1", "whole = whole + 1", "revoked = 1000",
)  # fmt: skip


def test_fsck_finds_every_change(banks: Annotations) -> None:
    first = banks.annotate("abank", 5_000_000)
    banks.annotate("bbank", WHOLE)
    banks.revoke("abank", banks.annotate("abank", 1).number)
    of = f"= {first.number}"
    changes = [
        *(f"UPDATE lianyun.annotation_decision SET {each} WHERE number {of}" for each in DAMAGE),  # noqa: S608
        *(f"UPDATE lianyun.annotation_entry SET {each} WHERE annotation {of}" for each in ENTRY_DAMAGE),  # noqa: S608
        f"DELETE FROM lianyun.annotation_decision WHERE number {of}",  # noqa: S608
        f"DELETE FROM lianyun.annotation_entry WHERE annotation {of}",  # noqa: S608
        "DELETE FROM lianyun.annotation_decision WHERE action = 'REVOKE'",
        "UPDATE lianyun.annotation_entry SET revoked = NULL",
    ]
    assert banks.fsck().findings == ()
    for change in changes:
        banks.session.execute("ALTER TABLE lianyun.annotation_decision DISABLE TRIGGER USER")
        assert banks.session.execute(change.encode()).rowcount > 0, change
        assert checked(banks.session).findings, change
        banks.session.rollback()
    with pytest.raises(psycopg.errors.RaiseException, match="never changed"):
        banks.session.execute("UPDATE lianyun.annotation_decision SET at = 0")
    banks.session.rollback()


@pytest.mark.parametrize(
    "point", ["annotation_locked", "annotation_decided", "annotation_recorded", "after_commit"]
)
def test_killed_in_any_step_it_is_done_wholly_or_not_at_all(dsn: str, banks: Annotations, point: str) -> None:
    killed = subprocess.run(
        [sys.executable, "-m", "tests.integration.financing.test_annotations", dsn, point],
        capture_output=True,
        timeout=120,
        cwd=Path(__file__).parents[3],
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    assert value(dsn, "SELECT count(*) FROM lianyun.annotation_decision") == (point == "after_commit")
    assert banks.annotate("abank", WHOLE, request="killed").done
    assert value(dsn, "SELECT count(*) FROM lianyun.annotation_decision") == 1
    assert banks.fsck().findings == ()


def _killed(dsn: str, point: str) -> None:
    def hook(name: str) -> None:
        if name == point:
            os.kill(os.getpid(), signal.SIGKILL)

    points.install(hook)
    with open_session(dsn, "lianyun-test") as session:
        Annotations(session).annotate("abank", WHOLE, request="killed")
        hook("after_commit")


if __name__ == "__main__":
    _killed(*sys.argv[1:])
