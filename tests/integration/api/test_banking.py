"""A bank lends through the API: it reserves, pledges, draws, is alerted, and files what it was told; others see nothing of it."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from uuid import uuid4

import httpx
import pytest

from schemas.schemes import PublicKey, Scheme
from services.financing.domain import lifecycle
from services.financing.domain.decisions import DecisionOutcome
from services.financing.domain.resemblance import scoring
from services.ledger.storage.session import open_session
from services.testbed.localstack.engine import DatabaseAddress
from tests.support.api.responses import text_of
from tests.support.api.server import RunningApi
from tests.support.databases import migrated_database
from tests.support.financing.stored_world import Stored, checked, events_of, register, tell
from tests.support.financing.stories import Case, cases, micros

pytestmark = pytest.mark.integration
GOODS: Case = next(case for case in cases() if case.slug.startswith("02_"))
INVOICE = {
    "number": "INV-0417",
    "seller": {"scheme": "USCC", "id": "91330100799655058B"},
    "buyer": {"scheme": "LEI", "id": "5493000IBP32UQZ0KL24"},
    "issued_on": "2026-02-26",
    "amount": {"minor_units": 417_500_000, "currency_code": "CNY"},
}
PAPERS = {
    "invoices": [INVOICE],
    "notes": [{"key": "SMGS/CN/XAY/100001/2026"}],
    "boxes": [{"container": "CSQU3054383", "origin": "railnet:xian-intl-port", "loaded_on": "2026-03-02"}],
    "consignments": ["xaport/XA-1"],
}
DEAL = {"consignments": ["xaport/XA-1"], "papers": PAPERS}
A = {**DEAL, "application": "optic/AP-A", "product": "EXPORT_RECEIVABLE", "interest": "RECEIVABLE"}
B = {**A, "application": "optic/AP-B"}
GA = {**DEAL, "application": "optic/AP-GA", "product": "IN_TRANSIT_GOODS", "interest": "GOODS"}


@pytest.fixture
def api(postgres: DatabaseAddress, tmp_path: Any) -> Iterator[RunningApi]:
    """An API of its own over the parties and events of the goods' story, none of it financed yet; nothing is delivered."""
    dsn = migrated_database(postgres, "api_banking_" + uuid4().hex[:8])
    lasting = [(at, told) for at, told in events_of(GOODS) if told.short not in ("delivered",)]
    stored = Stored(dsn, lasting)
    register(stored.session, GOODS.story)
    stored.session.commit()
    stored.begin()
    stored.hear(micros("2026-12-31T00:00Z"))
    stored.close()
    with RunningApi(dsn, tmp_path) as running:
        yield running


def post(client: httpx.Client, url: str, body: Any = None, key: str | None = None) -> httpx.Response:
    return client.post(url, json=body, headers={"idempotency-key": key or uuid4().hex})


