"""Mail: who gets it, what it says, how it is confirmed, ended and refused, and what is never sent."""

from __future__ import annotations

import re

import httpx
import psycopg
import pytest

from services.audit.fsck.registers import check_trail
from services.audit.fsck.snapshot import Snapshot
from services.audit.report import Findings
from services.ledger.registry import store as registry_store
from services.pages.subscriptions import store
from services.people.domain.person import Permission
from services.people.store import people
from tests.integration.subscriptions.conftest import World
from tests.support.subscribers import REFERENCE, text_of, token_in

pytestmark = pytest.mark.integration
ORIGIN = {"sec-fetch-site": "same-origin"}
EVERYTHING = {"milestones": "on", "exceptions": "on", "disputes": "on", "delay": "on", "hours": "6"}
ADDRESS = "wang@example.org"


def asked(world: World, party: str = "optic", address: str = ADDRESS, **form: str) -> httpx.Response:
    """The form for mail, posted by a person of the party."""
    data = {"consignment": REFERENCE, "channel": "mail", "address": address, **EVERYTHING, **form}
    with world.pages.browser(party, form.get("language", "en")) as browser:
        return browser.post("/subscriptions", data=data, headers=ORIGIN)


def confirmed(world: World, **form: str) -> None:
    """A subscription whose address was confirmed; the mailbox is empty again."""
    assert asked(world, **form).status_code == 200
    world.senders.round()
    with world.pages.browser() as anybody:
        answer = anybody.post(f"/u/{token_in(world.mailbox.messages[-1])}/confirm", headers=ORIGIN)
    assert answer.status_code == 200
    world.mailbox.raw.clear()


def shared(world: World, **form: str) -> str:
    """The path of a link that optic makes."""
    with world.pages.browser("optic") as owner:
        data = {"consignment": REFERENCE, "days": "7", **form}
        made = owner.post("/links", data=data, headers=ORIGIN)
    (address,) = re.findall(r'value="(http://[^"]+/s/[^"]+)"', made.text)
    return str(httpx.URL(address).path)


def one(world: World, query: str) -> str:
    with psycopg.connect(world.pages.dsn) as session:
        return str((session.execute(query.encode()).fetchone() or ("",))[0])


