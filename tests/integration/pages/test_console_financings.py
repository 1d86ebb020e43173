"""A bank's people in the console: portfolio, one financing, checks, and decisions with maker and checker; and what fsck makes of it."""

from __future__ import annotations

import base64
import json
import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import httpx
import psycopg
import pytest
from nacl.signing import VerifyKey

from services.financing.domain.proposals import LASTS
from services.ledger.storage.decision_locks import database_clock
from services.ledger.storage.session import open_session
from services.people.domain.person import Permission, PersonId
from services.testbed.localstack.engine import DatabaseAddress
from tests.support.api.cast import play
from tests.support.api.server import FINANCING_KEYS
from tests.support.console import TOKEN, RunningConsole, post
from tests.support.databases import migrated_database
from tests.support.financing.stored_world import PLATFORM, checked

pytestmark = pytest.mark.integration
SEE, MAKE, CHECK = Permission.FINANCING, Permission.FINANCING_MAKE, Permission.FINANCING_CHECK
ONE = "/console/financings/LN-1"
INVOICE = {
    "application": "optic/AP-A", "product": "EXPORT_RECEIVABLE", "interest": "RECEIVABLE", "consignments": "xaport/XA-1",
    "invoice": "INV-0417", "amount": "4175000.00", "currency": "CNY", "issued": "2026-02-26",
    "seller_scheme": "USCC", "seller": "91330100799655058B", "buyer_scheme": "LEI", "buyer": "5493000IBP32UQZ0KL24",
    "notes": "SMGS/CN/XAY/100001/2026", "boxes": "CSQU3054383 railnet:xian-intl-port 2026-03-02",
}  # fmt: skip
PEOPLE: dict[str, PersonId] = {}


@pytest.fixture(scope="module")
def console(postgres: DatabaseAddress, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningConsole]:
    dsn = migrated_database(postgres, "console_financings")
    play(dsn)
    folder = tmp_path_factory.mktemp("console")
    keys = folder / "platform-keys.json"
    keys.write_text(json.dumps(FINANCING_KEYS))
    with RunningConsole(dsn, folder, sign_in={"financing_keys": keys}) as running:
        for party, subject, may in (
            ("abank", "mei", [SEE, MAKE]),
            ("abank", "karl", [SEE, CHECK]),
            ("abank", "both", [SEE, MAKE, CHECK]),
            ("abank", "rita", [SEE]),
            ("abank", "lena", [SEE, Permission.FINANCING_LIMITS]),
            ("abank", "bo", [Permission.BOARD]),
            ("bbank", "olga", [*Permission]),
            ("optic", "opal", [*Permission]),
        ):
            PEOPLE[subject] = running.person(party, subject, may=may, name=subject.title())
        yield running


def prepared(console: RunningConsole, who: str, form: dict[str, str], key: str) -> str:
    """The path of the proposal that the person has prepared."""
    answer = post(console.looking(who), f"{ONE}/proposals", {"key": key, **form}, ONE)
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


def end(
    console: RunningConsole, who: str, path: str, verdict: str = "APPROVED", reason: str = ""
) -> httpx.Response:
    return post(console.looking(who), path, {"verdict": verdict, "reason": reason})


def rows(console: RunningConsole, query: str, *values: Any) -> list[tuple[Any, ...]]:
    with psycopg.connect(console.dsn) as session:
        return session.execute(query.encode(), values).fetchall()


def findings(console: RunningConsole) -> list[str]:
    with open_session(console.dsn) as session:
        return [str(each) for each in checked(session).findings]


def test_a_bank_sees_its_financings_with_goods_and_alerts_and_nobody_elses(console: RunningConsole) -> None:
    page = console.looking("rita").get("/console/financings")
    assert page.status_code == 200, page.text
    assert ONE in page.text
    assert "xaport/XA-1" in page.text
    data = console.looking("rita").get("/console/financings?table=financings&format=json").json()
    assert [(row["reference"], row["stage"]) for row in data["rows"]] == [
        ("GD-1", "RESERVATION_EXPIRED"),
        ("LN-1", "PLEDGED"),
    ]
    assert ONE in console.looking("rita").get("/console/financings?show=alerts&currency=cny").text
    following = console.looking("rita").get("/console/financings?after=GD-1").text
    assert (ONE in following, '/console/financings/GD-1"' in following) == (True, False)
    assert ONE not in console.looking("rita").get("/console/financings?stage=DRAWN").text
    assert ONE not in console.looking("olga").get("/console/financings").text
    assert console.looking("rita").get("/console/financing-totals").status_code == 200
    for subject in ("olga", "opal", "bo"):
        assert console.looking(subject).get(ONE).status_code == 404, subject
        assert console.looking(subject).get(f"{ONE}/signed").status_code == 404, subject
    for subject in ("opal", "bo"):
        assert console.looking(subject).get("/console/financings").status_code == 404
        assert "/console/financings" not in console.looking(subject).get("/console").text
    logged = rows(
        console, "SELECT DISTINCT client FROM lianyun.access_log WHERE resource = 'financing:abank/LN-1'"
    )
    assert (f"person:{PEOPLE['rita'].hex()}",) in logged


