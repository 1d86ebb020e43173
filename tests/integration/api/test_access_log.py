"""Every read leaves its line; the subject sees it, unless the law keeps it from him, and then sees nothing at all."""

from __future__ import annotations

import psycopg
import pytest

from services.api import sealed
from services.ledger.storage.session import open_session
from tests.support.api.server import RunningApi, now

pytestmark = pytest.mark.integration
XA1 = "/v1/consignments/xaport/XA-1"


def lines(api: RunningApi) -> tuple[int, int]:
    """How many there are, open and sealed."""
    query = (
        "SELECT (SELECT count(*) FROM lianyun.access_log), (SELECT count(*) FROM lianyun.access_log_sealed)"
    )
    there, sealed_there = api.rows(query)[0]
    return int(there), int(sealed_there)


def test_the_shipper_sees_that_the_bank_looked(api: RunningApi) -> None:
    answer = api.client("abank").get(XA1)
    seen = api.client("optic").get("/v1/access-log").json()["items"]
    assert seen[0]["by"] == "abank"
    assert seen[0]["resource"] == "consignment:xaport/XA-1"
    row = api.rows(
        "SELECT client, subjects, status, bound FROM lianyun.access_log WHERE request = %s",
        answer.headers["x-request-id"],
    )
    assert len(row) == 1
    client, subjects, status, bound = row[0]
    assert (client, subjects, status) == ("abank", ["optic"], 200)
    assert bound == api.key("abank").thumbprint()


def test_nobody_else_sees_it(api: RunningApi) -> None:
    api.client("abank").get(XA1)
    for party in ("xaport", "silk", "textil", "abank", "bbank"):
        assert all(
            each["resource"] != "consignment:xaport/XA-1"
            for each in api.client(party).get("/v1/access-log", params={"limit": 200}).json()["items"]
        )


def test_what_was_asked_in_vain_is_logged_without_a_subject(api: RunningApi) -> None:
    answer = api.client("bbank").get(XA1)
    assert answer.status_code == 404
    row = api.rows(
        "SELECT party, resource, subjects, status FROM lianyun.access_log WHERE request = %s",
        answer.headers["x-request-id"],
    )
    assert row == [("bbank", "", [], 404)]


def test_the_answer_and_its_line_stand_or_fall_together(api: RunningApi) -> None:
    with psycopg.connect(api.dsn) as session:
        session.execute(
            "CREATE FUNCTION lianyun.full() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN IF NEW.party = 'abank' THEN RAISE EXCEPTION 'no room: secret detail'; END IF; RETURN NEW; END $$"
        )
        session.execute(
            "CREATE TRIGGER full_log BEFORE INSERT ON lianyun.access_log FOR EACH ROW EXECUTE FUNCTION lianyun.full()"
        )
    try:
        answer = api.client("abank").get(XA1)
        assert answer.status_code == 500
        problem = answer.json()
        assert problem["type"] == "urn:lianyun:problem:internal"
        assert problem["trace"] == answer.headers["x-request-id"]
        assert "secret" not in answer.text
        assert "XA-1" not in answer.text
        assert api.client("optic").get(XA1).status_code == 200
    finally:
        with psycopg.connect(api.dsn) as session:
            session.execute("DROP TRIGGER full_log ON lianyun.access_log")
            session.execute("DROP FUNCTION lianyun.full()")


@pytest.mark.parametrize("table", ["access_log", "access_log_sealed"])
@pytest.mark.parametrize(
    "change", ["UPDATE lianyun.{} SET status = 0", "DELETE FROM lianyun.{}", "TRUNCATE lianyun.{}"]
)
def test_no_line_is_ever_changed(api: RunningApi, table: str, change: str) -> None:
    api.client("abank").get(XA1)
    api.client("abank", "events:read purpose:AML", purposes=("AML",)).get(XA1)
    with (
        psycopg.connect(api.dsn) as session,
        pytest.raises(psycopg.errors.RaiseException, match="never changed"),
    ):
        session.execute(change.format(table).encode())


def test_a_read_against_money_laundering_leaves_neither_row_nor_gap(api: RunningApi) -> None:
    shipper = api.client("optic")
    api.client("abank").get(XA1)
    before = shipper.get("/v1/access-log")
    there, sealed_there = lines(api)
    answer = api.client("abank", "events:read purpose:AML", purposes=("AML",)).get(XA1)
    assert answer.status_code == 200
    assert lines(api) == (there, sealed_there + 1)  # not even an open line without a subject
    api.client("abank").get(XA1)
    after = shipper.get("/v1/access-log")
    assert after.json()["items"][1 : len(before.json()["items"])] == before.json()["items"][:-1] or (
        after.json()["items"][1:] == before.json()["items"]
    )
    assert set(after.json()["items"][0]) == set(before.json()["items"][0])
    # Nothing that counts: rows are named at random, and times are those of the reads that are shown.
    kinds = api.rows(
        "SELECT count(*) FROM information_schema.columns WHERE table_schema = 'lianyun' AND table_name = 'access_log' "
        "AND (is_identity = 'YES' OR column_default LIKE 'nextval%%')"
    )
    assert kinds == [(0,)]


def test_a_client_names_only_purposes_that_it_is_registered_for(api: RunningApi) -> None:
    with pytest.raises(Exception, match="400"):
        api.client("abank", "events:read purpose:COURT").get(XA1)


def test_two_people_open_sealed_lines_and_one_cannot(api: RunningApi) -> None:
    api.client("abank", "events:read purpose:AML", purposes=("AML",)).get(XA1)
    moment = now()
    with open_session(api.dsn, "lianyun-test") as session:
        opening = sealed.ask(session, "A. Chen", "order 12/2026", 0, moment + 1_000_000, at=moment)
        with pytest.raises(sealed.Refused, match="nobody has approved"):
            sealed.show(session, opening, "A. Chen", at=moment)
        with pytest.raises(sealed.Refused, match="second person"):
            sealed.approve(session, opening, " a.  chen", at=moment)
        session.commit()
        with pytest.raises(psycopg.errors.RaiseException, match="second person"):
            session.execute(
                "INSERT INTO lianyun.access_log_approval VALUES (%s, 0, 'a. chen', 1)", (opening,)
            )
        session.rollback()
        sealed.approve(session, opening, "B. Nowak", at=moment)
        with pytest.raises(sealed.Refused, match="only"):
            sealed.show(session, opening, "C. Curious", at=moment)
        shown = sealed.show(session, opening, "A. Chen", at=moment)
        assert ("abank", "AML", ("optic",)) in {(line.party, line.purpose, line.subjects) for line in shown}
        assert sealed.show(session, opening, "B. Nowak", at=moment) == shown
        with pytest.raises(sealed.Refused, match="expired"):
            sealed.show(session, opening, "A. Chen", at=moment + 25 * sealed.HOUR)
        session.commit()
    told = api.rows(
        "SELECT shown_to FROM lianyun.access_log_shown WHERE opening = %s ORDER BY shown_to", opening
    )
    assert told == [("a. chen",), ("b. nowak",)]
