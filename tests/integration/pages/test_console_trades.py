"""The pages of trades: versions, both declarations side by side, what is to do; a declared value to who lodged it alone."""

from __future__ import annotations

import html
import re
import shlex
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
import typer

from services.cases.store import projector
from services.cli.declare import app
from services.ledger.storage.session import open_session
from services.people.domain.person import Permission
from services.testbed.localstack.engine import DatabaseAddress
from services.trade.domain.in_step_words import step_words
from services.trade.formats.dataset import read
from tests.support.api import cast
from tests.support.api.declared import IMPORT, MORE, RESOLD, SOLD
from tests.support.cases.platform import Clock
from tests.support.console import RunningConsole
from tests.support.databases import migrated_database

pytestmark = pytest.mark.integration
SHOWN = "/console/trades/optic/T-1"
FIRST = cast.digest_of(cast.FIRST)
OWN = "CN/LRN/91610131MA6TXXXX00/SILK-7"
_BOTH = {"id": "both", "by": "gacc", "at": "2026-03-01T12:10+08:00", "type": "customs.accepted.v2",
         "says": {"objects": [f"declaration {OWN}", f"declaration {cast.DECLARATION}"], "jurisdiction": "CN"}}  # fmt: skip


@pytest.fixture(scope="module")
def console(postgres: DatabaseAddress, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningConsole]:
    dsn = migrated_database(postgres, "console_trades")
    cast.play(dsn, cast.case((*MORE, _BOTH)))
    with open_session(dsn) as session:
        session.autocommit = True
        projector.catch_up(session, Clock(1_775_000_000_000_000).desk)
    with RunningConsole(dsn, tmp_path_factory.mktemp("console")) as running:
        for party in cast.case(MORE).story.parties:
            running.person(party, party, may=[*Permission])
        running.person(
            "optic", "not-trades", may=[each for each in Permission if each is not Permission.TRADES]
        )
        yield running


def test_the_page_shows_versions_statuses_and_what_is_to_do(console: RunningConsole) -> None:
    page = console.looking("optic").get(SHOWN).text
    words = step_words("en", date(2026, 3, 20))
    assert "not in step" in page
    assert words["element.21"] in page
    assert OWN in page, "its own number stands beside that of customs"
    rows = console.looking("optic").get(f"{SHOWN}?table=declarations&format=json").json()["rows"]
    price = next(each for each in rows if each["element"] == "21" and each["right"])
    assert (price["left"], price["right"]) == (f"{cast.DECLARATION} = {OWN}", IMPORT)
    assert price["left_values"] is price["right_values"] is None, "the owner lodged neither"
    versions = console.looking("optic").get(f"{SHOWN}?table=versions&format=json").json()["rows"]
    assert [(each["version"], each["current"], each["stated_by"]) for each in versions] == [
        (1, False, "optic"),
        (2, True, "silk"),
    ]
    changes = console.looking("optic").get(f"{SHOWN}?table=changes&format=json").json()["rows"]
    assert {(each["before"], each["after"]) for each in changes} == {(cast.OPTIC_PRICE, cast.AGENT_PRICE)}
    with open_session(console.dsn) as session:
        (noted,) = session.execute(
            "SELECT count(*) FROM lianyun.access_log WHERE party = 'optic' AND resource = 'dataset:optic/T-1'"
        ).fetchone() or (0,)
    assert noted >= 4


@pytest.mark.long
def test_no_price_is_shown_to_whom_it_does_not_belong(console: RunningConsole) -> None:
    """Neither on the page nor in what is exported from it; of a version its price and its digest, of a declaration its values."""
    readers: dict[str, set[str]] = {
        each: set() for each in (SOLD, RESOLD, cast.OPTIC_PRICE, cast.AGENT_PRICE, FIRST)
    }
    for party in cast.case(MORE).story.parties:
        browser = console.looking(party)
        tables = ("declarations", "findings", "versions", "goods", "changes", "not-counted")
        shown = [
            SHOWN,
            *(f"{SHOWN}?table={each}&format={form}" for each in tables for form in ("csv", "json")),
        ]
        text = "".join(browser.get(each).text for each in (*shown, "/console/trades"))
        for value, seen in readers.items():
            if value in text:
                seen.add(party)
    assert readers == {
        SOLD: {"silk"},
        RESOLD: {"ruhr"},
        cast.OPTIC_PRICE: {"optic"},
        cast.AGENT_PRICE: {"optic", "silk"},
        FIRST: {"optic"},
    }