def test_an_address_gets_one_message_until_it_confirms_and_none_after_the_end(world: World) -> None:
    assert "a message is on its way" in asked(world).text
    world.senders.round()
    world.tell("left")
    (asks,) = world.mailbox.messages
    assert "unsubscribe" not in str(asks).lower()
    assert REFERENCE not in text_of(asks), "nobody has shown that the address may know"
    token = token_in(asks)
    with world.pages.browser() as anybody:
        page = anybody.get(f"/u/{token}")
        assert REFERENCE not in page.text
        assert "no-referrer" in page.headers["referrer-policy"]
        world.senders.round()
        assert len(world.mailbox.raw) == 1, "opening the page confirms nothing"
        assert anybody.post(f"/u/{token}/confirm").status_code == 403, "from another site"
        assert "active" in anybody.post(f"/u/{token}/confirm", headers=ORIGIN).text
    world.senders.round()
    (_, first) = world.mailbox.messages
    assert "Departed by rail" in text_of(first), "what happened meanwhile is not lost"
    world.tell("left-late", "as-before", "never-left", "stopped", "free")
    told = [text_of(each) for each in world.mailbox.messages[2:]]
    assert len(told) == 5
    for text, words in zip(told, ("Corrected: Departed by rail", "Corrected: Departed by rail", "Taken back: Departed by rail", "Customs has detained", "Over: Customs has detained"), strict=True):  # fmt: skip
        assert words in text, text
        assert f"/track/{REFERENCE}" in text
    last = world.mailbox.messages[-1]
    with world.pages.browser() as anybody:
        # As a mail program does it (RFC 8058): from elsewhere, without cookies, and without having opened anything.
        one_click = last["List-Unsubscribe"].strip("<>")
        assert last["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        assert anybody.get(one_click).status_code == 200
        assert one(world, "SELECT state FROM lianyun.subscription") == "ACTIVE"
        ended = anybody.post(
            one_click, data={"List-Unsubscribe": "One-Click"}, headers={"sec-fetch-site": "cross-site"}
        )
        assert "has ended" in ended.text
    before = len(world.mailbox.raw)
    world.tell("delivered")
    assert len(world.mailbox.raw) == before
    assert one(world, "SELECT coalesce(address, '') FROM lianyun.subscription") == ""


def test_a_message_is_as_mail_is_to_be(world: World) -> None:
    confirmed(world)
    world.tell("left", "left-late")
    first, second = world.mailbox.messages
    assert first["From"] == "Lianyun <news@lianyun.example>"
    assert first["To"] == ADDRESS
    assert first["Subject"].startswith(f"{REFERENCE}: Departed by rail")
    assert first["Auto-Submitted"] == "auto-generated"
    assert re.fullmatch(r"<[0-9a-f-]{36}\.1@lianyun\.example>", first["Message-ID"])
    assert first["Message-ID"] != second["Message-ID"]
    html = first.get_body(("html",))
    assert html is not None
    assert "Departed by rail" in html.get_content()
    assert all(len(line) <= 998 for raw in world.mailbox.raw for line in raw.split(b"\r\n"))
    log = one(
        world, "SELECT string_agg(a::text, ' ') FROM lianyun.access_log a WHERE client LIKE 'subscription:%'"
    )
    assert log.count("SEND") == 2
    assert ADDRESS not in log
    assert ADDRESS not in one(world, "SELECT string_agg(change, ' ') FROM lianyun.audit_trail")
    with psycopg.connect(world.pages.dsn) as session:
        findings = Findings()
        check_trail(Snapshot(session), findings)
        assert findings.report(0.0).findings == ()
    with world.pages.browser("optic") as owner:
        listed = owner.get("/subscriptions")
        assert ADDRESS in listed.text
        with world.pages.browser("silk") as somebody:
            assert ADDRESS not in somebody.get("/subscriptions").text
            (id_,) = re.findall(r'action="/subscriptions/([0-9a-f-]+)/end"', listed.text)
            assert somebody.post(f"/subscriptions/{id_}/end", headers=ORIGIN).status_code == 404
        assert owner.post(f"/subscriptions/{id_}/end", headers=ORIGIN).status_code == 303
    assert one(world, "SELECT state FROM lianyun.subscription") == "ENDED"


@pytest.mark.long
def test_nobody_is_flooded(world: World) -> None:
    texts = {
        asked(world, party).text.count("a message is on its way")
        for party in ("optic", "silk", "ruhr", "cr", "xaport")
    }
    assert texts == {1}, "whether it was sent is not said"
    world.senders.round()
    assert len(world.mailbox.raw) == 1, "to one address about one consignment"
    path = shared(world)
    with world.pages.browser() as holder:
        for number in range(store.MOST + 1):
            form = {"channel": "mail", "address": f"a{number}@example.org", **EVERYTHING}
            answer = holder.post(f"{path}/subscribe", data=form, headers=ORIGIN)
        assert answer.status_code == 400
        assert "too many subscriptions" in answer.text
    world.senders.round()
    assert len(world.mailbox.raw) == 1 + store.MOST


def test_a_link_gives_its_fields_and_no_longer_than_it_lasts(world: World) -> None:
    path = shared(world, label="for Ruhr")
    with world.pages.browser("x", "de") as holder:
        holder.headers.pop("x-test-party")
        form = {"channel": "mail", "address": "ruhr@example.org", **EVERYTHING}
        assert holder.post(f"{path}/subscribe", data=form, headers=ORIGIN).status_code == 200
        world.senders.round()
        (asks,) = world.mailbox.messages
        assert "bestätigen" in text_of(asks)
        assert holder.post(f"/u/{token_in(asks)}/confirm", headers=ORIGIN).status_code == 200
        world.tell("stopped")
        assert len(world.mailbox.raw) == 1, "customs are not among the fields of this link"
        world.tell("left")
        news = world.mailbox.messages[-1]
        assert "Abgefahren" in text_of(news) or "abgefahren" in text_of(news)
        page = holder.get(f"/u/{token_in(news)}/consignment")
        assert page.status_code == 200
        assert "CSQU3054383" not in page.text
        with world.pages.browser("optic") as owner:
            listed = owner.get("/subscriptions").text
            assert "for Ruhr" in listed
            assert "ruhr@example.org" not in listed
            (link,) = re.findall(r'action="/links/([0-9a-f-]+)/end"', owner.get("/links").text)
            world.journey.tell("left-late")
            world.senders.notices()  # a notice waits, and then the link is ended
            assert owner.post(f"/links/{link}/end", headers=ORIGIN).status_code == 303
        world.senders.round()
        assert len(world.mailbox.raw) == 2, "nothing is sent once the link has ended"
        assert one(world, "SELECT state || ' ' || reason FROM lianyun.subscription") == "ENDED link"
        assert holder.get(f"/u/{token_in(news)}/consignment").status_code == 410


def test_an_address_that_refuses_is_left_alone_and_one_that_is_busy_is_tried_again(world: World) -> None:
    confirmed(world)
    world.mailbox.answers = ["451 4.7.1 later, wang@example.org"]
    world.tell("left")
    assert world.mailbox.raw == []
    world.senders.round()
    assert len(world.mailbox.raw) == 1
    world.mailbox.answers = ["550 5.1.1 no such user wang@example.org"]
    world.tell("left-late", "stopped")
    assert len(world.mailbox.raw) == 1
    assert one(world, "SELECT state || ' ' || reason FROM lianyun.subscription") == "SUSPENDED 550 5.1.1"
    with world.pages.browser("optic") as owner:
        assert "550 5.1.1" in owner.get("/subscriptions").text


def test_whoever_is_erased_is_notified_no_more(world: World) -> None:
    with psycopg.connect(world.pages.dsn) as session:
        optic = registry_store.read_snapshot(session).party("optic")
        assert optic is not None
        person = people.add(
            session, optic, "https://id.example", "s-1", "Wang", [], [Permission.CASES], at=1, by="test"
        )
    confirmed(world)
    with psycopg.connect(world.pages.dsn) as session:
        session.execute("UPDATE lianyun.subscription SET made_by = %s", (f"person:{person.hex()}",))
    world.tell("left")
    assert len(world.mailbox.raw) == 1
    with psycopg.connect(world.pages.dsn) as session:
        assert people.end(session, person)
    world.tell("left-late")
    assert len(world.mailbox.raw) == 1, "who may do nothing any more is told nothing"
    with psycopg.connect(world.pages.dsn) as session:
        session.execute(
            "UPDATE lianyun.subscription SET state = 'ACTIVE', address = 'x@example.org', salt = '', ended = NULL"
        )
        assert people.erase(session, person)
    assert one(world, "SELECT coalesce(address, '') || state FROM lianyun.subscription") == "ENDED"


def test_a_mail_server_that_is_gone_loses_nothing(world: World) -> None:
    confirmed(world)
    settings = world.senders.settings
    world.senders.settings = settings.model_copy(update={"smtp_port": 1})
    world.tell("left")
    assert world.mailbox.raw == []
    world.senders.settings = settings
    world.senders.round()
    (found,) = world.mailbox.messages
    assert "Departed by rail" in text_of(found)
