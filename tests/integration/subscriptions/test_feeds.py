"""Feeds: one address in three forms, judged at each reading, replayed from a point, bounded, ended."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import icalendar
import psycopg
import pytest
from lxml import etree

from services.ledger.storage.session import open_session
from services.notifications.webhooks import subscriptions as webhooks
from services.notifications.webhooks.messages import MessageType
from services.notifications.webhooks.sealed_secrets import Seal, new_key
from tests.integration.subscriptions.conftest import World
from tests.integration.subscriptions.test_mail import EVERYTHING, ORIGIN, shared
from tests.support.subscribers import REFERENCE

pytestmark = pytest.mark.integration
ATOM = {"a": "http://www.w3.org/2005/Atom"}


def made(answer: httpx.Response) -> str:
    """The path of a feed that was just made."""
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    (address,) = re.findall(r'value="http://[^/"]+(/f/[\w-]{32})/calendar\.ics"', answer.text)
    return str(address)


def feed(world: World, **form: str) -> str:
    with world.pages.browser("optic") as owner:
        data = {"consignment": REFERENCE, "channel": "feed", **EVERYTHING, **form}
        return made(owner.post("/subscriptions", data=data, headers=ORIGIN))


def titles(raw: bytes) -> list[str]:
    return [
        str(each.findtext("a:title", namespaces=ATOM))
        for each in etree.fromstring(raw).findall("a:entry", ATOM)
    ]


def test_a_feed_is_read_by_whoever_holds_its_address_until_it_ends(world: World) -> None:
    path = feed(world)
    with psycopg.connect(world.pages.dsn) as session:
        rows = session.execute("SELECT t::text FROM lianyun.subscription_token t").fetchall()
    assert not any(path.rpartition("/")[2] in text for (text,) in rows)
    world.tell("left", "left-late", "as-before", "never-left")
    with world.pages.browser() as reader:
        atom = reader.get(f"{path}/feed.atom")
        assert atom.headers["content-type"].startswith("application/atom+xml")
        assert titles(atom.content) == [
            "Taken back: Departed by rail", "Corrected: Departed by rail", "Corrected: Departed by rail", "Departed by rail",
        ]  # fmt: skip
        assert titles(reader.get(f"{path}/feed.atom?before=2").content) == ["Departed by rail"]
        assert reader.get(
            f"{path}/feed.atom", headers={"if-none-match": atom.headers.get("etag", "")}
        ).status_code in (200, 304)
        calendar = reader.get(f"{path}/calendar.ics")
        events = icalendar.Calendar.from_ical(calendar.content).walk("VEVENT")
        assert {each["SEQUENCE"] for each in events} == {4}
        assert not any("departed" in each["UID"] for each in events)
        (about,) = [path.replace("/f/", "/u/")]
        assert reader.get(about).status_code == 200
        assert reader.post(about).status_code == 200
        for name in ("feed.atom", "calendar.ics", "events"):
            assert reader.get(f"{path}/{name}").status_code == 410, name
        assert reader.get(f"/f/{'x' * 32}/feed.atom").status_code == 404
    with world.pages.browser("xaport") as other, psycopg.connect(world.pages.dsn) as session:
        assert other.get("/subscriptions").status_code == 200
        lines = session.execute(
            "SELECT route, subjects FROM lianyun.access_log WHERE client LIKE 'subscription:%' ORDER BY at"
        ).fetchall()
    assert {route for route, _ in lines} == {"/f/{token}/feed.atom", "/f/{token}/calendar.ics"}


def test_a_feed_by_a_link_shows_its_fields_and_ends_with_it(world: World) -> None:
    path = shared(world, declaration_status="on")
    with world.pages.browser() as holder:
        own = made(holder.post(f"{path}/subscribe", data={"channel": "feed", **EVERYTHING}, headers=ORIGIN))
        world.tell("stopped", "left")
        assert titles(holder.get(f"{own}/feed.atom").content) == [
            "Departed by rail",
            "Detained by customs (+1)",
        ]
        with psycopg.connect(world.pages.dsn) as session:  # the link shows less from now on
            session.execute("UPDATE lianyun.share_link SET fields = '{movement}'")
        assert titles(holder.get(f"{own}/feed.atom").content) == ["Departed by rail"], (
            "judged at the moment of reading"
        )
        world.tell("left-late")
        assert titles(holder.get(f"{own}/feed.atom").content)[0] == "Corrected: Departed by rail"
        with psycopg.connect(world.pages.dsn) as session:
            session.execute("UPDATE lianyun.share_link SET expires = made + 1")
        assert holder.get(f"{own}/feed.atom").status_code == 410


def test_a_party_that_may_not_see_it_any_more_is_told_nothing(world: World) -> None:
    path = feed(world)
    with psycopg.connect(world.pages.dsn) as session:
        session.execute("UPDATE lianyun.subscription SET party = 'stranger'")
    world.tell("left")
    with world.pages.browser() as reader, psycopg.connect(world.pages.dsn) as session:
        assert reader.get(f"{path}/feed.atom").status_code == 410
        assert session.execute("SELECT count(*) FROM lianyun.subscription_notice").fetchone() == (0,)
        session.execute("UPDATE lianyun.subscription SET party = 'optic'")
        session.commit()
        world.tell("left-late")
        assert titles(reader.get(f"{path}/feed.atom").content) == ["Departed by rail"], "what is new to it"


def test_filters_select(world: World) -> None:
    path = feed(world, exceptions="on")
    with world.pages.browser("optic") as owner:
        data = {"consignment": REFERENCE, "channel": "feed", "exceptions": "on", "hours": "6"}
        only = made(owner.post("/subscriptions", data=data, headers=ORIGIN))
        none = {"consignment": REFERENCE, "channel": "feed", "hours": "6"}
        assert owner.post("/subscriptions", data=none, headers=ORIGIN).status_code == 400
    world.tell("left", "stopped")
    with world.pages.browser() as reader:
        assert len(titles(reader.get(f"{path}/feed.atom").content)) == 2
        assert titles(reader.get(f"{only}/feed.atom").content) == ["Customs has detained the goods"]


def test_webhooks_announce_what_a_person_selected(world: World) -> None:
    with open_session(world.pages.dsn) as session:
        for party in ("optic", "silk"):
            webhooks.create(
                session,
                party,
                "https://hooks.example/",
                [MessageType.CONSIGNMENT_NOTICE],
                "",
                Seal.from_text(new_key()),
                0,
            )
        session.commit()
    with world.pages.browser("optic") as owner:
        only = {"consignment": REFERENCE, "channel": "webhook", "exceptions": "on", "hours": "6"}
        assert owner.post("/subscriptions", data=only, headers=ORIGIN).status_code == 200
    with world.pages.browser() as holder:
        form = {"channel": "webhook", **EVERYTHING}
        assert holder.post(f"{shared(world)}/subscribe", data=form, headers=ORIGIN).status_code == 400
    world.tell("left", "stopped", "free")
    world.senders.notices()
    with psycopg.connect(world.pages.dsn) as session:
        rows = session.execute("SELECT party, type, body FROM lianyun.webhook_message").fetchall()
    assert [(party, type_) for party, type_, _ in rows] == [("optic", "consignment.notice.v1")] * 2
    for _, _, body in rows:
        assert json.loads(bytes(body))["data"] == {
            "subject": {"kind": "consignment", "id": REFERENCE, "href": f"/v1/consignments/{REFERENCE}"}
        }


@contextmanager
def listening(world: World, path: str, **headers: str) -> Iterator[Iterator[tuple[int, dict[str, object]]]]:
    """(number, data) of events as they come."""
    with (
        httpx.Client(base_url=world.pages.url, timeout=20) as client,
        client.stream("GET", path, headers=headers) as answer,
    ):
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")

        def parsed() -> Iterator[tuple[int, dict[str, object]]]:
            number = 0
            for line in answer.iter_lines():
                if line.startswith("id: "):
                    number = int(line.removeprefix("id: "))
                elif line.startswith("data: "):
                    yield number, json.loads(line.removeprefix("data: "))

        yield parsed()


def test_events_come_as_they_happen_and_are_replayed_from_a_point(world: World) -> None:
    path = feed(world)
    world.tell("left")
    with listening(world, f"{path}/events") as live:
        later = threading.Thread(target=world.tell, args=("left-late", "stopped"))
        later.start()
        assert [next(live)[0] for _ in range(2)] == [2, 3]
        later.join()
    with listening(world, f"{path}/events", **{"last-event-id": "1"}) as replayed:
        number, data = next(replayed)
        assert number == 2
        assert "Corrected: Departed by rail" in data["changes"][0]["text"]  # type: ignore[index]
    with listening(world, f"{path}/events?from=0") as whole:
        assert next(whole)[0] == 1


@pytest.mark.long
def test_listeners_are_bounded_and_hold_no_session(world: World) -> None:
    path = feed(world)
    many = world.pages.settings.pages_feed_listeners
    clients = [httpx.Client(base_url=world.pages.url, timeout=20) for _ in range(many)]
    try:
        streams = [client.stream("GET", f"{path}/events") for client in clients]
        answers = [stream.__enter__() for stream in streams]
        assert {answer.status_code for answer in answers} == {200}
        with world.pages.browser() as reader:
            assert reader.get(f"{path}/events").status_code == 429
            # As many listen as there are sessions: pages are still answered.
            assert many >= world.pages.settings.pages_threads
            assert reader.get(f"{path}/feed.atom").status_code == 200
        for stream in streams:
            stream.__exit__(None, None, None)
    finally:
        for client in clients:
            client.close()
