"""The console of shippers, consignees and forwarders: each party sees its own and what the matrix allows, and nobody signs for it."""

from __future__ import annotations

import csv
import html
import io
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import psycopg
import pytest

from schemas.events.decode import decode_payload
from services.api.access import share_links
from services.api.access.share_links import DAY, SHAREABLE
from services.api.access_log import read_lines
from services.api.auth.gate import Caller
from services.api.calls import Read
from services.cases.store import projector
from services.credit.domain.presentation import plain
from services.credit.domain.signals import model
from services.credit.store import records
from services.ledger.registry import store
from services.ledger.storage.session import open_session
from services.pages.routes.console_consignments import STATES
from services.pages.routes.console_credit import MEASURES
from services.people.domain.person import Permission
from services.producers.formats.model import Position
from services.producers.formats.native_lines import record
from services.query.listing import store as listing
from services.query.listing.store import Part, Place, Wanted
from services.testbed.localstack.engine import DatabaseAddress
from tests.stories.story import stories
from tests.support.api.cast import play
from tests.support.cases.platform import Clock
from tests.support.console import RunningConsole
from tests.support.databases import migrated_database
from tests.support.signed_stories import Desk, register
from tests.support.signed_stories import record as signed_record

pytestmark = pytest.mark.integration
NOW = 1_775_000_000_000_000
PATHS = (
    "/console/consignments",
    "/console/disputes",
    "/console/reads",
    "/console/consents",
    "/console/credit",
)


@pytest.fixture(scope="module")
def console(postgres: DatabaseAddress, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningConsole]:
    dsn = migrated_database(postgres, "console_owners")
    play(dsn)
    with open_session(dsn) as session:
        session.autocommit = True
        projector.catch_up(session, Clock(NOW).desk)
    with RunningConsole(dsn, tmp_path_factory.mktemp("console")) as running:
        for party in ("optic", "textil", "toys", "ruhr", "silk", "abank", "gacc", "stranger"):
            running.person(party, party, (), [*Permission])
        running.person("optic", "cases-only", (), [Permission.CASES])
        yield running


def rows(browser: httpx.Client, path: str, table: str) -> list[dict[str, object]]:
    answer = browser.get(f"{path}{'&' if '?' in path else '?'}table={table}&format=json")
    assert answer.status_code == 200, answer.text
    return list(answer.json()["rows"])


def test_a_party_s_list_holds_what_it_is_engaged_in_and_nothing_else(console: RunningConsole) -> None:
    seen = {
        party: {
            row["consignment"]
            for row in rows(console.looking(party), "/console/consignments", "consignments")
        }
        for party in ("optic", "textil", "toys", "ruhr", "silk", "stranger")
    }
    assert seen["optic"] == seen["ruhr"] == {"xaport/XA-1"}
    assert seen["textil"] == {"xaport/XA-2"}
    assert seen["toys"] == {"xaport/XA-3"}
    assert seen["silk"] == {"xaport/XA-1", "xaport/XA-2", "xaport/XA-3"}
    assert seen["stranger"] == set()
    (row,) = rows(console.looking("ruhr"), "/console/consignments", "consignments")
    assert row["part"] == "consignee"
    page = console.looking("ruhr").get("/console/consignments").text
    assert "the consignee" in page
    assert 'href="/track/xaport/XA-1"' in page
    for state in STATES:
        assert (
            console.looking("silk").get("/console/consignments", params={"state": state}).status_code == 200
        )
    for wrong in ({"state": "x"}, {"corridor": "x"}, {"after": "x"}, {"after": "1-00"}):
        assert console.looking("silk").get("/console/consignments", params=wrong).status_code == 400


def test_a_list_goes_on_where_the_page_before_ended(console: RunningConsole) -> None:
    with open_session(console.dsn) as session:
        found: list[Place] = []
        while page := listing.listed(session, "silk", Wanted(), found[-1] if found else None, 2):
            found += page
        whole = listing.listed(session, "silk", Wanted(), None, 100)
        assert found == whole == sorted(whole, reverse=True)
        assert len(whole) == len(set(whole)) == 3
        under_way = listing.listed(session, "silk", Wanted(Part.UNDER_WAY), None, 100)
        assert set(under_way) <= set(whole)
        assert listing.listed(session, "stranger", Wanted(), None, 100) == []


