"""The pages of documents: who reads them, what they say of the original, and command lines that the command understands."""

from __future__ import annotations

import html
import re
import shlex
from collections.abc import Iterator
from itertools import chain, count

import pytest
import typer

from services.cli.documents import app
from services.documents.domain.decisions import possible_steps
from services.ledger.storage.session import open_session
from services.pages.routes.documents import COMMANDS
from services.people.domain.person import Permission
from services.testbed.localstack.engine import DatabaseAddress
from services.transparency.domain.receipt import Receipt
from tests.support.api.cast import play
from tests.support.console import RunningConsole
from tests.support.databases import migrated_database
from tests.support.documents_stored import (
    BANK,
    BILL,
    CARRIER,
    CONSIGNEE,
    ISSUER,
    RECEIPT,
    SHIPPER,
    Documents,
    play_documents,
)

pytestmark = pytest.mark.integration
SHOWN = f"/console/documents/{BILL.id}"


@pytest.fixture(scope="module")
def console(postgres: DatabaseAddress, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningConsole]:
    dsn = migrated_database(postgres, "console_documents")
    play(dsn)
    play_documents(dsn)
    with RunningConsole(dsn, tmp_path_factory.mktemp("console")) as running:
        for party in (ISSUER, CARRIER, SHIPPER, CONSIGNEE, BANK, "bbank"):
            running.person(party, party, may=[*Permission])
        running.person(BANK, "clerk", may=[each for each in Permission if each is not Permission.DOCUMENTS])
        yield running


def test_the_page_says_what_it_is_and_who_holds_it(console: RunningConsole) -> None:
    bank = console.looking(BANK)
    page = bank.get(SHOWN).text
    assert "Not a document of title." in page
    assert "pledged by optic to abank" in page
    rows = bank.get(f"{SHOWN}?table=decisions&format=json").json()["rows"]
    assert [(each["action"], each["status"]) for each in rows[-2:]] == [
        ("ISSUE", "EFFECTIVE"),
        ("PLEDGE", "EFFECTIVE"),
    ]
    assert rows[-1]["previous"] == rows[-2]["transfer"]
    fields = {each["field"]: each for each in bank.get(f"{SHOWN}?table=fields&format=json").json()["rows"]}
    assert fields["notes"]["support"] == "SUPPORTED"
    assert fields["notes"]["supported_by"].startswith("xaport (")
    first, second = re.findall(r'href="(/console/documents/\w+/transfers/\d/receipt)"', page)
    assert first < second
    proof = Receipt.of_json(bank.get(second).json())
    assert proof.document.place.startswith("document-decision ")
    with open_session(console.dsn) as session:
        (read,) = session.execute(
            "SELECT count(*) FROM lianyun.access_log WHERE party = %s AND resource = %s",
            (BANK, f"document:{BILL.id}"),
        ).fetchone() or (0,)
    assert read >= 4


def test_nobody_else_learns_that_it_exists(console: RunningConsole) -> None:
    for subject in ("bbank", "clerk"):
        browser = console.looking(subject)
        assert browser.get(SHOWN).status_code == 404
        assert browser.get(f"{SHOWN}/transfers/1/receipt").status_code == 404
        for path in ("/console/documents", "/track/xaport/XA-1"):
            assert BILL.number not in browser.get(path).text
    assert BILL.number in console.looking(BANK).get("/track/xaport/XA-1").text
    for wrong in (
        f"{SHOWN}0",
        "/console/documents/x",
        f"{SHOWN}/transfers/9/receipt",
        f"{SHOWN}/transfers/x/receipt",
    ):
        assert console.looking(BANK).get(wrong).status_code == 404
    assert console.looking(BANK).get("/console/documents?after=x").status_code == 400


def test_what_may_be_done_next_is_a_line_that_the_command_understands(console: RunningConsole) -> None:
    found = {
        (party, path): re.findall(
            r"lianyun document [^\n<]+", html.unescape(console.looking(party).get(path).text)
        )
        for party in (ISSUER, SHIPPER, CONSIGNEE, BANK)
        for path in (SHOWN, f"/console/documents/{RECEIPT.id}")
    }
    actions = {key: [line.split()[2] for line in lines] for key, lines in found.items()}
    receipt = f"/console/documents/{RECEIPT.id}"
    assert actions == {
        (ISSUER, SHOWN): ["revise"],
        (SHIPPER, SHOWN): [],
        (CONSIGNEE, SHOWN): [],
        (BANK, SHOWN): ["release"],
        (ISSUER, receipt): ["sign"],
        (SHIPPER, receipt): ["sign"],
        (CONSIGNEE, receipt): [],
        (BANK, receipt): [],
    }
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    assert {*COMMANDS.values()} <= commands.keys()
    for line in chain.from_iterable(found.values()):
        _, _, name, *arguments = shlex.split(line)
        commands[name].make_context(name, arguments)


def test_the_steps_of_a_page_are_those_that_are_done(console: RunningConsole) -> None:
    with open_session(console.dsn) as session:
        released = Documents(session, requests=count(100))
        assert [each.action for each in possible_steps(released.register, BANK, 0)] == ["RELEASE"]
        released.do("RELEASE", BANK)
        assert possible_steps(released.register, SHIPPER, 0) == []  # pending
    page = console.looking(SHIPPER).get(SHOWN).text
    assert "Nothing, until the witnesses have cosigned the latest step." in page