def test_a_receivable_from_reservation_to_release(api: RunningApi) -> None:
    bank, rival = api.client("abank"), api.client("bbank")
    key = uuid4().hex
    reserved = post(bank, "/v1/reservations", {**A, "reference": "LN-1"}, key)
    assert reserved.status_code == 200, reserved.text
    assert reserved.json()["outcome"] == DecisionOutcome.DONE
    again = post(bank, "/v1/reservations", {**A, "reference": "LN-1"}, key)
    assert again.json() == reserved.json(), "the bank's own retry is no second request"
    assert again.headers["idempotent-replayed"] == "true"

    taken = post(rival, "/v1/reservations", {**B, "reference": "RF-1"}).json()
    assert (taken["outcome"], taken["guard"], taken["match"]) == ("REFUSED", "INTEREST_FREE", "EXACT")
    assert "abank" not in json.dumps(taken)
    assert "Other registries" in taken["limits"]

    pledged = post(bank, "/v1/financings/LN-1/pledge").json()
    assert pledged["outcome"] == "DONE"
    amount = {"amount": {"minor_units": 292_250_000, "currency_code": "CNY"}}
    assert post(bank, "/v1/financings/LN-1/draw", amount).json()["outcome"] == "DONE"
    more = post(
        bank, "/v1/financings/LN-1/draw", {"amount": {"minor_units": 1, "currency_code": "CNY"}}
    ).json()
    assert (more["outcome"], more["guard"]) == ("REFUSED", "WITHIN_ADVANCE")
    assert "At most 0" in more["satisfied_by"]

    status = bank.get("/v1/financings/LN-1").json()
    assert (status["stage"], status["outstanding"]["minor_units"]) == ("DRAWN", 292_250_000)
    assert status["value"]["verified"] == INVOICE["amount"]
    assert status["value"]["said_by"] == ["optic", "silk"]
    assert status["legal_register"] == "not registered"
    assert [step["what"] for step in status["history"] if step["number"]] == [
        "RESERVE",
        "PLEDGE",
        "DRAW",
        "DRAW",
    ]
    loaded = next(fact for fact in status["corroboration"] if "loaded" in fact["milestone"])
    assert (loaded["assurance"], loaded["sayers"]) == ("SIGNED_BY_AUTHORITY", 1)
    assert loaded["said"][0]["event"]["id"].endswith("/loaded-1")

    owing = post(bank, "/v1/financings/LN-1/release").json()
    assert (owing["outcome"], owing["guard"], owing["waiver"]) == ("REFUSED", "NOTHING_OUTSTANDING", None)
    assert post(bank, "/v1/financings/LN-1/release", {"waive": True}).status_code == 422, "no word is ignored"
    assert post(bank, "/v1/financings/LN-1/release", {"waiver": {"grounds": "?"}}).status_code == 422
    waiver = {"grounds": "OTHER_SECURITY"}
    released = post(bank, "/v1/financings/LN-1/release", {"waiver": waiver}).json()
    assert (released["outcome"], released["waiver"]) == ("DONE", waiver)
    assert released["amount"] == {"minor_units": 292_250_000, "currency_code": "CNY"}
    history = bank.get("/v1/financings/LN-1/history").json()["items"]
    assert [step["waiver"] for step in history if step["what"] == "RELEASE"] == [None, waiver]
    assert post(rival, "/v1/reservations", {**B, "reference": "RF-1"}).json()["outcome"] == "DONE"
    with open_session(api.dsn) as session:
        report = checked(session)
    assert (report.findings, report.counts["double_pledges"]) == ((), 0)


def test_whoever_has_no_application_learns_nothing(api: RunningApi) -> None:
    """The same answer for cargo that is financed, for cargo that is not, and for cargo that there is not."""
    assert (
        post(api.client("abank"), "/v1/reservations", {**A, "reference": "LN-1"}).json()["outcome"] == "DONE"
    )
    rival = api.client("bbank")
    answers = [
        post(rival, "/v1/reservations", {**A, "reference": "X-1"}),
        post(rival, "/v1/reservations", {**A, "reference": "X-2", "application": "optic/NONE"}),
        post(rival, "/v1/reservations", {**B, "reference": "X-3", "consignments": ["xaport/NONE"]}),
        post(rival, "/v1/financings/LN-1/pledge"),
    ]
    assert {(each.status_code, text_of(each)) for each in answers} == {(404, text_of(answers[0]))}
    guards = api.rows("SELECT guard FROM lianyun.financing_decision WHERE asked_by = 'bbank' ORDER BY number")
    assert [guard for (guard,) in guards] == [
        "APPLICATION_SIGNED", "APPLICATION_SIGNED", "APPLICANT_ENGAGED", "PLEDGEE",
    ], "told to nobody, recorded all the same"  # fmt: skip
    told = rival.get(
        "/v1/financing-status?kind=note&id=SMGS/CN/XAY/100001/2026&application=optic/AP-B"
    ).json()
    assert (told["financings"], told["interest_taken"]) == ([], True)
    foreign = rival.get("/v1/financing-status?kind=note&id=SMGS/CN/XAY/100001/2026&application=optic/AP-A")
    assert foreign.status_code == 404