def test_who_has_no_business_with_a_page_does_not_find_it(console: RunningConsole) -> None:
    for path in PATHS:
        assert console.browser().get(path).status_code == 401, path
        for subject in ("abank", "gacc", "cases-only"):
            browser = console.looking(subject)
            assert browser.get(path).status_code == 404, (subject, path)
            assert path not in browser.get("/console").text
    for path in ("/console/consents", "/console/credit"):  # of shippers alone
        for subject in ("ruhr", "silk"):
            assert console.looking(subject).get(path).status_code == 404, (subject, path)
    assert console.looking("ruhr").get("/console/disputes").status_code == 200


def test_a_consent_stands_with_what_the_bank_read_and_nobody_signs_for_the_shipper(
    console: RunningConsole,
) -> None:
    browser = console.looking("textil")
    with psycopg.connect(console.dsn) as session:
        lines = read_lines(
            [Read("credit:textil", ("textil",))], at=NOW, caller=Caller("bbank", frozenset(), "", ""), party="bbank",
            method="GET", route="/v1/shippers/{shipper}/credit", request="r", status=200,
        )  # fmt: skip
        for query in lines:
            session.execute(*query)
    (row,) = rows(browser, "/console/consents", "consents")
    assert (row["purpose"], row["scope"], row["state"], row["used"]) == (
        "FINANCING_APPLICATION", "SCORE", "IN_FORCE", 1,
    )  # fmt: skip
    page = browser.get("/console/consents").text
    line = json.loads(html.unescape(re.search(r"<pre[^>]*>(\{.*?\})</pre>", page).group(1)))  # type: ignore[union-attr]
    assert line["type"] == "cre.credit.consent_revoked.v1"
    assert line["data"]["consent"]["id"].endswith("/consent")
    given = {"bank": "abank", "purpose": "CREDIT_ASSESSMENT", "SCORE": "on", "days": "90"}
    written = browser.get("/console/consents", params=given).text
    texts = [html.unescape(each) for each in re.findall(r"<pre[^>]*>(\{.*?\})</pre>", written)]
    draft = record(next(each for each in texts if "consent_granted" in each).encode(), Position())
    assert draft.data["bank"] == "abank"
    assert draft.data["scope"] == ["SCORE"]
    assert "lianyun publish --as textil consent.jsonl" in written
    for wrong in ({**given, "bank": "<b>"}, {**given, "SCORE": ""}, {**given, "days": "9999"}):
        assert "consent_granted" not in browser.get("/console/consents", params=wrong).text
    assert console.looking("textil").post("/console/consents", data=given).status_code == 405


def test_the_access_log_shows_readers_and_openings_of_own_links_to_their_party_alone(
    console: RunningConsole,
) -> None:
    now = int(datetime.now(UTC).timestamp() * 1e6)
    with open_session(console.dsn) as session:
        found = listing.listed(session, "optic", Wanted(), None, 1)[0]
        _, token = share_links.make(
            session, consignment=found.cons, reference="xaport/XA-1", party="optic", made_by="test", fields=SHAREABLE,
            now=now, expires=now + DAY, label="for Ruhr",
        )  # fmt: skip
    with console.browser() as holder:
        assert holder.get(f"/s/{token}").status_code == 200
    assert console.looking("silk").get("/track/xaport/XA-1").status_code == 200
    reads = rows(console.looking("optic"), "/console/reads", "reads")
    assert {(row["reader"], row["how"], row["label"]) for row in reads} >= {
        ("optic", "share_link", "for Ruhr"),
        ("silk", "itself", None),
    }
    assert all(row["name"] == "xaport/XA-1" for row in reads if row["kind"] == "consignment")
    by_link = (
        console.looking("optic")
        .get("/console/reads", params={"way": "link", "table": "reads", "format": "json"})
        .json()["rows"]
    )
    assert {row["how"] for row in by_link} == {"share_link"}
    toys = console.looking("toys").get("/console/reads?table=reads&format=csv").content.decode("utf-8-sig")
    assert not any("XA-1" in "".join(row) for row in csv.reader(io.StringIO(toys)))
    readers = rows(console.looking("optic"), "/console/reads", "readers")
    assert {"silk", "optic"} <= {row["code"] for row in readers}
    for wrong in ({"since": "x"}, {"until": "9999-12-31"}, {"way": "x"}, {"after": "1_x"}):
        assert console.looking("optic").get("/console/reads", params=wrong).status_code == 400


