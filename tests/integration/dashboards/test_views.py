"""What dashboards read, on a real server as their own role: the views and nothing else; the board's view tells what the board tells."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from schemas.rfc3339 import parse_micros
from services.ledger.storage.generations import switch_generation
from services.ledger.storage.migrate import migrate
from services.ledger.storage.reference import write_reference
from services.ledger.storage.session import open_session
from services.query.board.board import Boards
from services.query.board.board_json import board_json
from services.testbed.localstack import LocalStack
from tests.support.cases.border_night import border_night, play

pytestmark = pytest.mark.integration
ROLES = Path(__file__).resolve().parents[3] / "infra" / "postgres" / "roles.sql"
AS_OF = border_night().as_of
VIEWS = ("border_train", "border_box", "restriction", "open_case", "partner", "dead_letter", "deployment")


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The address of a database, ROLE for the role, in which the night was played. The role came after the views."""
    with LocalStack(kafka=False, durable=False) as stack:
        head, _, _ = stack.database.admin_dsn.rpartition("/")
        address = f"postgresql://lianyun_ROLE:only-here@{head.rpartition('@')[2]}/lianyun"
        with psycopg.connect(f"{head}/lianyun", autocommit=True) as admin:
            admin.execute(ROLES.read_bytes())
            admin.execute("ALTER ROLE lianyun_owner PASSWORD 'only-here'")
            migrate(address.replace("ROLE", "owner"))
            admin.execute("DROP OWNED BY lianyun_dashboards")
            admin.execute("DROP ROLE lianyun_dashboards")
            admin.execute(ROLES.read_bytes())
            admin.execute("ALTER ROLE lianyun_dashboards PASSWORD 'only-here'")
        play(address.replace("ROLE", "owner"))
        yield address


@pytest.fixture
def session(server: str) -> Iterator[psycopg.Connection[dict[str, Any]]]:
    with psycopg.connect(
        server.replace("ROLE", "dashboards"),
        options=f"-c lianyun.as_of={AS_OF}",
        row_factory=dict_row,
        autocommit=True,
    ) as opened:
        yield opened


def board(server: str) -> dict[str, Any]:
    """What `lianyun top` is drawn from."""
    with open_session(server.replace("ROLE", "owner")) as session:
        told = board_json(Boards().board(session, parse_micros(AS_OF)))
    (crossing,) = [each for each in told["crossings"] if each["trains"]]
    return dict(crossing)


def test_the_view_of_the_board_tells_what_the_board_tells(
    server: str, session: psycopg.Connection[dict[str, Any]]
) -> None:
    told = board(server)
    shown = {row["phase"]: row for row in session.execute("SELECT * FROM dashboard.border_train")}
    assert len(shown) == len(told["trains"]) == 3
    for train in told["trains"]:
        row = shown[train["phase"]]
        assert row["crossing"] == told["crossing"]
        assert row["train"].split(" = ") == train["numbers"]
        assert row["bound"] == train["bound"]
        assert (row["ready"], row["boxes"]) == (train["ready"], train["boxes"])
        waits = (
            {}
            if row["waits_for"] is None
            else dict(each.rsplit(" ", 1) for each in row["waits_for"].split(", "))
        )
        assert {what: int(number) for what, number in waits.items()} == train["waits_for"]
        assert row["expected_by"] == train["expected_by"]
        assert row["last_event"].startswith(train["last"]["milestone"])
        if train["expected"]:
            assert abs(row["at"].timestamp() * 1e6 - parse_micros(train["expected"])) < 60e6
        owners = [case["owner"] for case in train["cases"] if case["owner"]]
        assert row["case_owner"] == (owners[0] if owners else None)
    assert (shown["HANDED_OVER"]["beijing"], shown["HANDED_OVER"]["moscow"]) == ("03-05 06:00", "03-05 01:00")
    boxes = session.execute("SELECT * FROM dashboard.border_box WHERE waits_for <> ''").fetchall()
    queued = next(train for train in told["trains"] if train["phase"] == "QUEUED")
    assert {(row["container"], row["waits_for"]) for row in boxes if row["phase"] == "QUEUED"} == {
        (box["container"], ", ".join(box["waits_for"])) for box in queued["not_ready"]
    }


def test_restrictions_cases_and_partners_are_named(session: psycopg.Connection[dict[str, Any]]) -> None:
    restriction, works = session.execute("SELECT * FROM dashboard.restriction ORDER BY starts").fetchall()
    assert (restriction["crossing"], restriction["kind"], restriction["by"], restriction["in_force"]) == (
        "alashankou-dostyk", "TIGHTENED_CONTROL", "ktz", True,
    )  # fmt: skip
    assert (works["kind"], works["in_force"]) == ("BORDER_CLOSED", False)
    held = session.execute("SELECT * FROM dashboard.open_case WHERE what = 'TRAIN_HELD'").fetchone()
    assert held is not None
    assert (held["about"], held["owner"]) == ("train CR/X8024/2026-03-03/railnet:xian", "cr/alashankou-shift")
    partners = {row["partner"] for row in session.execute("SELECT * FROM dashboard.partner")}
    assert partners >= {"cr", "ktz", "gacc"}
    assert session.execute("SELECT * FROM dashboard.deployment").fetchall()


def test_the_role_reads_the_views_and_nothing_else(server: str) -> None:
    with psycopg.connect(server.replace("ROLE", "dashboards"), autocommit=True) as session:
        for name, wanted in (("statement_timeout", "15s"), ("default_transaction_read_only", "on")):
            assert session.execute(f"SHOW {name}".encode()).fetchone() == (wanted,)
        for view in VIEWS:
            session.execute(f"TABLE dashboard.{view}".encode())
        session.execute("SET default_transaction_read_only = off")
        for forbidden in (
            "SELECT FROM lianyun.head",
            "SELECT FROM lianyun.financing_decision",
            "SELECT FROM lianyun.case_step",
            "SELECT * FROM lianyun.border_trains(0)",
            "CREATE TABLE dashboard.mine ()",
            "CREATE TEMPORARY TABLE mine ()",
            "DELETE FROM dashboard.partner",
            "SET ROLE lianyun_reader",
        ):
            with pytest.raises(
                (psycopg.errors.InsufficientPrivilege, psycopg.errors.ObjectNotInPrerequisiteState)
            ):
                session.execute(forbidden.encode())


def test_the_views_hold_when_another_generation_takes_over(
    server: str, session: psycopg.Connection[dict[str, Any]]
) -> None:
    with open_session(server.replace("ROLE", "owner"), "lianyun-test") as owner:
        switch_generation(owner, 1)
        owner.commit()
    for view in VIEWS:
        session.execute(f"TABLE dashboard.{view}".encode())


def test_what_is_known_of_the_network_is_written_once(server: str) -> None:
    with open_session(server.replace("ROLE", "owner"), "lianyun-test") as owner:
        assert not write_reference(owner)
        owner.execute("UPDATE lianyun.reference SET digest = 'of an earlier release'")
        assert write_reference(owner)
        row = owner.execute("SELECT count(*) FROM lianyun.reference_side").fetchone()
        assert row == (62,)
        owner.rollback()
