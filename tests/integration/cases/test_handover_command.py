"""`lianyun handover` and `lianyun track` name the boxes that are not on every list, and who owns the case."""

from __future__ import annotations

import json
from dataclasses import replace

import psycopg
import pytest
from typer.testing import CliRunner

from schemas.rfc3339 import parse_micros
from services.cases.store import projector
from services.cli.exits import Exit, Failure
from services.cli.main import app
from services.ledger.storage.session import open_session
from services.testbed.localstack.engine import DatabaseAddress
from tests.stories.story import stories
from tests.support.cases.platform import Clock, register_platform
from tests.support.databases import migrated_database
from tests.support.signed_stories import Desk, record, register

pytestmark = pytest.mark.integration
CAME, STAYED = "LYNU7200039", "LYNU7200023"


def test_the_boxes_that_are_not_on_every_list(
    postgres: DatabaseAddress, monkeypatch: pytest.MonkeyPatch
) -> None:
    dsn = migrated_database(postgres, "handover_command")
    story = next(story for story in stories() if story.slug.startswith("66_a_box"))
    with psycopg.connect(dsn) as session:
        register(session, [story])
        register_platform(session)
    hand = Desk(dsn)
    hand.apply([record(told, n) for n, told in enumerate(story.told)])
    hand.settle()
    hand.close()
    clock = Clock(parse_micros(story.as_of))
    with open_session(dsn) as opened:
        opened.autocommit = True
        projector.catch_up(opened, clock.desk)
    monkeypatch.setenv("LIANYUN_DSN", dsn)

    asked = ["handover", "cr/X8040/2026-03-01/railnet:xian"]
    told = json.loads(CliRunner().invoke(app, [*asked, "--json"]).stdout)
    (handover,) = told["handovers"]
    assert handover["state"] == "CONFIRMED"
    assert handover["trains"] == [
        "CR/X8040/2026-03-01/railnet:xian",
        "KTZ/1409/2026-03-05/railnet:dostyk",
    ]
    assert (handover["missing"], handover["surplus"]) == ([STAYED], [CAME])
    assert handover["differences"] == [
        {"container": STAYED, "announced": True, "delivered": False, "received": False},
        {"container": CAME, "announced": False, "delivered": True, "received": True},
    ]
    assert handover["lists"]["advance"] == {"by": ["cr"], "boxes": 2}
    assert (handover["case"]["status"], handover["case"]["owner"]) == ("OPEN", None)
    shown = CliRunner().invoke(app, asked).output
    assert f"{CAME}  NO         yes        yes" in shown
    tracked = CliRunner().invoke(app, ["track", "LYNU7200018"]).output
    assert f"announced and not handed over {STAYED}, not announced {CAME}" in tracked
    nobody = CliRunner().invoke(app, ["handover", "cr/X1/2026-03-01/railnet:xian"]).exception
    assert isinstance(nobody, Failure)
    assert nobody.code is Exit.NOT_FOUND


def test_a_list_that_leaves_a_box_out_concerns_that_box(postgres: DatabaseAddress) -> None:
    """The receiving railway's list names forty-nine boxes; the case is found by the fiftieth, of which it says nothing."""
    dsn = migrated_database(postgres, "handover_left_out")
    told = next(story for story in stories() if story.slug.startswith("42"))
    left_out = {"reference": "XA-42", "containers": ["LYNU7100507"]}
    events = tuple(
        {**each, "says": left_out} if each["id"] == "open" else each
        for each in told.events
        if each["id"] != "open-missing"
    )
    story = replace(told, events=events)
    with psycopg.connect(dsn) as session:
        register(session, [story])
        register_platform(session)
    clock = Clock(parse_micros("2026-03-06T05:00:00Z"))
    hand = Desk(dsn)
    with open_session(dsn) as opened:
        opened.autocommit = True
        kinds = []
        for offset, each in enumerate(story.told):
            hand.apply([record(each, offset)])
            hand.settle()
            steps = [step for done in projector.catch_up(opened, clock.desk) for step in done.steps]
            kinds.append((each.short, [step.kind for step in steps]))
        rows = opened.execute("SELECT missing, surplus FROM lianyun.case_cause").fetchall()
    hand.close()
    # The draft of the list, with forty boxes, is the first that differs; the final one leaves the same box out.
    assert kinds == [("open", []), ("gave", []), ("took-draft", ["opened"]), ("took", [])]
    assert rows == [(["LYNU7100507"], ["LYNU7199998"])]
