"""Deliveries over real HTTP to a receiver on this machine: signed, retried, dead at last, replayed, disabled, guarded."""

from __future__ import annotations

import asyncio
import datetime
import itertools
import re
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from schemas.trace_context import TraceContext
from services.ledger.storage.session import Session
from services.notifications.webhooks import queue, subscriptions
from services.notifications.webhooks.messages import Message, MessageType, Subject, message
from services.notifications.webhooks.process import Deliverer, work
from services.notifications.webhooks.sealed_secrets import Seal
from services.notifications.webhooks.sender import Sender
from services.notifications.webhooks.settings import WebhookSettings
from services.notifications.webhooks.signature import SchemeName, verify
from services.notifications.webhooks.subscriptions import State, Subscription
from services.runtime.credentials.authority import issue, new_authority
from services.runtime.ports import free_port
from tests.integration.webhooks.conftest import Heard, Receiver

pytestmark = pytest.mark.integration
ALERT = MessageType.FINANCING_ALERT
DAY = 86_400 * 1_000_000
NUMBERS = itertools.count()


def now() -> int:
    return time.time_ns() // 1_000


def subscribe(
    session: Session, seal: Seal, url: str, party: str = "abank"
) -> tuple[Subscription, dict[str, str]]:
    """A subscription, and what its receiver verifies with, by scheme."""
    made, keys = subscriptions.create(session, party, url, [ALERT], "", seal, now())
    return made, {str(key.scheme): key.shown for key in keys}


def news(session: Session, count: int = 1, party: str = "abank", at: int | None = None) -> list[Message]:
    told = [
        message(party, ALERT, Subject("financing", f"{party}/F-{n}"), f"event {n}", at or now())
        for n in itertools.islice(NUMBERS, count)
    ]
    assert queue.put_messages(session, told) >= count
    return told


def deliver(
    session: Session,
    settings: WebhookSettings,
    done: Callable[[], Any],
    seconds: float = 20.0,
    clock: Callable[[], float] = time.time,
) -> None:
    """Run the deliverer until ``done``."""

    async def run() -> None:
        async with Sender(settings.webhook_timeout, settings.webhook_loopback) as sender:
            deliverer = Deliverer(session, settings, settings.seal(), sender, clock=clock)
            stop = asyncio.Event()
            task = asyncio.create_task(deliverer.run(stop))
            until = time.monotonic() + seconds
            while not done() and not task.done():
                assert time.monotonic() < until, "not in time"
                await asyncio.sleep(0.02)
            stop.set()
            await task

    asyncio.run(run())


def states(session: Session, subscription: str) -> list[tuple[str, int, int | None]]:
    return sorted(
        (each.state, each.attempts, each.status)
        for each in queue.deliveries(session, subscription, None, None, 1_000)
    )


def settled(
    session: Session, subscription: str, state: str = "DELIVERED", count: int = 1
) -> Callable[[], bool]:
    return lambda: [each[0] for each in states(session, subscription)].count(state) == count


def good(heard: Heard, shown: str) -> bool:
    return verify(heard.headers, heard.body, shown, time.time())


def test_a_delivery_is_signed_in_both_schemes_and_told_once(
    session: Session, settings: WebhookSettings, seal: Seal, receiver: Receiver
) -> None:
    made, shown = subscribe(session, seal, receiver.url())
    (told,) = news(session)
    news_again = queue.put_messages(session, [told])
    deliver(session, settings, settled(session, made.id))
    (heard,) = receiver.at()
    assert news_again == 0
    assert good(heard, shown["v1"])
    assert good(heard, shown["v1a"])
    assert heard.headers["webhook-id"] == told.id
    assert heard.headers["content-type"] == "application/json"
    assert heard.body == told.body
    assert states(session, made.id) == [("DELIVERED", 1, 204)]
    again = subscriptions.find(session, "abank", made.id)
    assert again is not None
    assert again.last_success is not None
    assert subscriptions.find(session, "bbank", made.id) is None