def test_an_application_about_anothers_cargo_opens_nothing(api: RunningApi) -> None:
    """Attack 9: a shipper who is no party of the cargo signs an application about it, so that its bank may look whether it is financed."""
    applied = next(event for event in GOODS.events if event["id"] == "apply-b")
    signed = {**applied, "id": "probe", "by": "toys", "says": {**applied["says"], "reference": "PROBE"}}
    (probe,) = replace(GOODS.story, events=(signed,)).told
    with open_session(api.dsn) as session:
        tell(session, probe, probe.envelope.published_micros)
        session.commit()
    rival = api.client("bbank")
    url = "/v1/financing-status?kind=consignment&id=xaport/XA-1&application="
    before = rival.get(f"{url}toys/PROBE")
    assert rival.get(f"{url}optic/AP-B").json()["interest_taken"] is False, (
        "of a party of the cargo it may know"
    )
    assert post(api.client("abank"), "/v1/reservations", {**A, "reference": "LN-1"}).status_code == 200
    after = rival.get(f"{url}toys/PROBE")
    assert {(each.status_code, text_of(each)) for each in (before, after)} == {(404, text_of(before))}
    assert rival.get(f"{url}optic/AP-B").json()["interest_taken"] is True
    probed = post(rival, "/v1/reservations", {**B, "application": "toys/PROBE", "reference": "X-1"})
    assert (probed.status_code, text_of(probed)) == (404, text_of(before))


def test_a_repetition_is_known_by_a_keyed_digest(api: RunningApi) -> None:
    """Attack 12: whoever reads the stored answers cannot try out which documents were presented."""
    bank, body = api.client("abank"), json.dumps({**A, "reference": "LN-1"})
    headers = {"idempotency-key": "k", "content-type": "application/json"}
    first = bank.post("/v1/reservations", content=body, headers=headers)
    again = bank.post("/v1/reservations", content=body, headers=headers)
    assert (first.status_code, again.headers.get("idempotent-replayed")) == (200, "true")
    ((stored,),) = api.rows("SELECT request FROM lianyun.api_answer WHERE key = 'k'")
    guess = hashlib.sha256(b"POST /v1/reservations?\0" + body.encode()).digest()
    assert bytes(stored) != guess
    # A release before this one stored the plain digest.
    with open_session(api.dsn) as session:
        session.execute("UPDATE lianyun.api_answer SET request = %s WHERE key = 'k'", (guess,))
        session.commit()
    known = bank.post("/v1/reservations", content=body, headers=headers)
    assert known.headers.get("idempotent-replayed") == "true"
    other = bank.post("/v1/reservations", content=body.replace("INV-0417", "INV-0418"), headers=headers)
    assert other.json()["type"] == "urn:lianyun:problem:idempotency-key-reused"


def test_a_thing_leads_to_its_financings(api: RunningApi) -> None:
    bank = api.client("abank")
    assert post(bank, "/v1/reservations", {**A, "reference": "LN-1"}).json()["outcome"] == "DONE"
    for kind, id_ in (
        ("consignment", "xaport/XA-1"),
        ("container", "CSQU 305438-3"),
        ("note", "smgs/CN/XAY/100001/2026"),
    ):
        found = bank.get("/v1/financing-status", params={"kind": kind, "id": id_}).json()
        assert [each["financing"] for each in found["financings"]] == ["abank/LN-1"], kind
    by_papers = bank.post("/v1/financing-status", json={"invoices": [{**INVOICE, "number": "inv 417"}]})
    assert [each["financing"] for each in by_papers.json()["financings"]] == ["abank/LN-1"]
    assert bank.get("/v1/financing-status?kind=container&id=MSKU0000006").status_code == 404


