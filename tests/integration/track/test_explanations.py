"""`lianyun track` says of what reaches no consignment that it is known, who said it when, and why it reaches none."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from typer.testing import CliRunner

from services.cli.exits import Exit, Failure
from services.cli.main import app
from services.ledger.storage.operations import quarantine
from services.testbed.localstack.engine import DatabaseAddress
from tests.stories.story import stories
from tests.support.databases import migrated_database
from tests.support.signed_stories import Desk, key_of, record, register

pytestmark = pytest.mark.integration
TOLD = [story for story in stories() if story.slug[:2] in ("84", "85", "86", "94")]
Track = Callable[..., tuple[str, Exit]]


@pytest.fixture(scope="module")
def dsn(postgres: DatabaseAddress) -> str:
    address = migrated_database(postgres, "track_explanations")
    with psycopg.connect(address) as session:
        register(session, TOLD)
    hand = Desk(address)
    events = [told for story in TOLD for told in story.told]
    hand.apply([record(told, n) for n, told in enumerate(events)])
    hand.settle()
    hand.close()
    return address


@pytest.fixture
def track(dsn: str, monkeypatch: pytest.MonkeyPatch) -> Track:
    monkeypatch.setenv("LIANYUN_DSN", dsn)

    def run(identifier: str, *options: str) -> tuple[str, Exit]:
        done = CliRunner().invoke(app, ["track", identifier, "--as-of", "2026-04-02T00:00:00Z", *options])
        if done.exception is None:
            return done.stdout, Exit.OK
        assert isinstance(done.exception, Failure), done.exception
        return done.stdout, done.exception.code

    return run


def test_each_reason_is_said_with_publisher_and_time(track: Track) -> None:
    for identifier, reason in (
        ("LYCU4103031", "no link leads on from container:LYCU4103031 to a consignment"),
        ("CN/5284001", "no link leads on from container:LYCU4103031 to a consignment"),
        ("cr/X8840/2026-03-02/railnet:xian-intl-port", "no link leads on from container:LYCU4103031"),
        ("LYCU4103047", "was retracted by xaport at 2026-03-03T02:00:00Z"),
        (
            "531620260166284001",
            "equivocates: xaport signed 2 contents under 84_known_and_reaching_nobody/covers",
        ),
        ("LYCU4103052", "nobody has founded consignment:rover/RO-84"),
        (
            "LYCU4103089",
            "the founding of consignment:xaport/XA-85X (85_two_foundings_under_one_id/wrong of xaport",
        ),
        ("xaport/XA-85", "the founding of consignment:xaport/XA-85 equivocates: xaport signed 2 contents"),
        ("xaport/XA-85X", "was retracted by xaport at 2026-03-02T07:00:00Z"),
        ("xaport/XA-85Y", "was corrected by xaport at 2026-03-02T08:00:00Z"),
    ):
        text, code = track(identifier)
        assert code is Exit.NOT_FOUND
        assert "known, reaches no consignment, because" in text, identifier
        assert reason in " ".join(text.split()), (identifier, text)


def test_a_carrier_that_ends_its_own_ride_is_not_shown_as_a_stranger(track: Track) -> None:
    text, _ = track("xaport/XA-94A", "--json")
    (own,) = [entry for entry in json.loads(text)["consignments"][0]["timeline"] if entry["because"]]
    assert (own["milestone"], own["standing"], own["because"]) == (
        "movement.unloaded",
        "UNENGAGED",
        "ENDS_OWN_LINK_ONLY",
    )
    text, _ = track("xaport/XA-94B", "--json")
    (other,) = [entry for entry in json.loads(text)["consignments"][0]["timeline"] if entry["because"]]
    assert (other["by"], other["because"]) == ("pkp", "PUBLISHER_NO_PARTY")
    text, _ = track("xaport/XA-94A")
    assert "but ends its own assignment by it" in " ".join(text.split())


def test_what_lies_outside_every_assignment_is_said_beside_the_views(track: Track) -> None:
    text, code = track("LYCU4103026")
    assert code is Exit.OK
    assert "consignment xaport/XA-84A" in text
    shown: dict[str, Any] = json.loads(track("LYCU4103026", "--json")[0])
    assert shown["shows"] == "VIEW"
    (waiting,) = shown["waiting"]
    assert {
        fact["event"]["id"]: [each["reason"] for each in fact["because"]] for fact in waiting["facts"]
    } == {
        "84_known_and_reaching_nobody/early": ["BEFORE_ASSIGNMENT"],
        "84_known_and_reaching_nobody/between": ["AFTER_ASSIGNMENT", "BEFORE_ASSIGNMENT"],
    }
    assert "ended at 2026-03-19T16:00:00Z" in " ".join(text.split())


def test_variants_of_a_founding_are_named_by_digest(track: Track) -> None:
    shown = json.loads(track("xaport/XA-85", "--json")[0])
    (because,) = shown["waiting"][0]["because"]
    variants = because["said"]["variants"]
    assert [(each["by"], each["type"]) for each in variants] == [("xaport", "link.consignment_opened")] * 2
    assert len({each["digest"] for each in variants}) == 2


def test_a_view_shows_what_does_not_count_with_publisher_and_variants(track: Track) -> None:
    text, code = track("xaport/XA-86A")
    assert code is Exit.OK
    text = " ".join(text.split())
    for part in (
        "where movement.gated_in at Xi'an International Port (Xinzhu) (xian-intl-port) 2026-03-02T01:30:00Z "
        "(said by xaterm, SIGNED_BY_AUTHORITY, corrects 86_signed_and_not_counted/in-2)",
        "withdrawn movement.gated_in of container:LYCU4103108 at Xi'an International Port (Xinzhu) (xian-intl-port) ACT "
        "2026-03-02T02:00:00Z (said by xaterm, published 2026-03-02T02:00:00Z as 86_signed_and_not_counted/in), corrected by xaterm",
        "EQUIVOCATES ktz signed 2 contents under 86_signed_and_not_counted/away; none counts",
        "movement.departed of container:LYCU4103108 at Dostyk (ex Druzhba) (dostyk) ACT 2026-03-07T08:00:00Z",
        "movement.departed of container:LYCU4103108 at Dostyk (ex Druzhba) (dostyk) ACT 2026-03-07T08:40:00Z",
        "IN A CYCLE of corrections of ktz: 86_signed_and_not_counted/circle",
        "withdrawn link.route_planned (said by xaport",
    ):
        assert part in text, (part, text)
    (shown,) = json.loads(track("xaport/XA-86A", "--json")[0])["consignments"]
    (away,) = (each for each in shown["not_live"] if each["reason"] == "EQUIVOCATES")
    times = {each["digest"]: [claim["happened"] for claim in each["claims"]] for each in away["variants"]}
    assert sorted(times.values()) == [["2026-03-07T08:00:00Z"], ["2026-03-07T08:40:00Z"]]


def test_what_is_in_quarantine_is_said(postgres: DatabaseAddress, monkeypatch: pytest.MonkeyPatch) -> None:
    address = migrated_database(postgres, "track_quarantine")
    told = [story for story in TOLD if story.slug.startswith("85")]
    with psycopg.connect(address) as session:
        register(session, told)
    hand = Desk(address)
    hand.apply([record(each, n) for n, each in enumerate(told[0].told)])
    with psycopg.connect(address) as session:
        session.execute("SELECT version FROM lianyun.registry_version FOR UPDATE")
        assert quarantine(session, key_of("xaterm").key_id, 0) == 3
    hand.settle()
    hand.close()
    monkeypatch.setenv("LIANYUN_DSN", address)
    text = CliRunner().invoke(app, ["track", "LYCU4103068"]).stdout
    assert "quarantined movement.gated_in (said by xaterm, published 2026-03-02T02:00:00Z" in " ".join(
        text.split()
    )


def test_nothing_known_is_another_answer(track: Track) -> None:
    text, code = track("xaport/XA-NEVER")
    assert (text, code) == ("", Exit.NOT_FOUND)
