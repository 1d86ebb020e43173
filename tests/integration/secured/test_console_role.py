"""The console under the role of the pages, on a real server: signing in, a step on a case and a board, and nothing beyond that."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from services.cases.store import overview
from services.cases.store.overview import Wanted
from services.ledger.storage.migrate import migrate
from services.ledger.storage.session import open_session
from services.people.domain.person import Permission
from services.testbed.localstack import LocalStack
from tests.support.cases.border_night import border_night, play
from tests.support.console import RunningConsole, post

pytestmark = [pytest.mark.integration, pytest.mark.long]
ROLES = Path(__file__).resolve().parents[3] / "infra" / "postgres" / "roles.sql"


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The address of a database, ROLE for the role."""
    with LocalStack(kafka=False, durable=False) as stack:
        head, _, _ = stack.database.admin_dsn.rpartition("/")
        with psycopg.connect(f"{head}/lianyun", autocommit=True) as admin:
            admin.execute(ROLES.read_bytes())
            for role in ("owner", "pages", "worker", "reader"):
                admin.execute(f"ALTER ROLE lianyun_{role} PASSWORD 'only-here'".encode())
        address = f"postgresql://lianyun_ROLE:only-here@{head.rpartition('@')[2]}/lianyun"
        migrate(address.replace("ROLE", "owner"))
        play(address.replace("ROLE", "owner"))
        yield address


def test_people_sign_in_and_work_under_the_role_of_the_pages(server: str, tmp_path: Path) -> None:
    owner, pages = server.replace("ROLE", "owner"), server.replace("ROLE", "pages")
    with RunningConsole(pages, tmp_path, owner=owner) as console:
        console.person("cr", "li-na", ["alashankou-shift"], [*Permission])
        browser = console.signed_in("li-na")
        with open_session(owner) as session:
            case = next(each for each in overview.listed(session, Wanted(unowned=True)) if each.place)
        path = f"/console/cases/{case.id.hex()}"
        form = {"step": "acknowledge", "by": "alashankou-shift"}
        assert post(browser, f"{path}/steps", form, path).status_code == 303
        assert browser.get(f"/console/board/alashankou-dostyk?at={border_night().as_of}").status_code == 200
        assert browser.get("/console/shift").status_code == 200
        views = "/console/views"
        assert post(browser, views, {"name": "cases", "address": "/console/cases"}).status_code == 303
        assert post(browser, f"{views}/rename", {"view": "cases", "name": "all"}).status_code == 303
        assert post(browser, f"{views}/remove", {"view": "all"}).status_code == 303
        assert post(browser, "/sign-out", {}).status_code == 200


@pytest.mark.parametrize(
    ("role", "statement"),
    [
        ("pages", "INSERT INTO lianyun.person SELECT * FROM lianyun.person"),
        ("pages", "UPDATE lianyun.person_grant SET until = NULL"),
        ("pages", "UPDATE lianyun.case_step SET text = ''"),
        ("pages", "DELETE FROM lianyun.case_step"),
        ("worker", "SELECT FROM lianyun.person"),
        ("reader", "SELECT FROM lianyun.person"),
        ("reader", "SELECT FROM lianyun.console_session"),
        ("worker", "SELECT FROM lianyun.console_session"),
        ("reader", "SELECT FROM lianyun.saved_view"),
        ("worker", "SELECT FROM lianyun.saved_view"),
    ],
)
def test_nobody_else_reads_people_or_changes_who_may_what(server: str, role: str, statement: str) -> None:
    with (
        psycopg.connect(server.replace("ROLE", role)) as session,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        session.execute(statement.encode())
