"""Mail that comes back later: what of it counts, what it suspends, how that is resumed, and what nobody can forge."""

from __future__ import annotations

import json
import re
import smtplib

import pytest
from typer.testing import CliRunner

from services.cli.main import app
from tests.integration.subscriptions.conftest import World
from tests.integration.subscriptions.test_mail import ADDRESS, ORIGIN, asked, confirmed, one
from tests.support.subscribers import text_of, token_in

pytestmark = pytest.mark.integration
STATE = "SELECT state || ' ' || reason || ' ' || failures FROM lianyun.subscription"


def report(to: str, status: str, action: str = "failed") -> bytes:
    """A delivery status notification as Postfix writes it."""
    return f"""Date: Tue,  3 Mar 2026 03:00:00 +0000 (UTC)
From: MAILER-DAEMON@mx.example.org (Mail Delivery System)
Subject: Undelivered Mail Returned to Sender
To: {to}
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="4F1.17/mx"
Message-Id: <20260303030000.4F2@mx.example.org>

--4F1.17/mx
Content-Description: Notification
Content-Type: text/plain; charset=us-ascii

This is the mail system at host mx.example.org. <{ADDRESS}>: Status: 5.1.1

--4F1.17/mx
Content-Description: Delivery report
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.org
X-Postfix-Queue-ID: 4F1
Arrival-Date: Tue,  3 Mar 2026 02:59:59 +0000 (UTC)

Final-Recipient: rfc822; {ADDRESS}
Original-Recipient: rfc822;{ADDRESS}
Action: {action}
Status: {status}
Diagnostic-Code: smtp; 550 5.1.1 <{ADDRESS}>: Recipient address rejected

--4F1.17/mx
Content-Description: Undelivered Message Headers
Content-Type: text/rfc822-headers

Subject: what somebody wrote

--4F1.17/mx--
""".replace("\n", "\r\n").encode()


def returned(world: World, message: bytes, to: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The states that a message leaves which reaches ``to`` by SMTP and is piped to the command, as Postfix does it."""
    taken = len(world.mailbox.raw)
    with smtplib.SMTP("127.0.0.1", world.senders.settings.smtp_port) as server:
        server.sendmail("", [to], message)
    raw = world.mailbox.raw.pop()
    assert len(world.mailbox.raw) == taken
    assert world.mailbox.return_paths.pop() == "<>", (
        "it comes from nobody, so that it never comes back itself"
    )
    monkeypatch.setenv("LIANYUN_DSN", world.pages.dsn)
    monkeypatch.setenv("ORIGINAL_RECIPIENT", world.mailbox.recipients.pop())
    done = CliRunner().invoke(app, ["notifications", "bounce", "--json"], input=raw, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return [each["state"] for each in json.loads(done.stdout)["bounces"]]


def test_an_address_that_does_not_exist_is_suspended_shown_and_resumed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    confirmed(world)
    world.tell("left")
    path = world.mailbox.return_paths[-1]
    assert re.fullmatch(r"bounces\+[a-z2-7]{42}-1@lianyun\.example", path)
    local, _, domain = path.partition("@")
    assert len(local) <= 64
    news = world.mailbox.messages[-1]
    assert path not in news.as_string(), "only who gets the message learns it, from its mail server"

    other = "b" if local[-5] == "a" else "a"
    for forged in (f"{local[:-5]}{other}{local[-4:]}", f"{local[:-1]}2", local.replace("+", "+a", 1)):
        answer = returned(world, report(f"{forged}@{domain}", "5.1.1"), f"{forged}@{domain}", monkeypatch)
        assert answer == []
    away = b"To: " + path.encode() + b"\r\nSubject: away\r\n\r\nStatus: 5.1.1\r\n"
    assert returned(world, away, path, monkeypatch) == []
    assert returned(world, report(path, "4.4.1", "delayed"), path, monkeypatch) == []
    assert one(world, STATE) == "ACTIVE  0"

    # Some servers fold the case of addresses.
    assert returned(world, report("x@y.example", "5.1.1"), path.upper(), monkeypatch) == ["SUSPENDED"]
    assert one(world, STATE) == "SUSPENDED 5.1.1 1"
    assert returned(world, report(path, "5.1.1"), path, monkeypatch) == [None], "once"
    sent = len(world.mailbox.raw)
    world.tell("left-late")
    assert len(world.mailbox.raw) == sent, "nothing is sent to an address that is none"
    with world.pages.browser("optic") as owner:
        listed = owner.get("/subscriptions")
        assert "5.1.1" in listed.text
        assert "mail does not reach the address" in listed.text
        (resume,) = re.findall(r'action="(/subscriptions/[0-9a-f-]+/resume)"', listed.text)
        with world.pages.browser("silk") as somebody:
            assert somebody.post(resume, headers=ORIGIN).status_code == 404
        assert owner.post(resume, headers=ORIGIN).status_code == 303
        assert "/resume" not in owner.get("/subscriptions").text
    assert one(world, STATE) == "ACTIVE  0"
    world.senders.round()
    assert "Corrected" in text_of(world.mailbox.messages[-1]), "what changed meanwhile is told"


@pytest.mark.long
def test_the_third_message_that_comes_back_suspends(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    assert asked(world).status_code == 200
    world.senders.round()
    first = world.mailbox.return_paths[-1]
    with world.pages.browser() as anybody:
        token = token_in(world.mailbox.messages[-1])
        assert anybody.post(f"/u/{token}/confirm", headers=ORIGIN).status_code == 200
    assert returned(world, report(first, "5.1.1"), first, monkeypatch) == [None], (
        "whoever confirmed has got it"
    )
    world.tell("left", "left-late", "as-before")
    paths = world.mailbox.return_paths[-3:]
    states = [
        returned(world, report(path, status), path, monkeypatch)
        for path, status in zip(paths, ("4.4.7", "5.7.1", "5.2.2"), strict=True)
    ]
    assert states == [["ACTIVE"], ["ACTIVE"], ["SUSPENDED"]]
    assert one(world, STATE) == "SUSPENDED 5.2.2 3"
    with world.pages.browser("x", "zh") as anybody:
        anybody.headers.pop("x-test-party")
        page = anybody.get(f"/u/{token}")
        assert f"/u/{token}/resume" in page.text
        assert anybody.post(f"/u/{token}/resume", headers=ORIGIN).status_code == 200
    assert one(world, STATE) == "ACTIVE  0"


def test_an_address_that_never_confirmed_is_not_resumed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked(world)
    world.senders.round()
    path = world.mailbox.return_paths[-1]
    assert returned(world, report(path, "5.1.2"), path, monkeypatch) == ["SUSPENDED"]
    with world.pages.browser("optic") as owner:
        assert "/resume" not in owner.get("/subscriptions").text
    assert one(world, STATE) == "SUSPENDED 5.1.2 1"