def test_goods_stay_until_the_release_and_a_delivery_alerts(api: RunningApi) -> None:
    bank, consignee = api.client("abank"), api.client("ruhr")
    assert post(bank, "/v1/reservations", {**GA, "reference": "GD-1"}).json()["outcome"] == "DONE"
    pledge = post(bank, "/v1/financings/GD-1/pledge").json()
    assert (pledge["outcome"], pledge["guard"]) == ("REFUSED", "CONTROL"), (
        "the duplicate's control lapsed in April"
    )
    order = {"action": "RELEASE_ORDER", "consignments": ["xaport/XA-1"]}
    assert post(consignee, "/v1/cargo-requests", order).json()["allowed"] is True
    assert post(api.client("toys"), "/v1/cargo-requests", order).status_code == 404


def test_a_review_is_by_two_persons_and_of_what_was_found(api: RunningApi) -> None:
    bank, rival = api.client("abank"), api.client("bbank")
    assert post(bank, "/v1/reservations", {**GA, "reference": "GD-1"}).json()["outcome"] == "DONE"
    request = {**B, "reference": "RF-1"}
    review = post(rival, "/v1/reservations", request).json()
    assert (review["outcome"], review["guard"]) == ("REVIEW", "OTHER_INTEREST_OF_APPLICANT")
    assert [(each["deals"], each["table"]) for each in review["resembles"]][:1] == [(1, scoring().version)]
    assert "abank" not in text_of(post(rival, "/v1/reservations", request)), "never with whom"
    two = {"reviewers": ["r-17", "r-42"]}
    made_up = post(rival, "/v1/reservations", {**request, **two, "reviewed": review["number"] + 1}).json()
    assert made_up["outcome"] == "REVIEW", "a review has the number that the platform gave it"
    request["reviewed"] = review["number"]
    for reviewers in ([], ["r-17"], ["r-17", "R-17"]):
        refused = post(rival, "/v1/reservations", {**request, "reviewers": reviewers}).json()
        assert (refused["outcome"], refused["guard"]) == ("REFUSED", "TWO_REVIEWERS")
    assert post(rival, "/v1/reservations", {**request, "reviewers": ["Li Wei"]}).status_code == 422, "no name"
    assert post(rival, "/v1/reservations", {**request, **two}).json()["outcome"] == "DONE"
    ((reviewers,),) = api.rows("SELECT reviewers FROM lianyun.financing_decision WHERE reviewed IS NOT NULL")
    assert reviewers == two["reviewers"]
    with open_session(api.dsn) as session:
        assert checked(session).findings == ()


def test_a_release_silences_no_alert(api: RunningApi) -> None:
    """What happened to pledged cargo stays in the list of alerts until the bank has acknowledged it."""
    bank = api.client("abank")
    assert post(bank, "/v1/reservations", {**A, "reference": "LN-1"}).json()["outcome"] == "DONE"
    assert post(bank, "/v1/financings/LN-1/pledge").json()["outcome"] == "DONE"
    covenants = next(case for case in cases() if case.slug.startswith("10_"))
    known, changed = next(each for each in events_of(covenants) if each[1].short == "reconsigned")
    with open_session(api.dsn) as session:
        tell(session, changed, known)
        session.commit()
    assert post(bank, "/v1/financings/LN-1/release").json()["outcome"] == "DONE"
    unseen = {"unacknowledged": "true"}
    items = bank.get("/v1/alerts", params=unseen).json()["items"]
    assert {"CONSIGNEE_CHANGED", "DESTINATION_CHANGED"} <= {each["covenant"] for each in items}
    for each in items:
        post(bank, f"/v1/financings/LN-1/alerts/{each['id']}/acknowledgement", {"remark": "seen"})
    assert bank.get("/v1/alerts").json()["items"] == []