def test_history_as_of_a_date_and_an_answer_to_be_filed(console: RunningConsole) -> None:
    browser = console.looking("rita")
    assert "Pledged" in browser.get(ONE).text
    earlier = browser.get(f"{ONE}?at=2026-03-02T08:00").text
    assert "Reserved" in earlier
    assert '<form method="post"' not in earlier
    assert browser.get(f"{ONE}?at=2026-03-01").status_code == 404
    assert browser.get(f"{ONE}?at=yesterday").status_code == 400
    filed = browser.get(f"{ONE}/signed")
    assert filed.headers["content-type"] == "application/jose"
    head, body, signature = filed.text.split(".")
    raw = base64.urlsafe_b64decode(signature + "==")
    VerifyKey(PLATFORM.public.raw).verify(f"{head}.{body}".encode(), raw)
    assert json.loads(base64.urlsafe_b64decode(body + "=="))["financing"] == "abank/LN-1"


def test_an_alert_is_acknowledged_once_and_by_whom(console: RunningConsole) -> None:
    (alert, *_) = re.findall(r"/alerts/([0-9a-f]{32})", console.looking("mei").get(ONE).text)
    assert post(console.looking("rita"), f"{ONE}/alerts/{alert}", {}).status_code == 404
    assert post(console.looking("mei"), f"{ONE}/alerts/{alert}", {"remark": "asked"}, ONE).status_code == 303
    assert post(console.looking("karl"), f"{ONE}/alerts/{alert}", {"remark": "later"}).status_code == 303
    found = rows(console, "SELECT client, remark FROM lianyun.financing_acknowledged")
    assert found == [(f"person:{PEOPLE['mei'].hex()} {console.issuer.url}", "asked")]
    assert "Mei" in console.looking("rita").get(ONE).text


def test_documents_are_checked_as_a_reservation_would_be(console: RunningConsole) -> None:
    browser = console.looking("rita")
    free = post(browser, "/console/financing-check", INVOICE)
    assert "LN-1" in free.text
    assert 'class="chip' in free.text
    unknown = post(browser, "/console/financing-check", {**INVOICE, "application": "optic/AP-NONE"})
    assert "nothing under that name" in unknown.text
    wrong = post(browser, "/console/financing-check", {**INVOICE, "issued": "soon"})
    assert (wrong.status_code, "Issued on" in wrong.text) == (400, True)
    (subjects,) = rows(
        console,
        "SELECT subjects FROM lianyun.access_log WHERE resource = 'application:optic/AP-A' ORDER BY at LIMIT 1",
    )
    assert subjects == (["optic"],)
    assert not rows(console, "SELECT FROM lianyun.financing_decision WHERE financing LIKE '%%check%%'")


