"""What the API explains, and to whom: a caller learns of its own facts and of what it may see, and of nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from services.testbed.localstack.engine import DatabaseAddress
from tests.stories.story import stories
from tests.support.api.server import RunningApi
from tests.support.cases.platform import register_platform
from tests.support.databases import migrated_database
from tests.support.signed_stories import Desk, record, register

pytestmark = pytest.mark.integration
TOLD = [story for story in stories() if story.slug[:2] in ("07", "84", "85", "86")]
NOTHING = {"items": [], "next": None, "unreached": []}


@pytest.fixture(scope="module")
def running(postgres: DatabaseAddress, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApi]:
    address = migrated_database(postgres, "explained_api")
    with psycopg.connect(address) as session:
        register(session, TOLD)
        register_platform(session)
    hand = Desk(address)
    hand.apply([record(told, n) for n, told in enumerate(told for story in TOLD for told in story.told)])
    hand.settle()
    hand.close()
    with RunningApi(address, tmp_path_factory.mktemp("explained")) as server:
        yield server


def found(api: RunningApi, party: str, **params: str) -> dict[str, Any]:
    answer = api.client(party).get("/v1/consignments", params=params)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def reasons(body: dict[str, Any]) -> dict[str, list[str]]:
    return {
        fact["event"]["id"].partition("/")[2]: [each["reason"] for each in fact["because"]]
        for each in body["unreached"]
        for fact in each["facts"]
    }


def test_a_publisher_learns_why_its_own_fact_reaches_nobody(running: RunningApi) -> None:
    assert reasons(found(running, "xaterm", container="LYCU4103031")) == {"alone": ["NONE_VISIBLE"]}
    assert reasons(found(running, "ktz", container="LYCU4103031")) == {"undone": ["WITHDRAWN"]}
    for party in ("cdport", "rover"):
        assert found(running, party, container="LYCU4103031") == NOTHING


def test_a_fact_that_reaches_what_is_not_the_callers_to_see_is_answered_as_one_that_reaches_nothing(
    running: RunningApi,
) -> None:
    (unreached,) = found(running, "rover", container="LYCU4103026")["unreached"]
    (rumour,) = unreached["facts"]
    assert [(each["reason"], each["said"], each["assignment"]) for each in rumour["because"]] == [
        ("NONE_VISIBLE", None, None)
    ]
    assert "xaport" not in str(unreached)
    assert found(running, "cdport", container="LYCU4103026") == NOTHING


def test_a_founder_sees_that_its_founding_does_not_count_and_others_see_nothing(running: RunningApi) -> None:
    (twice,) = found(running, "xaport", ref="xaport/XA-85")["unreached"][0]["foundings"]
    assert (twice["reason"], len({each["digest"] for each in twice["variants"]})) == ("EQUIVOCATES", 2)
    (gone,) = found(running, "xaport", ref="xaport/XA-85X")["unreached"][0]["foundings"]
    assert (gone["reason"], gone["withdrawn_by"][0]["type"]) == ("WITHDRAWN", "correction.retracted")
    for ref in ("xaport/XA-85", "xaport/XA-85X", "xaport/XA-NEVER"):
        assert found(running, "cdport", ref=ref) == NOTHING
        assert running.client("cdport").get(f"/v1/consignments/{ref}").status_code == 404


def test_an_event_that_does_not_count_shows_to_who_sees_what_it_says(running: RunningApi) -> None:
    body = running.client("xaport").get("/v1/consignments/xaport/XA-86A").json()
    by_reason = {each["event"]["id"].partition("/")[2]: each for each in body["not_live"]}
    assert by_reason["away"]["reason"] == "EQUIVOCATES"
    assert len(by_reason["away"]["variants"]) == 2
    assert by_reason["in-2"]["withdrawn_by"][0]["event"]["id"].endswith("/in-3")
    assert body["movement"]["corrects"]["id"].endswith("/in-2")


def test_the_other_side_of_a_disputed_link_is_named_to_who_may_see_it(running: RunningApi) -> None:
    for party, ref, own, others in (
        ("xaport", "xaport/XA-7", "xaport", "cdport"),
        ("cdport", "cdport/CD-7", "cdport", "xaport"),
    ):
        body = running.client(party).get(f"/v1/consignments/{ref}").json()
        (dispute,) = body["disputed_links"]
        assert (dispute["object"], dispute["from"]) == ("container:LYCU4100095", "2026-03-03T01:00:00Z")
        by_side = {side["ours"]: side for side in dispute["sides"]}
        assert (by_side[True]["by"], by_side[True]["right"]) == (own, f"consignment:{ref}")
        assert by_side[False]["by"] is by_side[False]["right"] is by_side[False]["event"] is None
        assert others not in str(body)
        (listed,) = found(running, party, ref=ref)["items"]
        assert (listed["disputed_links"], listed["disputes"]) == (1, 0)
    # The railway over whose places both go sees both.
    body = running.client("cr").get("/v1/consignments/xaport/XA-7").json()
    assert {side["by"] for side in body["disputed_links"][0]["sides"]} == {"xaport", "cdport"}