def test_findings_of_the_checks_stand_on_the_page_without_values_that_are_not_the_readers(
    console: RunningConsole,
) -> None:
    api = {}
    for party in ("optic", "silk", "ruhr"):
        browser = console.looking(party)
        rows = browser.get(f"{SHOWN}?table=findings&format=json").json()["rows"]
        api[party] = {(each["check"], each["verdict"], each["explained"]) for each in rows}
        looked_at = [each for each in rows if each["verdict"] in ("CONTRADICTION", "REVIEW")]
        page = browser.get(SHOWN).text
        assert "Findings of the checks" in page
        assert ("lianyun declare explain optic/T-1" in page) == bool(looked_at), party
    assert api["optic"] == api["silk"] == api["ruhr"], "the verdict is one"


def test_nobody_else_learns_that_there_is_a_trade(console: RunningConsole) -> None:
    assert console.looking("optic").get("/console/trades/optic/none").status_code == 404
    railway = console.looking("cr").get(SHOWN)
    assert "Optical sensors" in railway.text, "it carries the goods"
    assert "side by side" not in railway.text, "the declarations are none of its business"
    for subject in ("stranger", "toys", "depl", "not-trades"):
        assert console.looking(subject).get(SHOWN).status_code == 404, subject
        tracked = console.looking(subject).get("/track/xaport/XA-1")
        assert "optic/T-1" not in tracked.text, subject
        listed = console.looking(subject).get("/console/trades")
        assert "optic/T-1" not in listed.text, subject
    for wrong in (
        "/console/trades/optic",
        f"{SHOWN}?version=x",
        f"{SHOWN}?version={'0' * 64}",
    ):
        assert console.looking("optic").get(wrong).status_code == 404, wrong


def test_a_consignment_leads_to_its_trades_and_the_list_too(console: RunningConsole) -> None:
    for subject in ("optic", "silk"):
        browser = console.looking(subject)
        assert f'href="{SHOWN}"' in browser.get("/track/xaport/XA-1").text
        (row,) = (
            each
            for each in browser.get("/console/trades?table=trades&format=json").json()["rows"]
            if each["trade"] == "optic/T-1"
        )
        assert (row["version"], row["verdict"], row["consignments"]) == (2, "NOT_IN_STEP", "xaport/XA-1")
        assert row["open"] > 0
    moved = console.looking("gacc").get("/console/trades?trade=optic/T-1")
    assert (moved.status_code, moved.headers["location"]) == (303, SHOWN)


def test_what_drafts_the_amendments_is_a_line_that_the_command_understands(
    console: RunningConsole, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the files of both versions, whole, for whom their prices are; silk sees only the second one so."""
    owner = console.looking("optic")
    page = html.unescape(owner.get(SHOWN).text)
    (line,) = re.findall(r"lianyun declare amend [^\n<]+", page)
    assert "lianyun declare amend" not in console.looking("silk").get(SHOWN).text
    files = re.findall(r'href="(\?version=[0-9a-f]{64})" download="(v\d\.json)"', page)
    monkeypatch.chdir(tmp_path)
    for address, name in files:
        Path(name).write_bytes(owner.get(f"{SHOWN}{address}").content)
    assert read(Path("v1.json").read_bytes(), date(2026, 3, 20)).digest == FIRST
    assert console.looking("silk").get(f"{SHOWN}?version={FIRST}").status_code == 404
    for name in ("cn.xml", "filings.json"):
        Path(name).write_text("{}")
    command = typer.main.get_command(app).commands["amend"]  # type: ignore[attr-defined]
    command.make_context("amend", shlex.split(line.replace("DECLARATIONS", "cn.xml"))[3:])
