"""Every page, table and search as every role: no failure, and of a consignment exactly what the matrix gives, in HTML, CSV and JSON alike."""

from __future__ import annotations

import re
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import psycopg
import pytest
from starlette.routing import BaseRoute, Route

from schemas.events.base import Role
from services.api.access import share_links
from services.api.access.matrix import Field
from services.credit.domain.presentation import plain
from services.credit.store import records
from services.domain.objects import consignment
from services.ledger.registry import store as registry_store
from services.ledger.storage.session import open_session
from services.pages.app import GROUPS
from services.pages.subscriptions import store as subscriptions
from services.pages.subscriptions.changes import State, Wanted
from services.pages.subscriptions.follower import look
from services.people.domain.person import Permission
from services.testbed.localstack.engine import DatabaseAddress
from tests.support.api import cast
from tests.support.console import RunningConsole
from tests.support.databases import migrated_database
from tests.support.documents_stored import READERS
from tests.support.walk import world
from tests.support.walk.crawler import Seen, walk

pytestmark = [pytest.mark.integration, pytest.mark.long]
PARTIES = tuple(world.STANDS_AS)
SEARCHES = (cast.BOX[:8], "XA-1", cast.DECLARATION[:14], "SMGS/CN/XAY/1000")
"""Half-typed: what is typed shows on the page again, and is no marker."""
TRACKED = "/track/{reference:path}"
DOCUMENT = "/console/documents/{document}"
FINANCED = "/console/financings/{reference}"
SHARED_FIELDS = frozenset({Field.MOVEMENT, Field.GOODS, Field.INVOICE})
NEVER_REACHED: Mapping[str, str] = {
    "/sign-in/callback": "only the issuer leads there, in the middle of signing in",
    "/console/proposals/{proposal}": "nobody has prepared anything here: test_console_financings.py",
}
"""Pages that no link, table or form leads to, each with its reason."""


@dataclass
class Walks:
    """All that was seen, by whoever looked: a party, "" for nobody, or "link" for whoever holds a share link."""

    seen: dict[str, list[Seen]]
    routes: list[BaseRoute]


@pytest.fixture(scope="module")
def walks(postgres: DatabaseAddress, tmp_path_factory: pytest.TempPathFactory) -> Walks:
    dsn = migrated_database(postgres, "walk")
    world.play(dsn)
    _given(dsn)
    given = {"pages_foreign_floor": 0, "pages_link_rate": 10_000}
    with RunningConsole(dsn, tmp_path_factory.mktemp("walk"), given=given) as console:
        for party in PARTIES:
            console.person(party, _person(party), ["desk"], [*Permission], name=_person(party))
        routes = [*console.pages.app.routes]
        start = [route.path for route in _declared() if not route.param_convertors]
        link = f"/s/{_shared(dsn)}"
        seen = {
            party: list(walk(console.looking(_person(party)), start, routes, SEARCHES)) for party in PARTIES
        }
        seen[""] = list(walk(console.browser(), start, routes, SEARCHES))
        seen["link"] = list(walk(console.browser(), [link, *_subscribed(dsn)], routes))
    return Walks(seen, routes)


def _person(party: str) -> str:
    return f"Person-of-{party}-Qz"


def _declared() -> list[Route]:
    """Every page that is asked for with GET."""
    return [
        route
        for group in GROUPS
        for route in group.routes
        if isinstance(route, Route) and "GET" in (route.methods or ())
    ]


def _shared(dsn: str) -> str:
    """A link by the shipper to chosen fields, without the numbers."""
    founder, _, reference = world.REFERENCE.partition("/")
    now = time.time_ns() // 1_000
    with psycopg.connect(dsn) as session:
        _, token = share_links.make(
            session,
            consignment=consignment(founder, reference).id,
            reference=world.REFERENCE,
            party="optic",
            made_by="test",
            fields=SHARED_FIELDS,
            now=now,
            expires=now + share_links.DAY,
        )
    return token


def _subscribed(dsn: str) -> list[str]:
    """What a subscription by that link leads to."""
    with psycopg.connect(dsn) as session:
        (link,) = share_links.links_of(session, "optic")
        made = subscriptions.make(
            session,
            consignment=link.consignment,
            reference=link.reference,
            party=link.party,
            share=link.id,
            made_by=link.client,
            channel=subscriptions.Channel.FEED,
            address=None,
            language="en",
            wanted=Wanted(),
            told=State(),
            fields=(),
            now=link.made,
        )
        assert made is not None
        found = subscriptions.by_id(session, made[0])
        assert found is not None
        look(
            session, registry_store.read_snapshot(session), found, time.time_ns() // 1_000
        )  # everything is news to it
    pages = ("/f/{}/feed.atom", "/f/{}/calendar.ics", "/u/{}", "/u/{}/consignment")
    return [each.format(made[1]) for each in pages]