def test_a_part_is_given_back(api: RunningApi) -> None:
    bank = api.client("abank")
    assert post(bank, "/v1/reservations", {**A, "reference": "LN-1"}).json()["outcome"] == "DONE"
    release = "/v1/financings/LN-1/release"
    box = [{"kind": "container", "id": "CSQU 305438-3"}]
    assert post(bank, release, {"goods": box}).json()["guard"] == "PLEDGED"
    assert post(bank, "/v1/financings/LN-1/pledge").json()["outcome"] == "DONE"
    amount = {"minor_units": 100_000_000, "currency_code": "CNY"}
    assert post(bank, "/v1/financings/LN-1/draw", {"amount": {**amount, "minor_units": 250_000_000}}).json()[
        "outcome"
    ] == ("DONE")
    assert post(bank, release, {"goods": box}).json()["guard"] == "PART_OF_GOODS", "the only box"
    assert post(bank, release, {"goods": [{"kind": "train", "id": "X"}]}).status_code == 422
    short = post(bank, release, {"amount": amount}).json()
    assert (short["outcome"], short["guard"]) == ("REFUSED", "VALUE_COVERS")
    waiver = {"grounds": "OTHER_SECURITY"}
    done = post(bank, release, {"amount": amount, "waiver": waiver}).json()
    assert (done["outcome"], done["amount"], done["waiver"]) == ("DONE", amount, waiver)
    note = [{"kind": "note", "id": "SMGS/CN/XAY/100001/2026"}]
    noted = post(
        bank, release, {"goods": note, "amount": {**amount, "minor_units": 1}, "waiver": waiver}
    ).json()
    assert (noted["outcome"], noted["goods"]) == ("DONE", note)
    status = bank.get("/v1/financings/LN-1").json()
    assert (status["stage"], status["pledged"]) == ("DRAWN", True)
    assert status["given_back"] == {"goods": note, "value": {**amount, "minor_units": 100_000_001}}
    parts = [step["goods"] for step in status["history"] if step["what"] == "RELEASE_PART"]
    assert parts[-1] == note
    order = {"action": "RELEASE_ORDER", "goods": box}
    allowed = post(api.client("ruhr"), "/v1/cargo-requests", order).json()
    assert (allowed["allowed"], allowed["goods"]) == (True, []), "a receivable blocks nothing"
    assert post(api.client("ruhr"), "/v1/cargo-requests", {"action": "RELEASE_ORDER"}).status_code == 422
    with open_session(api.dsn) as session:
        assert checked(session).findings == ()


def test_a_key_of_a_request_is_for_its_cargo_only(api: RunningApi) -> None:
    """Also when the answer is no longer there: what was allowed for one cargo is no answer for another."""
    forwarder, key = api.client("silk"), uuid4().hex
    order = {"action": "RELEASE_ORDER", "consignments": ["xaport/XA-3"]}
    allowed = post(forwarder, "/v1/cargo-requests", order, key).json()
    assert allowed["allowed"] is True
    with open_session(api.dsn) as session:
        session.execute("DELETE FROM lianyun.api_answer")
        session.commit()
    assert post(forwarder, "/v1/cargo-requests", order, key).json() == allowed
    with open_session(api.dsn) as session:
        session.execute("DELETE FROM lianyun.api_answer")
        session.commit()
    other = post(forwarder, "/v1/cargo-requests", {**order, "consignments": ["xaport/XA-1"]}, key).json()
    assert (other["allowed"], other["guard"]) == (False, "IDEMPOTENCY_KEY_UNUSED")


def test_a_signed_request_is_answered_without_asking_again(api: RunningApi) -> None:
    """A party publishes its request as an event: the decision is there soon, and names it."""
    asked = {
        "id": "order", "by": "ruhr", "at": "2026-03-04T09:00+01:00", "type": "finance.release_order_requested",
        "says": {"objects": "consignment xaport/XA-1", "order_number": "12"},
    }  # fmt: skip
    case = replace(
        GOODS,
        story=replace(GOODS.story, events=(*GOODS.story.events, asked)),
        _written=(*GOODS.events, asked),
    )
    with open_session(api.dsn) as session:
        known, event = events_of(case)[-1]
        tell(session, event, known)
        session.commit()
    until = time.monotonic() + 20
    while not (rows := api.rows("SELECT action, asked_by, outcome, request FROM lianyun.financing_decision")):
        assert time.monotonic() < until, "nobody answers"
        time.sleep(0.1)
    ((action, by, outcome, request),) = rows
    assert (action, by, outcome, request.bytes) == ("RELEASE_ORDER", "ruhr", "DONE", event.event)