def test_two_persons_decide_once(console: RunningConsole) -> None:
    draw = {"action": "DRAW", "amount": "1000000.00", "currency": "CNY"}
    own = prepared(console, "both", draw, "key-of-both")
    assert end(console, "both", own).status_code == 409
    assert prepared(console, "both", draw, "key-of-both") == own, "a second click is the same proposal"
    path = prepared(console, "mei", draw, "key-of-mei")
    assert end(console, "mei", path).status_code == 404, "who may not approve"
    assert console.looking("olga").get(path).status_code == 404
    assert end(console, "olga", path).status_code == 404
    assert "Approve and decide" in console.looking("karl").get(path).text
    assert end(console, "karl", path, "REJECTED").status_code == 409, "without a reason"
    before = rows(console, "SELECT count(*) FROM lianyun.financing_decision")
    assert end(console, "karl", path).status_code == 303
    assert end(console, "karl", path).status_code == 303, "a second click"
    assert end(console, "both", path).status_code == 409, "somebody else's"
    ((count,),) = rows(console, "SELECT count(*) FROM lianyun.financing_decision")
    assert count == before[0][0] + 1
    ((outcome, signatories),) = rows(
        console, "SELECT outcome, signatories FROM lianyun.financing_decision WHERE action = 'DRAW'"
    )
    assert (outcome, signatories) == (
        "DONE",
        [f"{console.issuer.url} {PEOPLE[who].hex()}" for who in ("mei", "karl")],
    )
    assert "approved" in console.looking("rita").get(path).text
    assert "Prepared by Mei" in console.looking("rita").get(ONE).text
    assert "facts have changed" in console.looking("karl").get(own).text
    assert end(console, "karl", own, "REJECTED", "twice the same").status_code == 303
    assert end(console, "karl", own).status_code == 409
    withdrawn = prepared(console, "mei", {"action": "CANCEL"}, "key-cancel")
    assert end(console, "both", withdrawn, "WITHDRAWN").status_code == 409
    assert end(console, "mei", withdrawn, "WITHDRAWN").status_code == 303
    assert findings(console) == []


def test_four_clicks_at_once_are_one_decision(console: RunningConsole) -> None:
    path = prepared(console, "mei", {"action": "DRAW", "amount": "2", "currency": "CNY"}, "key-at-once")
    browsers = [console.signed_in(who) for who in ("karl", "karl", "both", "both")]
    tokens = [TOKEN.search(each.get("/console/account").text) for each in browsers]
    barrier = threading.Barrier(len(browsers))

    def click(number: int) -> int:
        token = tokens[number]
        assert token is not None
        form = {"form_token": token[1], "verdict": "APPROVED"}
        barrier.wait(30)
        return browsers[number].post(path, data=form, headers={"sec-fetch-site": "same-origin"}).status_code

    with ThreadPoolExecutor(len(browsers)) as clicks:
        assert sorted(clicks.map(click, range(len(browsers)))) == [303, 303, 409, 409]
    decided = rows(console, "SELECT count(*) FROM lianyun.financing_decision WHERE amount = 200")
    assert decided == [(1,)]
    for each in browsers:
        each.close()


def test_a_reservation_is_prepared_with_its_documents_sealed(console: RunningConsole) -> None:
    form = {**INVOICE, "reference": "LN-2", "key": "key-reserve"}
    answer = post(
        console.looking("mei"), "/console/financing-check/proposals", form, "/console/financing-check"
    )
    assert answer.status_code == 303, answer.text
    path = answer.headers["location"]
    assert "INV-0417" in console.looking("karl").get(path).text
    assert end(console, "karl", path).status_code == 303
    assert re.search(r"taken|resembles|held|other financings", console.looking("karl").get(path).text)
    ((sealed,),) = rows(
        console, "SELECT sealed FROM lianyun.financing_proposal WHERE financing = 'abank/LN-2'"
    )
    assert b"INV-0417" not in bytes(sealed)


def test_a_proposal_runs_out(console: RunningConsole) -> None:
    held = console.pages.context.console
    service = held.proposals  # type: ignore[attr-defined]

    def a_day_ago(session: Any) -> tuple[int, int]:
        at, position = database_clock(session)
        return at - LASTS - 1, position

    with psycopg.connect(console.dsn) as session:
        session.execute("UPDATE lianyun.person_grant SET since = since - 200000000000")
    try:
        held.proposals = replace(service, clock=a_day_ago)  # type: ignore[attr-defined]
        path = prepared(console, "mei", {"action": "RELEASE"}, "key-late")
    finally:
        held.proposals = service  # type: ignore[attr-defined]
    assert "run out" in console.looking("karl").get(path).text
    assert end(console, "karl", path).status_code == 409
    with psycopg.connect(console.dsn) as session:
        session.execute("UPDATE lianyun.person_grant SET since = since + 200000000000")


LIMITS = "/console/limits"


def limit(
    console: RunningConsole, by: str, of: str, make: str, check: str, currency: str = "cny"
) -> httpx.Response:
    form = {"person": PEOPLE[of].hex(), "currency": currency, "make": make, "check": check}
    return post(console.looking(by), LIMITS, form)


