"""The pages under a role of their own, on a real server: tracking, search, share links and subscriptions, and nothing beyond them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import psycopg
import pytest

from services.ledger.storage.migrate import migrate
from services.pages.subscriptions.delivery import MailFollower
from services.pages.subscriptions.follower import NoticeFollower
from services.pages.subscriptions.settings import NotificationSettings
from services.pages.subscriptions.telemetry import NotificationMetrics
from services.people.domain.person import Permission
from services.testbed.localstack import LocalStack
from tests.support.api.cast import play
from tests.support.api.server import FINANCING_KEYS
from tests.support.console import RunningConsole, post
from tests.support.documents_stored import BILL, play_documents
from tests.support.pages import RunningPages

pytestmark = pytest.mark.integration
ROLES = Path(__file__).resolve().parents[3] / "infra" / "postgres" / "roles.sql"
ORIGIN = {"sec-fetch-site": "same-origin"}


@pytest.fixture(scope="module")
def pages() -> Iterator[RunningPages]:
    """The pages of a platform in which a bank holds a pledge, as the role lianyun_pages."""
    with LocalStack(kafka=False, durable=False) as stack:
        head, _, _ = stack.database.admin_dsn.rpartition("/")
        with psycopg.connect(f"{head}/lianyun", autocommit=True) as admin:
            admin.execute(ROLES.read_bytes())
            for role in ("owner", "pages"):
                admin.execute(f"ALTER ROLE lianyun_{role} PASSWORD 'only-here'".encode())
        address = f"postgresql://lianyun_ROLE:only-here@{head.rpartition('@')[2]}/lianyun"
        migrate(address.replace("ROLE", "owner"))
        play(address.replace("ROLE", "owner"))
        play_documents(address.replace("ROLE", "owner"))
        with RunningPages(address.replace("ROLE", "pages"), {"mail_from": "a@example.org"}) as running:
            yield running


def test_people_of_a_bank_decide_under_the_role_of_the_pages(pages: RunningPages, tmp_path: Path) -> None:
    keys = tmp_path / "platform-keys.json"
    keys.write_text(json.dumps(FINANCING_KEYS))
    owner = pages.dsn.replace("lianyun_pages", "lianyun_owner")
    with RunningConsole(pages.dsn, tmp_path, sign_in={"financing_keys": keys}, owner=owner) as console:
        both = ("maker", "checker")
        persons = {who: console.person("abank", who, may=[*Permission]).hex() for who in both}
        maker, checker = (console.signed_in(subject) for subject in ("maker", "checker"))
        one = "/console/financings/LN-1"
        assert maker.get("/console/financings?crossing=khorgos-altynkol").status_code == 200
        assert maker.get("/console/financing-totals").status_code == 200
        (alert, *_) = re.findall(r"/alerts/([0-9a-f]{32})", maker.get(one).text)
        assert post(maker, f"{one}/alerts/{alert}", {}, one).status_code == 303
        draw = {"action": "DRAW", "amount": "1000", "currency": "CNY", "key": "under-the-role"}
        made = post(maker, f"{one}/proposals", draw, one)
        assert made.status_code == 303, made.text
        path = made.headers["location"]
        for setter, limited in ((maker, "checker"), (checker, "maker")):
            limit = {"person": persons[limited], "currency": "CNY", "make": "1000", "check": "1000"}
            assert post(setter, "/console/limits", limit).status_code == 303
        assert post(checker, path, {"verdict": "APPROVED"}).status_code == 303
        assert '<span class="chip good">' in checker.get(path).text
        shown = f"/console/documents/{BILL.id}"
        for path in ("/console/documents", shown, f"{shown}/transfers/2/receipt", "/track/xaport/XA-1"):
            assert maker.get(path).status_code == 200, path
        for browser in (maker, checker):
            browser.close()


def test_all_that_pages_do_is_permitted(pages: RunningPages) -> None:
    for party in ("optic", "abank", "dit", "gacc"):  # a shipper, a bank by its pledge, a terminal, customs
        with pages.browser(party) as browser:
            assert browser.get("/track/xaport/XA-1").status_code == 200, party
    with pages.browser("bbank") as bank:  # by a consent
        assert bank.get("/track/xaport/XA-2").status_code == 200
    with pages.browser() as anybody:
        assert anybody.get("/statistics").status_code == 200
    with pages.browser("optic") as owner:
        assert owner.get("/search?q=CSQU3054383").status_code == 303
        form = {"consignment": "xaport/XA-1", "days": "7"}
        made = owner.post("/links", data=form, headers=ORIGIN)
        (link,) = re.findall(r'value="(http://[^"]+/s/[^"]+)"', made.text)
        with pages.browser() as other:
            assert other.get(httpx.URL(link).path).status_code == 200
        listed = owner.get("/links")
        assert "<summary>1</summary>" in listed.text
        (id_,) = re.findall(r'action="/links/([0-9a-f-]+)/end"', listed.text)
        assert owner.post(f"/links/{id_}/end", headers=ORIGIN).status_code == 303


def test_subscribers_are_notified_by_the_same_role(pages: RunningPages) -> None:
    form = {"consignment": "xaport/XA-1", "milestones": "on", "hours": "6"}
    with pages.browser("optic") as owner:
        for channel in ({"channel": "mail", "address": "a@example.org"}, {"channel": "feed"}):
            made = owner.post("/subscriptions", data={**form, **channel}, headers=ORIGIN)
            assert made.status_code == 200
        (path,) = re.findall(r'value="http://[^/"]+(/f/[\w-]{32})/calendar\.ics"', made.text)
    settings = NotificationSettings.model_validate(
        {
            "dsn": pages.dsn,
            "pages_url": pages.url,
            "mail_from": "a@example.org",
            "smtp_port": 1,
            "smtp_security": "none",
        }
    )
    metrics = NotificationMetrics()
    for follower in (NoticeFollower(settings, metrics), MailFollower(settings, metrics)):
        follower.open()
        follower.step()  # purges, measures; there is no mail server
        follower.close()
    with pages.browser() as reader:
        for name in ("calendar.ics", "feed.atom"):
            assert reader.get(f"{path}/{name}").status_code == 200
        assert reader.post(path.replace("/f/", "/u/")).status_code == 200


@pytest.mark.parametrize(
    "forbidden",
    [
        "UPDATE lianyun.subscription SET party = 'x'",
        "DELETE FROM lianyun.subscription",
        "UPDATE lianyun.subscription_notice SET changes = '[]'",
        "UPDATE lianyun.webhook_cursor SET no = 1",
        "INSERT INTO lianyun.party (code) VALUES ('x')",
        "UPDATE lianyun.share_link SET expires = expires + 1",
        "DELETE FROM lianyun.share_link",
        "UPDATE lianyun.access_log SET party = 'x'",
        "DELETE FROM lianyun.audit_trail",
        "SELECT FROM lianyun.access_log_sealed",
        "SELECT FROM lianyun.api_secret",
        "SELECT FROM lianyun.webhook_secret",
        "UPDATE lianyun.redrive_request SET outcome = 'REDRIVEN'",
        "DELETE FROM lianyun.redrive_request",
        "UPDATE lianyun.dead_letter SET state = 'REDRIVEN'",
        "INSERT INTO lianyun.dead_letter_outcome (digest) VALUES ('')",
        "INSERT INTO lianyun.identity SELECT * FROM lianyun.identity",
        "UPDATE lianyun.financing_decision SET at = 0",
        "DELETE FROM lianyun.financing_entry",
        "UPDATE lianyun.financing_verdict SET reason = ''",
        "DELETE FROM lianyun.financing_proposal",
        "UPDATE lianyun.financing_limit SET may_check = 0",
        "DELETE FROM lianyun.financing_limit",
        "UPDATE lianyun.document_head SET holder = 'x'",
        "DELETE FROM lianyun.document_decision",
        "INSERT INTO lianyun.transparency_tile SELECT * FROM lianyun.transparency_tile",
    ],
)
def test_what_pages_have_no_business_with_is_refused(pages: RunningPages, forbidden: str) -> None:
    with psycopg.connect(pages.dsn) as session, pytest.raises(psycopg.errors.InsufficientPrivilege):
        session.execute(forbidden.encode())