def test_what_is_contested_is_looked_at_step_by_step(api: RunningApi) -> None:
    """A box that the operator alone names, and another founding as well: each step asks for a look, and goes on with its number."""
    case = next(case for case in cases() if case.slug.startswith("53_"))
    with open_session(api.dsn) as session:
        for known, event in events_of(case):
            if event.short in ("second-box", "spite-2"):
                tell(session, event, known)
        session.commit()
    bank = api.client("abank")
    amount = {"amount": {"minor_units": 1_000, "currency_code": "CNY"}}
    steps: tuple[tuple[str, dict[str, Any]], ...] = (
        ("/v1/reservations", {**A, "reference": "LN-1"}),
        ("/v1/financings/LN-1/pledge", {}),
        ("/v1/financings/LN-1/draw", amount),
    )
    for url, body in steps:
        asked = post(bank, url, body or None).json()
        assert (asked["outcome"], asked["guard"]) == ("REVIEW", "ASSIGNMENT_CONFIRMED"), asked
        assert "TGHU3000017" in asked["satisfied_by"]
        assert "dunkel" not in json.dumps(asked)
        named = {**body, "reviewed": asked["number"]}
        alone = post(bank, url, {**named, "reviewers": ["r-17"]}).json()
        assert (alone["outcome"], alone["guard"]) == ("REFUSED", "TWO_REVIEWERS")
        done = post(bank, url, {**named, "reviewers": ["r-17", "r-42"]}).json()
        assert done["outcome"] == "DONE", done


def test_a_delivery_is_news_to_its_pledgee_at_once_and_to_nobody_else(api: RunningApi) -> None:
    bank, rival = api.client("abank"), api.client("bbank")
    assert post(bank, "/v1/reservations", {**A, "reference": "LN-1"}).json()["outcome"] == "DONE"
    assert post(bank, "/v1/financings/LN-1/pledge").json()["outcome"] == "DONE"
    answers = {each["number"]: each for each in bank.get("/v1/financings/LN-1/answers").json()["answers"]}
    from_here = answers[10]["value"]
    nothing = bank.get("/v1/alert-feed", params={"cursor": from_here}).json()
    assert nothing["items"] == []
    known, delivered = next(each for each in events_of(GOODS) if each[1].short == "delivered")
    with open_session(api.dsn) as session:
        tell(session, delivered, known)
        session.commit()
    for cursor in (from_here, nothing["next"], None):
        news = bank.get("/v1/alert-feed", params={"cursor": cursor} if cursor else {}).json()
        (item,) = news["items"]
        assert item["financing"] == "abank/LN-1"
        assert item["event"]["id"].endswith("/delivered")
    assert bank.get("/v1/alert-feed", params={"cursor": news["next"]}).json()["items"] == []
    assert rival.get("/v1/alert-feed").json()["items"] == []


def test_pages_of_a_portfolio_and_of_alerts(api: RunningApi) -> None:
    bank = api.client("abank")
    assert post(bank, "/v1/reservations", {**A, "reference": "LN-1"}).json()["outcome"] == "DONE"
    assert post(bank, "/v1/reservations", {**GA, "reference": "GD-1"}).json()["outcome"] == "DONE"
    first = bank.get("/v1/financings?limit=1").json()
    second = bank.get("/v1/financings", params={"limit": 1, "cursor": first["next"]}).json()
    assert [each["financing"] for page in (first, second) for each in page["items"]] == [
        "abank/GD-1",
        "abank/LN-1",
    ]
    assert second["next"] is None
    assert api.client("bbank").get("/v1/financings", params={"cursor": first["next"]}).status_code == 400
    assert post(bank, "/v1/financings/GD-1/cancel").json()["outcome"] == "DONE"
    assert [each["financing"] for each in bank.get("/v1/financings?open=true").json()["items"]] == [
        "abank/LN-1"
    ]