def test_each_attempt_carries_on_the_trace_of_its_event(
    session: Session, settings: WebhookSettings, seal: Seal, receiver: Receiver
) -> None:
    made, _ = subscribe(session, seal, receiver.url())
    receiver.answers["/hook"] = [(500, {})]
    cause = TraceContext(b"\x0a" * 16, b"\x0b" * 8, False)
    told = message("abank", ALERT, Subject("financing", "abank/F-traced"), "event 9", now(), cause.text())
    assert queue.put_messages(session, [told]) == 1
    deliver(session, settings, settled(session, made.id))
    sent = [TraceContext.of(each.headers["traceparent"]) for each in receiver.at()]
    assert [(each.trace, each.sampled) for each in sent if each] == [(cause.trace, False)] * 2
    assert len({cause.span, *(each.span for each in sent if each)}) == 3, "each attempt is a span of its own"
    news(session)
    deliver(session, settings, settled(session, made.id, count=2))
    assert "traceparent" not in receiver.at()[-1].headers


def test_a_rotation_overlaps_and_ends(
    session: Session, settings: WebhookSettings, seal: Seal, receiver: Receiver
) -> None:
    made, old = subscribe(session, seal, receiver.url())
    new = subscriptions.rotate(session, made.id, SchemeName.V1, seal, now(), 3_600)
    news(session)
    deliver(session, settings, settled(session, made.id))
    (heard,) = receiver.at()
    assert good(heard, old["v1"])
    assert good(heard, new.shown)
    assert good(heard, old["v1a"])
    later = now() + 3_601 * 1_000_000
    assert [each.scheme for each in subscriptions.verification_keys(session, made.id, seal, later)] == [
        "v1",
        "v1a",
    ]
    third = subscriptions.rotate(session, made.id, SchemeName.V1, seal, now(), 0)
    assert queue.replay(session, made.id, 0, now()) == 1
    deliver(session, settings, lambda: len(receiver.at()) == 2)
    heard = receiver.at()[-1]
    assert good(heard, third.shown)
    assert not good(heard, old["v1"])
    assert not good(heard, new.shown)


def test_it_is_tried_again_and_then_dead_and_can_be_replayed(
    session: Session, settings: WebhookSettings, seal: Seal, receiver: Receiver
) -> None:
    made, shown = subscribe(session, seal, receiver.url())
    receiver.always["/hook"] = 500
    (told,) = news(session)
    deliver(session, settings, settled(session, made.id, "DEAD"))
    heard = receiver.at()
    assert len(heard) == settings.webhook_attempts
    assert {each.headers["webhook-id"] for each in heard} == {told.id}
    assert {each.body for each in heard} == {told.body}
    assert all(good(each, shown["v1"]) for each in heard)
    (dead,) = queue.deliveries(session, made.id, "DEAD", None, 10)
    assert (dead.attempts, dead.status, dead.detail) == (4, 500, "answered 500")
    receiver.always.clear()
    assert queue.replay(session, made.id, now(), now()) == 0, "nothing since then"
    assert queue.replay(session, made.id, told.at, now()) == 1
    deliver(session, settings, settled(session, made.id))
    assert len(receiver.at()) == 5


def test_what_a_receiver_asks_for_is_waited(
    session: Session, settings: WebhookSettings, seal: Seal, receiver: Receiver
) -> None:
    patient = settings.model_copy(update={"webhook_longest_pause": 3_600.0})
    made, _ = subscribe(session, seal, receiver.url())
    receiver.answers["/hook"] = [(429, {"retry-after": "1800"})]
    news(session)
    deliver(session, patient, lambda: states(session, made.id)[0][2] == 429)
    (waiting,) = queue.deliveries(session, made.id, "WAITING", None, 10)
    assert waiting.due is not None
    assert waiting.due > now() + 1_700 * 1_000_000