def test_a_shipper_sees_its_signals_as_each_bank_does_and_what_it_was_given(console: RunningConsole) -> None:
    browser = console.looking("textil")
    with open_session(console.dsn) as session:
        registry = store.read_snapshot(session)
        found = records.read_as(session, "bbank", "FINANCING_APPLICATION", "textil", NOW, NOW, registry)
        assert found is not None
        body = plain(found.permission, found.record, found.disputes, {})
        records.issue(session, "bbank", "FINANCING_APPLICATION", "textil", NOW, body)
    page = browser.get("/console/credit").text
    assert "no bad score" in page
    assert model().version in page
    (given,) = rows(browser, "/console/credit", "given")
    assert given["purpose"] == "FINANCING_APPLICATION"
    (path,) = re.findall(r'href="(/console/credit/given[^"]+)"', page)
    assert browser.get(html.unescape(path)).status_code == 200
    assert console.looking("toys").get(html.unescape(path)).status_code == 404, "another shipper's"
    (consent,) = re.findall(r'<option value="([0-9a-f]{32})"', page)
    as_bank = browser.get("/console/credit", params={"view": consent}).text
    assert "S1" not in re.sub(r"<head>.*?</head>", "", as_bank), "its scope is the score"
    assert console.looking("toys").get("/console/credit", params={"view": consent}).status_code == 404
    assert {each.measures for each in model().signals} == set(MEASURES)
    assert rows(browser, "/console/credit", "signals")


def test_the_first_page_begins_with_what_needs_attention(console: RunningConsole) -> None:
    page = console.looking("optic").get("/console").text
    with open_session(console.dsn) as session:
        flagged = listing.listed(session, "optic", Wanted(Part.ATTENTION), None, 10)
    assert ("What needs attention" in page) is bool(flagged)
    assert "XA-2" not in page


@pytest.mark.long
def test_both_sides_of_a_dispute_stand_side_by_side_with_one_s_own_to_be_corrected(
    postgres: DatabaseAddress, tmp_path: Path
) -> None:
    told = tuple(
        story.scoped(f"d{number}")
        for number, story in enumerate(stories())
        if story.title
        in ("Thirty minutes agree, one second more does not", "Two operators claim the same box")
    )
    links, times = told
    dsn = migrated_database(postgres, "console_disputes")
    with psycopg.connect(dsn) as session:
        register(session, told)
    desk = Desk(dsn)
    desk.apply(
        [signed_record(each, n) for n, each in enumerate(each for story in told for each in story.told)]
    )
    desk.settle()
    desk.close()
    with open_session(dsn) as session:
        session.autocommit = True
        projector.catch_up(session, Clock(NOW).desk)
    with RunningConsole(dsn, tmp_path) as running:
        for party in (times.party("xaport"), links.party("xaport"), links.party("cdport")):
            running.person(party, party, (), [*Permission])
        own = running.looking(times.party("xaport"))
        found = rows(own, "/console/disputes", "disputes")
        assert {(row["says"], row["stated"]) for row in found} == {
            (times.party("cr"), "2026-03-02T12:00:00Z"),
            (times.party("xaport"), "2026-03-02T12:30:01Z"),
        }
        assert {row["consignment"] for row in found} == {times.consignment("xaport/XA-17B")}
        page = own.get("/console/disputes").text
        assert "your statement is one side" in page
        lines = [json.loads(html.unescape(each)) for each in re.findall(r"<pre[^>]*>(\{.*?\})</pre>", page)]
        assert [each["type"] for each in lines] == [
            "cre.correction.corrected.v1",
            "cre.correction.retracted.v1",
        ]
        assert lines[0]["data"]["target"] == lines[1]["data"]["target"]
        for line in lines:
            decode_payload(line["type"], json.dumps({**line["data"], "salt": "00" * 16}).encode())
        (late,) = [
            row["consignment"] for row in rows(own, "/console/consignments?disputed=on", "consignments")
        ]
        assert late == times.consignment("xaport/XA-17B")
        for party in ("xaport", "cdport"):
            sides = rows(running.looking(links.party(party)), "/console/disputes", "disputes")
            assert {row["what"] for row in sides} == {"assignment"}
            foreign = links.consignment("cdport/CD-7" if party == "xaport" else "xaport/XA-7")
            assert all(foreign.partition("/")[2] not in str(row["other"]) for row in sides)