def test_an_answer_can_be_filed(api: RunningApi) -> None:
    bank = api.client("abank")
    assert post(bank, "/v1/reservations", {**A, "reference": "LN-1"}).json()["outcome"] == "DONE"
    plain = bank.get("/v1/financings/LN-1?as_of=2026-03-02T00:00:00Z&known_at=2026-03-02T00:00:00Z")
    (key,) = bank.get("/v1/platform-keys").json()["keys"]
    for answer in (
        bank.get("/v1/financings/LN-1?signed=true"),
        bank.get("/v1/financings/LN-1", headers={"accept": "application/jose"}),
    ):
        assert answer.headers["content-type"] == "application/jose"
        header, payload, signature = answer.text.split(".")
        raw = base64.urlsafe_b64decode(key["x"] + "==")
        public = PublicKey(Scheme.ED25519, raw)
        assert json.loads(base64.urlsafe_b64decode(header + "=="))["kid"] == key["kid"] == public.key_id
        assert public.signed(base64.urlsafe_b64decode(signature + "=="), f"{header}.{payload}".encode())
        said = json.loads(base64.urlsafe_b64decode(payload + "=="))
        assert said["financing"] == "abank/LN-1"
    assert plain.status_code == 404, "as it was known before the reservation, there is nothing"


def test_ten_answers_and_the_invoice(api: RunningApi) -> None:
    bank = api.client("abank")
    assert post(bank, "/v1/reservations", {**A, "reference": "LN-1"}).json()["outcome"] == "DONE"
    answers = {each["number"]: each for each in bank.get("/v1/financings/LN-1/answers").json()["answers"]}
    assert set(answers) == {*range(1, 11)}
    assert answers[1]["value"]["outcome"] == "OWN"
    assert answers[4]["said_by"] == ["cr"]
    assert answers[7]["value"] is None
    corroborated = bank.post(
        "/v1/corroborations",
        json={k: v for k, v in A.items() if k != "papers"}
        | {"invoice": {**INVOICE, "amount": {"minor_units": 1, "currency_code": "CNY"}}},
    ).json()
    stated = corroborated["invoice"]["stated"]
    assert [each["by"] for each in stated] == ["optic", "silk"]
    assert all(
        each["agrees"]
        == {"amount": False, "currency": True, "seller": True, "buyer": True, "issued_on": True}
        for each in stated
    )
    assert corroborated["invoice"]["publishers_that_agree"] == 0
    assert corroborated["goods"]


