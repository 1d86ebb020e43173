"""The ten questions of a lender, asked of a financing about which everything is known: each has its answer, with who says so."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from schemas.schemes import PublicKey, Scheme
from services.credit.store import projector
from services.testbed.localstack.engine import DatabaseAddress
from tests.support.api.server import RunningApi
from tests.support.databases import migrated_database
from tests.support.financing.stored_world import Stored, events_of, register, tell
from tests.support.financing.stories import Case, cases, micros

pytestmark = pytest.mark.integration
GOODS: Case = next(case for case in cases() if case.slug.startswith("02_"))
NOTE, BOX, CARGO = "note SMGS/CN/XAY/100001/2026", "container CSQU3054383", "consignment xaport/XA-1"
FILED = {"objects": CARGO, "package_quantity": 400, "gross_weight_kg": 20_000}
WORTH = {"minor_units": 417_500_000, "currency_code": "CNY"}
TOLD: tuple[dict[str, Any], ...] = (
    {"id": "note", "by": "cr", "type": "document.note_issued", "says": {"objects": NOTE, "form": "SMGS", "place": "xian-intl-port"}},
    {"id": "lodged", "by": "silk", "type": "customs.export_lodged", "says": {"objects": CARGO, "jurisdiction": "CN"}},
    {"id": "export", "by": "silk", "type": "credit.particulars_declared", "says": {**FILED, "jurisdiction": "CN", "filing": "EXPORT", "commodities": ["8471300000"], "value_amount": WORTH}},
    {"id": "import", "by": "ruhr", "type": "credit.particulars_declared", "says": {**FILED, "jurisdiction": "DE", "filing": "IMPORT", "commodities": ["84713090"], "gross_weight_kg": 20_150}},
    {"id": "seal", "by": "silk", "type": "movement.seal_broken", "says": {"objects": BOX, "place": "dostyk", "cause": "FOUND_BROKEN"}},
    {"id": "eta", "by": "silk", "type": "movement.arrived_at_destination", "says": {"classifier": "EST", "objects": BOX, "place": "duisburg", "happened": "2026-12-20T10:00+01:00"}},
    {"id": "cover", "by": "silk", "type": "document.insurance_bound", "says": {"objects": CARGO, "document_id": "POL-1", "insurer_party": {"scheme": "PARTY", "id": "picc"}, "insured_amount": WORTH, "cover": "ICC_A", "valid_from": "2026-03-01"}},
    {"id": "consent", "by": "optic", "type": "credit.consent_granted", "says": {"bank": "abank", "purpose": "CREDIT_ASSESSMENT", "scope": ["SCORE", "SIGNALS"], "to": "2036-09-01T00:00+08:00"}},
)  # fmt: skip
LATER: dict[str, Any] = {
    "id": "out", "by": "dit", "at": "2026-03-25T09:00+01:00", "type": "movement.gated_out",
    "says": {"objects": BOX, "place": "duisburg"},
}  # fmt: skip


def told() -> Case:
    kept = [e for e in GOODS.events if e["id"] != "delivered"]
    # Control that does not end by itself: these questions are asked at the present.
    kept = [
        e if e["id"] != "control-1" else {**e, "says": {k: v for k, v in e["says"].items() if k != "ends_at"}}
        for e in kept
    ]
    more = [{**each, "at": f"2026-03-03T09:{10 + n}+08:00"} for n, each in enumerate(TOLD)]
    events = (*kept, *more, LATER)
    return replace(GOODS, story=replace(GOODS.story, events=events), _written=events)


@pytest.fixture(scope="module")
def api(postgres: DatabaseAddress, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApi]:
    dsn = migrated_database(postgres, "api_questions_" + uuid4().hex[:8])
    stored = Stored(dsn, [(at, each) for at, each in events_of(told()) if each.short != "out"])
    register(stored.session, GOODS.story)
    stored.session.commit()
    stored.begin()
    for number in (0, 2):
        ask, at, on = GOODS.ask(number)
        assert stored.ask(ask, at, on)[0].done
    stored.hear(micros("2026-12-31T00:00Z"))
    projector.catch_up(stored.session)
    stored.session.commit()
    stored.close()
    with RunningApi(dsn, tmp_path_factory.mktemp("questions")) as running:
        yield running


@pytest.fixture(scope="module")
def answers(api: RunningApi) -> dict[int, dict[str, Any]]:
    answered = api.client("abank").get("/v1/financings/GD-1/answers")
    assert answered.status_code == 200, answered.text
    return {each["number"]: each for each in answered.json()["answers"]}


def named(answer: dict[str, Any]) -> set[str]:
    return {each["id"].rpartition("/")[2] for each in answer["events"]}


def test_1_is_it_encumbered_already(api: RunningApi, answers: dict[int, dict[str, Any]]) -> None:
    assert answers[1]["value"]["outcome"] == "OWN"
    assert "Other registries" in answers[1]["value"]["limits"]
    asked = {"kind": "consignment", "id": "xaport/XA-1", "application": "optic/AP-GB"}
    rival = api.client("bbank").get("/v1/financing-status", params=asked).json()
    assert (rival["interest_taken"], rival["financings"]) == (True, []), "yes, and not by whom"


def test_2_does_the_document_exist_and_by_whom(answers: dict[int, dict[str, Any]]) -> None:
    (paper,) = answers[2]["value"]
    assert (paper["of"], paper["assurance"]) == (NOTE.replace(" ", ":"), "SIGNED_BY_AUTHORITY")
    assert (answers[2]["said_by"], named(answers[2])) == (["cr"], {"note"})


def test_3_do_the_filings_exist_and_agree(answers: dict[int, dict[str, Any]]) -> None:
    value = answers[3]["value"]
    assert set(value["by_jurisdiction"]) >= {"CN", "DE"}
    assert [(each["filing"], each["jurisdiction"], each["said_by"]) for each in value["declared"]] == [
        ("EXPORT", "CN", "silk"),
        ("IMPORT", "DE", "ruhr"),
    ]
    agree = {"hs6": True, "packages": True, "gross_weight": True, "value": None}
    assert value["agree"] == agree, "a value that one of them leaves out is unknown, not equal"
    assert value["declared"][0]["value"] == WORTH
    assert {"export", "import", "lodged"} <= named(answers[3])


def test_4_where_is_it_and_when_does_it_arrive(answers: dict[int, dict[str, Any]]) -> None:
    value = answers[4]["value"]
    assert value["at"].endswith("Z")
    assert value["last"]["said_by"] == 1
    assert value["expected"] == [{"at": "2026-12-20T09:00:00Z", "said_by": "silk", "assurance": "ASSERTED"}]
    assert value["exceptions"] == ["SEAL_BROKEN"]
    assert answers[4]["said_by"]


def test_5_who_can_take_delivery_and_is_the_release_blocked(answers: dict[int, dict[str, Any]]) -> None:
    value = answers[5]["value"]
    assert (value["release_blocked"], value["in_control"], value["not_in_control"]) == (True, ["abank"], [])
    assert (answers[5]["said_by"], named(answers[5])) == (["cr"], {"control-1"})


def test_6_are_the_identifiers_valid(answers: dict[int, dict[str, Any]]) -> None:
    assert answers[6]["value"] == {"doubts": {}, "sanctions": "NOT_CHECKED"}


def test_7_what_are_the_shippers_signals(answers: dict[int, dict[str, Any]]) -> None:
    assert answers[7]["value"]["shipper"] == "optic"
    assert answers[7]["value"]["assessment"]["status"] == "INSUFFICIENT_DATA"


def test_8_what_is_insured(answers: dict[int, dict[str, Any]]) -> None:
    assert answers[8]["value"] == [{"policy": "POL-1", "cover": "ICC_A", "insured": WORTH, "valid_to": None}]
    assert (answers[8]["said_by"], named(answers[8])) == (["silk"], {"cover"})


def test_9_what_is_the_whole_history_as_of_then(api: RunningApi, answers: dict[int, dict[str, Any]]) -> None:
    assert [step["what"] for step in answers[9]["value"] if step["number"]] == ["RESERVE", "PLEDGE"]
    then = {"as_of": "2026-03-03T00:00:00+08:00", "known_at": "2026-12-31T00:00:00Z"}
    earlier = api.client("abank").get("/v1/financings/GD-1", params=then).json()
    assert [step["what"] for step in earlier["history"] if step["number"]] == ["RESERVE"]


def test_10_changes_follow_from_here_on(api: RunningApi, answers: dict[int, dict[str, Any]]) -> None:
    bank = api.client("abank")
    feed = {"cursor": answers[10]["value"]}
    assert bank.get("/v1/alert-feed", params=feed).json()["items"] == []
    stored = Stored(api.dsn)
    (at, out) = next((at, each) for at, each in events_of(told()) if each.short == "out")
    tell(stored.session, out, at)
    stored.session.commit()
    stored.close()
    (news,) = bank.get("/v1/alert-feed", params=feed).json()["items"]
    assert (news["financing"], news["event"]["id"].rpartition("/")[2]) == ("abank/GD-1", "out")


def test_all_answers_come_signed_with_their_position(
    api: RunningApi, answers: dict[int, dict[str, Any]]
) -> None:
    assert sorted(answers) == list(range(1, 11))
    assert len({each["position"] for each in answers.values()}) == 1
    bank = api.client("abank")
    (key,) = bank.get("/v1/platform-keys").json()["keys"]
    header, payload, signature = bank.get("/v1/financings/GD-1/answers?signed=true").text.split(".")
    public = PublicKey(Scheme.ED25519, base64.urlsafe_b64decode(key["x"] + "=="))
    assert public.signed(base64.urlsafe_b64decode(signature + "=="), f"{header}.{payload}".encode())
    assert len(json.loads(base64.urlsafe_b64decode(payload + "=="))["answers"]) == 10
