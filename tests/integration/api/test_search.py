"""Search through the API: what was meant is found however it was typed, by whoever may see it, and is absent for everybody else."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from services.ledger.registry import store
from services.ledger.storage import event_reader
from services.ledger.storage.event_reader import Position
from services.query.search.names import NameWriter, things_in
from services.query.stored_events import reread
from tests.support.api.cast import BOX, DECLARATION, NOTE, SHARED_BOX
from tests.support.api.permissions import PARTIES
from tests.support.api.server import RunningApi

pytestmark = pytest.mark.integration
XA1 = "xaport/XA-1"


@pytest.fixture(scope="module", autouse=True)
def _named(api: RunningApi) -> None:
    """The names that whoever follows the events adds."""
    with psycopg.connect(api.dsn) as session:
        registry = store.read_snapshot(session)
        events, _ = event_reader.tail(session, Position(), 100_000)
        NameWriter().add(
            session, {thing for each in events for thing in things_in(reread(each, registry).facts)}
        )


def found(api: RunningApi, party: str, text: str) -> list[dict[str, Any]]:
    answer = api.client(party).get("/v1/search", params={"q": text})
    assert answer.status_code == 200, answer.text
    assert answer.json()["scope"]
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


@pytest.mark.parametrize(
    ("text", "match", "certainty"),
    [
        (BOX, "EXACT", "CERTAIN"),
        (f"our box {BOX[:4]} {BOX[4:10]}\n{BOX[10]}, please", "EXACT", "CERTAIN"),
        ("ＣＳＱＵ３０５４３８３", "EXACT", "CERTAIN"),
        ("СSQU3О54383", "LOOK_ALIKE", "LIKELY"),
        (BOX[:10], "CHECK_DIGIT_MISSING", "LIKELY"),
        (BOX[:6], "BEGINS", "POSSIBLE"),
        ("CSQU3054833", "ONE_CHARACTER", "POSSIBLE"),
        ("CSQU3054382", "ONE_CHARACTER", "POSSIBLE"),
    ],
)
def test_a_box_is_found_however_it_is_typed(api: RunningApi, text: str, match: str, certainty: str) -> None:
    hits = [each for each in found(api, "optic", text) if each["id"] == BOX]
    assert [(each["match"], each["certainty"], each["consignments"]) for each in hits] == [
        (match, certainty, [XA1])
    ]


@pytest.mark.parametrize(
    "text",
    [NOTE, "100001", "1000", DECLARATION, DECLARATION[3:], DECLARATION[3:12], "XA-1", XA1, "XAPORT XA 1"],
)
def test_numbers_and_references_are_found_by_their_own_part(api: RunningApi, text: str) -> None:
    assert any(XA1 in each["consignments"] for each in found(api, "optic", text))


def test_what_is_certain_stands_first_and_spares_the_guesses(api: RunningApi) -> None:
    hits = found(api, "optic", f"{BOX} {NOTE}")
    assert [each["match"] for each in hits[:2]] == ["EXACT", "EXACT"]
    assert not any(each["match"] == "ONE_CHARACTER" for each in hits)


def test_every_party_finds_what_it_may_see_and_nothing_tells_it_of_more(api: RunningApi) -> None:
    """Of a box that two consignments shared each finds its own; of what is not its own it is told what nobody has."""
    for party in PARTIES:
        seen = {
            ref: api.client(party).get(f"/v1/consignments/{ref}").status_code == 200
            for ref in (XA1, "xaport/XA-2", "xaport/XA-3")
        }
        for text in (BOX, SHARED_BOX, BOX[:6], SHARED_BOX[:5], NOTE, "XA-1", "XA-2", "XA-3", "xaport"):
            for hit in found(api, party, text):
                assert all(seen.get(ref, True) for ref in hit["consignments"]), (party, text, hit)
        if not any(seen.values()):
            assert (
                found(api, party, BOX) == found(api, party, BOX[:6]) == found(api, party, "CSQU3054833") == []
            )


def test_whoever_sees_a_declaration_only_as_a_digest_does_not_find_it_by_its_number(api: RunningApi) -> None:
    for party in PARTIES:
        status = api.client(party).get(f"/v1/consignments/{XA1}")
        if status.status_code != 200:
            continue
        named = any(each["kind"] == "DECLARATION" for each in found(api, party, DECLARATION))
        assert named == (status.json()["shown"]["declaration_number"] == "full"), party


def test_a_hit_is_a_read_that_its_subject_sees(api: RunningApi) -> None:
    before = len(
        api.rows(
            "SELECT FROM lianyun.access_log WHERE resource = %s AND party = 'abank'", f"consignment:{XA1}"
        )
    )
    assert found(api, "abank", BOX)
    after = api.rows(
        "SELECT FROM lianyun.access_log WHERE resource = %s AND party = 'abank'", f"consignment:{XA1}"
    )
    assert len(after) == before + 1


def test_a_search_costs_a_constant_number_of_looks_whatever_is_typed(api: RunningApi) -> None:
    for text in ("?", "и", "%_\\'", "\u202e", "x" * 2_000, "CSQU " * 400):
        assert found(api, "optic", text) is not None