def test_nobody_approves_above_the_limit_that_somebody_else_has_set(console: RunningConsole) -> None:
    draw = {"action": "DRAW", "amount": "1000.01", "currency": "CNY"}
    path = prepared(console, "mei", draw, "key-above-limit")
    pledge = prepared(console, "mei", {"action": "RELEASE"}, "key-amount-of-the-financing")
    assert "any amount" in console.looking("rita").get(LIMITS).text
    assert limit(console, "mei", "karl", "1", "1").status_code == 404, "who may not set limits"
    own = limit(console, "lena", "lena", "1", "1")
    assert (own.status_code, "Nobody sets a limit for oneself" in own.text) == (400, True)
    assert limit(console, "lena", "olga", "1", "1").status_code == 400, "of another bank"
    assert limit(console, "lena", "karl", "1", "1.001").status_code == 400, "finer than the currency"
    assert limit(console, "lena", "karl", "0", "1000.00").status_code == 303
    assert "more than you may approve" in console.looking("karl").get(path).text
    above = end(console, "karl", path)
    assert (above.status_code, "more than who prepares it may prepare" in above.text) == (409, True), (
        "mei has none"
    )
    refused = post(console.looking("mei"), f"{ONE}/proposals", {"key": "key-none", **draw}, ONE)
    assert (refused.status_code, "raises that one" in refused.text) == (409, True)
    assert limit(console, "lena", "mei", "100000000000", "0").status_code == 303
    above = end(console, "karl", path)
    assert (above.status_code, "more than you may approve" in above.text) == (409, True)
    whole = end(console, "karl", pledge)
    assert (whole.status_code, "more than you may approve" in whole.text) == (409, True), (
        "what was approved counts"
    )
    assert not rows(console, "SELECT FROM lianyun.financing_decision WHERE amount = 100001")
    assert limit(console, "lena", "karl", "0", "1000.01").status_code == 303
    assert end(console, "karl", path).status_code == 303
    assert rows(console, "SELECT outcome FROM lianyun.financing_decision WHERE amount = 100001") == [
        ("DONE",)
    ]
    data = console.looking("rita").get(f"{LIMITS}?table=changes&format=json").json()["rows"]
    assert [(row["check"], row["by"][:4]) for row in data] == [
        ("1000.01", "Lena"),
        ("0.00", "Lena"),
        ("1000.00", "Lena"),
    ]
    assert limit(console, "karl", "mei", "1", "1").status_code == 404
    assert console.looking("olga").get(f"{LIMITS}?table=changes&format=json").json()["rows"] == []
    assert end(console, "karl", pledge, "REJECTED", "above my limit").status_code == 303
    assert findings(console) == []


@pytest.mark.parametrize(
    ("forgery", "expected"),
    [
        ("UPDATE lianyun.financing_verdict v SET by_person = p.by_person FROM lianyun.financing_proposal p "
         "WHERE p.id = v.proposal AND v.verdict = 'APPROVED'", "SAME_PERSON"),
        ("UPDATE lianyun.person_grant SET permissions = '{financing}' WHERE 'financing.check' = ANY (permissions)", "NOT_CHECKER"),
        ("UPDATE lianyun.person_grant SET since = since + 3600000000 WHERE 'financing.make' = ANY (permissions)", "NOT_MAKER"),
        ("UPDATE lianyun.financing_proposal SET expires = made + 1", "EXPIRED"),
        ("UPDATE lianyun.financing_limit SET may_check = 5", "ABOVE_LIMIT"),
        ("UPDATE lianyun.financing_limit SET may_make = 5", "MAKER_ABOVE_LIMIT"),
        ("DELETE FROM lianyun.financing_limit WHERE may_make > 0", "MAKER_ABOVE_LIMIT"),
        ("UPDATE lianyun.person_grant SET permissions = '{financing}' WHERE 'financing.limits' = ANY (permissions)", "NOT_PERMITTED"),
        ("DELETE FROM lianyun.financing_verdict WHERE verdict = 'APPROVED'", "an approval of it"),
        ("UPDATE lianyun.financing_decision SET signatories = signatories[2:2] || signatories[1:1] WHERE action = 'DRAW'", "prepared_by"),
    ],
)  # fmt: skip
def test_fsck_finds_an_approval_that_breaks_the_rule(
    console: RunningConsole, forgery: str, expected: str
) -> None:
    with open_session(console.dsn) as session, session.transaction(force_rollback=True):
        session.execute(forgery.encode())
        found = "\n".join(str(each) for each in checked(session).findings)
    assert expected in found