def test_a_redirect_is_not_followed(
    session: Session, settings: WebhookSettings, seal: Seal, receiver: Receiver
) -> None:
    made, _ = subscribe(session, seal, receiver.url())
    receiver.answers["/hook"] = [(307, {"location": receiver.url("/elsewhere")})]
    news(session)
    deliver(session, settings, settled(session, made.id))
    assert receiver.at("/elsewhere") == []
    assert len(receiver.at()) == 2


def test_gone_disables_at_once_with_an_alert_and_what_waits_goes_on_when_enabled(
    session: Session, settings: WebhookSettings, seal: Seal, receiver: Receiver
) -> None:
    made, _ = subscribe(session, seal, receiver.url())
    receiver.answers["/hook"] = [(410, {})]
    news(session)

    def disabled() -> bool:
        found = subscriptions.find(session, "abank", made.id)
        return found is not None and found.state is State.DISABLED

    deliver(session, settings, disabled)
    rows = session.execute("SELECT kind, detail FROM lianyun.platform_event").fetchall()
    assert [(kind, detail["subscription"]) for kind, detail in rows] == [("WEBHOOK_DISABLED", made.id)]
    news(session, 3)
    deliver(session, settings, lambda: True)
    assert len(receiver.at()) == 1, "nothing is sent while it is disabled"
    found = subscriptions.find(session, "abank", made.id)
    assert found is not None
    assert found.reason == "the endpoint answered 410 Gone"
    assert subscriptions.change(session, found, now(), state=State.ENABLED) is not None
    deliver(session, settings, settled(session, made.id, count=4))
    assert {each.headers["webhook-id"] for each in receiver.at()} == {
        each.message for each in queue.deliveries(session, made.id, None, None, 10)
    }


def test_an_endpoint_that_fails_for_long_is_disabled(
    session: Session, settings: WebhookSettings, seal: Seal, receiver: Receiver
) -> None:
    made, _ = subscribe(session, seal, receiver.url())
    receiver.always["/hook"] = 503
    news(session)
    deliver(session, settings, settled(session, made.id, "DEAD"))
    assert subscriptions.find(session, "abank", made.id).state is State.ENABLED  # type: ignore[union-attr]
    queue.put_messages(session, [message("abank", ALERT, Subject("financing", "abank/later"), "e", now())])
    deliver(
        session,
        settings,
        lambda: subscriptions.find(session, "abank", made.id).state is State.DISABLED,  # type: ignore[union-attr]
        clock=lambda: time.time() + 6 * 86_400,
    )
    assert session.execute("SELECT count(*) FROM lianyun.platform_event").fetchone() == (1,)


def test_a_slow_endpoint_takes_nothing_from_the_others(
    session: Session, settings: WebhookSettings, seal: Seal, receiver: Receiver
) -> None:
    slow, _ = subscribe(session, seal, receiver.url("/slow"))
    quick, _ = subscribe(session, seal, receiver.url("/quick"), "bbank")
    news(session, 20)
    news(session, 20, "bbank")

    def done() -> bool:
        if not settled(session, quick.id, count=20)():
            return False
        receiver.holds.set()
        return True

    deliver(session, settings, done)
    assert len(receiver.at("/slow")) <= settings.webhook_at_once
    assert len(receiver.at("/quick")) == 20
    assert {each[0] for each in states(session, slow.id)} >= {"WAITING"}


def test_a_name_that_leads_inside_is_never_called(
    session: Session, settings: WebhookSettings, seal: Seal, receiver: Receiver
) -> None:
    """Registered while it looked harmless; the guard judges the address when the socket is opened."""
    outside = settings.model_copy(update={"webhook_loopback": False})
    named, _ = subscribe(session, seal, f"https://localtest.invalid:{receiver.port}/hook")
    session.execute("UPDATE lianyun.webhook_subscription SET url = %s", (receiver.url(),))
    news(session)
    deliver(session, outside, settled(session, named.id, "DEAD"))
    assert receiver.heard == []
    (dead,) = queue.deliveries(session, named.id, "DEAD", None, 10)
    assert dead.detail.startswith("not called")