def _given(dsn: str) -> None:
    """A record of the shipper as an insurer with its consent was given it."""
    now = time.time_ns() // 1_000
    with open_session(dsn) as session:
        registry = registry_store.read_snapshot(session)
        found = records.read_as(session, "hull", "FINANCING_APPLICATION", "optic", now, now, registry)
        assert found is not None
        body = plain(found.permission, found.record, found.disputes, {})
        records.issue(session, "hull", "FINANCING_APPLICATION", "optic", now, body)


def test_a_sentence_and_the_link_after_it_are_two_words(walks: Walks) -> None:
    joined = {
        page.address: found[0]
        for pages in walks.seen.values()
        for page in pages
        if page.form == "html"
        and (found := re.findall(r"[^<>]{0,30}[.!?:,;]<(?:a|time|strong|code)\b", page.text))
    }
    assert joined == {}


def test_every_role_of_the_matrix_looks() -> None:
    roles = {role for stands in world.STANDS_AS.values() for role, _ in stands}
    with world.TABLE.open(encoding="utf-8") as file:
        assert roles >= {line.split(",")[1] for line in file.readlines()[1:]} >= {str(Role.SHIPPER)}


def test_no_page_fails(walks: Walks) -> None:
    assert [
        (who, each.address, each.status)
        for who, seen in walks.seen.items()
        for each in seen
        if each.status >= 500 or re.search(r"%\(\w+\)[sd]", each.text)
    ] == [], "a failure, or the name of a value where the value belongs"


def test_every_page_is_reached(walks: Walks) -> None:
    reached = {each.route for seen in walks.seen.values() for each in seen if each.status < 400}
    assert {route.path for route in _declared()} - reached == NEVER_REACHED.keys()


def test_every_party_sees_what_the_matrix_gives_it_and_nothing_else(walks: Walks) -> None:
    wrong = []
    for who, seen in walks.seen.items():
        expected = world.allowed(_grants(who))
        shown: dict[str, set[str]] = defaultdict(set)
        for each in seen:
            found = world.in_text(each.text)
            # The alerts of its own pledge tell a bank when the insurance was cancelled, as the API's do.
            alerted = {"insurance"} if each.route == FINANCED and who == "abank" else set()
            wrong += [(who, each.address, name) for name in found - expected - alerted]
            if each.route in (TRACKED, "/s/{token}") and (who == "link" or world.REFERENCE in each.address):
                shown[each.form] |= found
        if expected:
            wrong += [
                (who, form, "lacks", expected - shown[form])
                for form in ("html", "csv", "json")
                if expected - shown[form]
            ]
    assert wrong == [], "\n".join(map(str, wrong))


def test_nobody_learns_of_a_financing_but_bank_and_shipper(walks: Walks) -> None:
    assert [
        (who, each.address, reference)
        for who, seen in walks.seen.items()
        for each in seen
        for reference in world.lent_in(each.text)
        if who not in world.LENT[reference]
    ] == []


def test_nobody_learns_of_a_document_but_its_readers(walks: Walks) -> None:
    shown = [
        (who, each, number)
        for who, seen in walks.seen.items()
        for each in seen
        for number in world.documents_in(each.text)
    ]
    assert [(who, each.address, number) for who, each, number in shown if who not in READERS[number]] == []
    for number, readers in READERS.items():
        assert {who for who, each, known in shown if (each.route, known) == (DOCUMENT, number)} == readers
    tracked = {who for who, each, number in shown if each.route == TRACKED and each.form == "html"}
    assert tracked == READERS["FBL-2026-1"]


def test_people_are_named_to_their_own_party_alone(walks: Walks) -> None:
    assert [
        (who, each.address, party)
        for who, seen in walks.seen.items()
        for each in seen
        for party in PARTIES
        if party != who and _person(party) in each.text
    ] == []


def _grants(who: str) -> Mapping[str, str]:
    if who == "link":
        return world.granted("optic", frozenset(map(str, SHARED_FIELDS)))
    return world.granted(who) if who else {}