def test_a_registry_that_is_required_must_be_clear(
    api: RunningApi, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("registries")
    told = folder / "told.json"
    told.write_text(json.dumps({"INV-0417": "CLEAR"}))
    settings = {"financing_registries": ("test",), "financing_test_registry": told}
    with RunningApi(api.dsn, folder, settings) as asking:
        bank = asking.client("abank")

        def ask(reference: str) -> str:
            answer = bank.post(f"/v1/financings/{reference}/registry-answers", json={"papers": PAPERS})
            (found,) = answer.json()["answers"]
            return str(found["finding"])

        def draw(reference: str) -> tuple[str, str]:
            body = {"amount": {"minor_units": 1, "currency_code": "CNY"}}
            said = post(bank, f"/v1/financings/{reference}/draw", body).json()
            return said["outcome"], said["guard"]

        told.write_text(json.dumps({"INV-0417": "HIT"}))
        assert ask("LN-1") == "HIT"
        refused = post(bank, "/v1/reservations", {**A, "reference": "LN-1"}).json()
        assert (refused["outcome"], refused["guard"]) == ("REFUSED", "EXTERNAL_CLEAR")
        told.write_text(json.dumps({"INV-0417": "CLEAR"}))
        assert ask("LN-1") == "CLEAR"
        assert post(bank, "/v1/reservations", {**A, "reference": "LN-1"}).json()["outcome"] == "DONE"
        assert post(bank, "/v1/financings/LN-1/pledge").json()["outcome"] == "DONE"
        told.write_text(json.dumps({"INV-0417": "UNAVAILABLE"}))
        assert ask("LN-1") == "UNAVAILABLE"
        assert draw("LN-1") == ("REFUSED", "EXTERNAL_CLEAR")
        # Attack 8: about another invoice, which nobody else has financed.
        harmless = {**PAPERS, "invoices": [{**INVOICE, "number": "INV-9999"}]}
        other = bank.post("/v1/financings/LN-1/registry-answers", json={"papers": harmless})
        assert (other.status_code, other.json()["type"]) == (409, "urn:lianyun:problem:conflict")
        assert draw("LN-1") == ("REFUSED", "EXTERNAL_CLEAR")
        told.write_text(json.dumps({}))
        assert ask("LN-1") == "CLEAR"
        assert draw("LN-1") == ("DONE", None)


def test_rivals_at_once_have_one_winner(api: RunningApi) -> None:
    outcomes: list[str] = []
    barrier = threading.Barrier(8)

    def ask(number: int) -> None:
        bank, terms = (("abank", A), ("bbank", B))[number % 2]
        with httpx.Client(base_url=api.url, auth=api.auth(bank), timeout=30) as client:
            barrier.wait(30)
            outcomes.append(
                post(client, "/v1/reservations", {**terms, "reference": f"R-{number}"}).json()["outcome"]
            )

    api.client("abank"), api.client("bbank")
    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(outcomes) == ["DONE", *["REFUSED"] * 7]


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"reference": "a b"}, "/reference"),
        ({"reference": "a/b"}, "/reference"),
        ({"product": "LUCK"}, "/product"),
        ({"consignments": []}, "/consignments"),
        ({"papers": {"invoices": [{**INVOICE, "amount": {"minor_units": -1, "currency_code": "CNY"}}]}}, "/papers/invoices/0/amount/minor_units"),
        ({"papers": {"invoices": [{**INVOICE, "amount": {"minor_units": 1, "currency_code": "cny"}}]}}, "/papers/invoices/0/amount/currency_code"),
        ({"surprise": 1}, "/surprise"),
    ],
)  # fmt: skip
def test_what_is_malformed_names_its_place(api: RunningApi, change: dict[str, Any], pointer: str) -> None:
    answer = post(api.client("abank"), "/v1/reservations", {**A, "reference": "LN-1", **change})
    assert answer.status_code == 422
    assert [fault["pointer"] for fault in answer.json()["errors"]] == [pointer]
    assert api.rows("SELECT count(*) FROM lianyun.financing_decision") == [(0,)]


def test_a_financing_that_cannot_be_judged_hides_no_other(
    api: RunningApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bug of ours in judging one financing: lists name it and tell of all others."""
    bank = api.client("abank")
    for reference, deal in (("LN-1", A), ("GD-1", GA)):
        assert post(bank, "/v1/reservations", {**deal, "reference": reference}).json()["outcome"] == "DONE"
    before = bank.get("/v1/alerts").json()
    assert before["not_judged"] == bank.get("/v1/financings").json()["not_judged"] == []
    whole = lifecycle.state

    def planted(hold: lifecycle.Hold, *rest: Any) -> lifecycle.State:
        if hold.financing == "abank/LN-1":
            raise AttributeError("a bug of ours")
        return whole(hold, *rest)

    monkeypatch.setattr(lifecycle, "state", planted)
    listed = bank.get("/v1/financings").json()
    assert ([each["financing"] for each in listed["items"]], listed["not_judged"]) == (
        ["abank/GD-1"],
        ["abank/LN-1"],
    )
    alerts = bank.get("/v1/alerts").json()
    assert alerts["not_judged"] == ["abank/LN-1"]
    assert alerts["items"] == [each for each in before["items"] if each["financing"] == "abank/GD-1"]
    assert bank.get("/v1/financings/LN-1").status_code == 500
    assert bank.get("/v1/financings/GD-1").status_code == 200