def test_rebinding_gains_nothing(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """The resolver gives a public name an internal address: no socket is opened."""
    import socket

    real = socket.getaddrinfo

    def rebound(host: Any, *rest: Any, **more: Any) -> Any:
        return (
            real("127.0.0.1", *rest, **more) if host == "hooks.abank.example" else real(host, *rest, **more)
        )

    monkeypatch.setattr(socket, "getaddrinfo", rebound)

    async def attempt(loopback: bool) -> Any:
        async with Sender(2.0, loopback) as sender:
            return await sender.post(f"https://hooks.abank.example:{receiver.port}/", b"{}", {}, 0)

    answer = asyncio.run(attempt(False))
    assert answer.status is None
    assert answer.detail == "not called: the name leads to an address that is not public"
    assert asyncio.run(attempt(True)).detail == "no TLS connection was made", (
        "by setting it is called, and speaks none"
    )
    assert receiver.heard == []


def test_an_attempt_whose_process_is_gone_is_due_again_after_its_lease(
    session: Session, seal: Seal, receiver: Receiver
) -> None:
    made, _ = subscribe(session, seal, receiver.url())
    news(session)
    started = now()
    (lost,) = queue.lease_due(session, started, 30_000_000, {}, 4)
    assert queue.lease_due(session, started + 29_000_000, 30_000_000, {}, 4) == []
    (again,) = queue.lease_due(session, started + 30_000_001, 30_000_000, {}, 4)
    assert (lost.attempt, again.attempt) == (1, 2)
    queue.record_success(session, lost, 200, now())
    assert states(session, made.id) == [("WAITING", 2, None)], "one that outlived its lease settles nothing"
    queue.record_success(session, again, 200, now())
    assert states(session, made.id) == [("DELIVERED", 2, 200)]


def test_pausing_removing_and_changing(session: Session, seal: Seal, receiver: Receiver) -> None:
    made, _ = subscribe(session, seal, receiver.url())
    paused = subscriptions.change(session, made, now(), state=State.PAUSED)
    assert paused is not None
    assert subscriptions.change(session, made, now(), url="https://x.example/") is None, "changed meanwhile"
    news(session, 2)
    assert queue.lease_due(session, now() + DAY, 1, {}, 4) == []
    changed = subscriptions.change(
        session, paused, now(), url="https://x.example/", types=[MessageType.FINANCING_DECIDED]
    )
    assert changed is not None
    assert (changed.url, changed.types, changed.version) == (
        "https://x.example/",
        (MessageType.FINANCING_DECIDED,),
        3,
    )
    assert subscriptions.change(session, changed, now(), state=State.REMOVED) is not None
    assert subscriptions.list_for_party(session, "abank") == []
    for table in ("webhook_secret", "webhook_delivery"):
        assert session.execute(f"SELECT count(*) FROM lianyun.{table}".encode()).fetchone() == (0,)  # noqa: S608
    assert (
        queue.put_messages(session, [message("abank", ALERT, Subject("financing", "abank/x"), "e", now())])
        == 0
    )


def test_a_party_has_a_bounded_number(session: Session, seal: Seal) -> None:
    for _ in range(subscriptions.MAX_PER_PARTY):
        subscribe(session, seal, "https://x.example/")
    with pytest.raises(subscriptions.TooMany):
        subscribe(session, seal, "https://x.example/")
    subscribe(session, seal, "https://x.example/", "bbank")


def test_a_test_message_goes_to_one_endpoint_and_old_messages_are_forgotten(
    session: Session, settings: WebhookSettings, seal: Seal, receiver: Receiver
) -> None:
    made, shown = subscribe(session, seal, receiver.url("/one"))
    subscribe(session, seal, receiver.url("/other"))
    told = subscriptions.enqueue_test(session, made, now())
    deliver(session, settings, settled(session, made.id))
    assert [each.headers["webhook-id"] for each in receiver.at("/one")] == [told.id]
    assert good(receiver.at("/one")[0], shown["v1"])
    assert receiver.at("/other") == []
    assert queue.purge(session, told.at) == 0
    assert queue.purge(session, told.at + 1) == 1
    assert states(session, made.id) == []


def test_the_whole_process_from_commit_to_receiver(
    session: Session, settings: WebhookSettings, seal: Seal, receiver: Receiver
) -> None:
    made, _ = subscribe(session, seal, receiver.url())

    async def run() -> None:
        stop = asyncio.Event()
        task = asyncio.create_task(work(settings, stop))
        news(session, 5)
        until = time.monotonic() + 20
        while len(receiver.heard) < 5 and time.monotonic() < until:
            await asyncio.sleep(0.02)
        stop.set()
        await task

    asyncio.run(run())
    assert len(receiver.heard) == 5
    assert states(session, made.id) == [("DELIVERED", 1, 204)] * 5


WORDS = re.compile(
    r"not called: .*|answered \d{3}(: redirects are not followed)?|no answer within \d+ s|"
    "the name of the host cannot be resolved|the certificate does not hold|no TLS connection was made|"
    "no connection was made|the answer is no HTTP|the connection ended before an answer|the delivery failed"
)
"""All that a subscriber reads of a failed delivery, as docs/guides/webhooks.md lists it."""


def outcome(url: str) -> str:
    async def attempt() -> str:
        async with Sender(2.0, loopback=True) as sender:
            return (await sender.post(url, b"{}", {}, 0)).detail

    return asyncio.run(attempt())


@pytest.mark.parametrize(
    ("answer", "detail"),
    [
        (b"SSH-2.0-OpenSSH_9.2p1 secret-host\r\n", "the answer is no HTTP"),
        (b"HTTP/1.1 99999 secret-host\r\n\r\n", "the answer is no HTTP"),
        (b"", "the connection ended before an answer"),
        (None, "the connection ended before an answer"),
    ],
)
def test_what_is_no_endpoint_is_described_in_fixed_words(answer: bytes | None, detail: str) -> None:
    """``answer`` None: the connection is reset, after the request: before it, the reset can overtake the connecting."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(65_536)
                if answer is None:
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                else:
                    connection.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        found = outcome(f"http://127.0.0.1:{listening.getsockname()[1]}/")
        thread.join(10)
    assert found == detail
    assert WORDS.fullmatch(found)


def test_what_cannot_be_reached_is_described_in_fixed_words(tmp_path: Path) -> None:
    moment = datetime.datetime.now(datetime.UTC)
    issued = issue(new_authority("nobody", moment), "hook", ["127.0.0.1"], moment)
    (tmp_path / "c.pem").write_bytes(issued.certificate)
    (tmp_path / "c.key").write_bytes(issued.key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "c.pem", tmp_path / "c.key")

    async def attempts() -> list[str]:
        server = await asyncio.start_server(lambda _reader, _writer: None, "127.0.0.1", 0, ssl=context)
        port = server.sockets[0].getsockname()[1]
        async with Sender(5.0, loopback=True) as sender:
            urls = (
                f"https://127.0.0.1:{port}/",
                f"http://127.0.0.1:{free_port()}/",
                "https://no-such.invalid/",
            )
            found = [(await sender.post(url, b"{}", {}, 0)).detail for url in urls]
        server.close()
        return found

    assert asyncio.run(attempts()) == [
        "the certificate does not hold",
        "no connection was made",
        "the name of the host cannot be resolved",
    ]


def test_an_endpoint_on_a_port_that_is_none_of_the_web_is_not_called_any_more(
    session: Session, settings: WebhookSettings, seal: Seal
) -> None:
    """Registered under an earlier rule."""
    named, _ = subscribe(session, seal, "https://hooks.example/")
    session.execute("UPDATE lianyun.webhook_subscription SET url = 'https://hooks.example:22/'")
    news(session)
    deliver(session, settings, settled(session, named.id, "DEAD"))
    (dead,) = queue.deliveries(session, named.id, "DEAD", None, 10)
    assert dead.detail.startswith("not called: Port 22 is not called")
