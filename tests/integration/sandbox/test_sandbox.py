"""Every id of the table through the running API: what it says comes out, and nothing is kept of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson
import psycopg
import pytest

from schemas.events.base import Role
from services.api.cloudevents.outcomes import Outcome
from services.api.problems import BASE, KINDS
from services.api.sandbox.table import table
from services.credit.domain.consent import Part
from services.credit.domain.disputes import DisputeState
from services.testbed.localstack.engine import DatabaseAddress
from tests.integration.gateway.conftest import Partner
from tests.support.api import permissions
from tests.support.api.server import RunningApi
from tests.support.databases import migrated_database

pytestmark = pytest.mark.integration
ROWS = table()
ROLES = (Role.BANK, Role.SHIPPER, Role.OPERATOR)
SANDBOX = Partner("sandbox")


def running(postgres: DatabaseAddress, folder: Path, network: str) -> RunningApi:
    dsn = migrated_database(postgres, f"sandbox_{uuid4().hex[:8]}")
    SANDBOX.register(dsn, *ROLES)
    Partner("ktz").register(dsn, Role.RAILWAY)
    # No broker: what is forced goes nowhere.
    return RunningApi(dsn, folder, {"network": network, "bootstrap": "127.0.0.1:1"})


@pytest.fixture(scope="module")
def api(postgres: DatabaseAddress, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApi]:
    with running(postgres, tmp_path_factory.mktemp("sandbox"), "sandbox") as found:
        yield found


def key() -> dict[str, str]:
    return {"idempotency-key": uuid4().hex}


def check(answer: Any, name: str) -> None:
    assert answer.status_code == KINDS[name].status, answer.text
    assert answer.json()["type"] == BASE + name
    for header, value in ROWS.problems[name].items():
        assert answer.headers[header] == value


@pytest.mark.parametrize("name", ROWS.problems)
def test_every_problem(api: RunningApi, name: str) -> None:
    client, id_ = api.client("sandbox"), f"sandbox-problem-{name}"
    check(client.get("/v1/webhooks", headers={"lianyun-sandbox": id_}), name)
    check(client.get(f"/v1/consignments/{id_}"), name)
    check(client.get("/v1/events", params={"source": "urn:cre:sandbox", "id": id_}), name)
    check(
        client.post("/v1/webhooks", json={"url": id_, "types": ["financing.alert.v1"]}, headers=key()), name
    )


def test_every_forecast(api: RunningApi) -> None:
    client = api.client("sandbox")
    for name, row in ROWS.arrival.items():
        answer = client.get(f"/v1/consignments/sandbox/sandbox-arrival-{name}/arrival")
        assert (answer.status_code, answer.json()["status"]) == (200, row.status), answer.text
    for name, borders in ROWS.borders.items():
        answer = client.get("/v1/border-forecasts", headers={"lianyun-sandbox": f"sandbox-borders-{name}"})
        assert [each["crossings"] for each in answer.json()["borders"]] == [borders.crossings] * (
            2 if borders.crossings else 0
        )


@pytest.mark.parametrize("name", ROWS.events)
def test_every_outcome_of_an_event(api: RunningApi, name: str) -> None:
    row, client = ROWS.events[name], api.client("sandbox")
    event = SANDBOX.event(f"sandbox-event-{name}", "cre.movement.arrived.v1", {})
    headers = {"content-type": "application/cloudevents+json"}
    first = client.post("/v1/events", content=orjson.dumps(event), headers=headers)
    assert (first.status_code, first.json()["results"][0]["outcome"]) == (202, "pending")
    answer = client.post("/v1/events", content=orjson.dumps(event), headers={**headers, "prefer": "wait=5"})
    (result,) = answer.json()["results"]
    assert result["outcome"] == row.outcome
    if row.outcome is Outcome.REFUSED:
        assert (answer.status_code, result["reason"], result["pointer"]) == (422, row.reason, row.pointer)
    else:
        assert answer.status_code == (202 if row.outcome is Outcome.PENDING else 200)
    for place in (first.headers["location"], answer.headers["location"]):
        assert client.get(place).json()["outcome"] == row.outcome
    named = client.get("/v1/events", params={"source": "urn:cre:sandbox", "id": event["id"]})
    assert named.json()["outcome"] == row.outcome


@pytest.mark.parametrize("name", ROWS.decisions)
def test_every_answer_of_a_decision(api: RunningApi, name: str) -> None:
    row, client, id_ = ROWS.decisions[name], api.client("sandbox"), f"sandbox-decision-{name}"
    steps = ("pledge", "release", "cancel")
    answers = [client.post(f"/v1/financings/{id_}/{step}", headers=key()) for step in steps]
    for answer in answers:
        if row.outcome == "UNKNOWN":
            check(answer, "not-found")
            continue
        told = answer.json()
        assert answer.status_code == 200, answer.text
        assert (told["outcome"], told["guard"], told["match"]) == (
            row.outcome,
            row.guard or None,
            row.match or None,
        )
        assert told["financing"] == f"sandbox/{id_}"


@pytest.mark.parametrize("name", ROWS.stages)
def test_every_stage_of_a_financing(api: RunningApi, name: str) -> None:
    row = ROWS.stages[name]
    told = api.client("sandbox").get(f"/v1/financings/sandbox-stage-{name}")
    assert told.status_code == 200, told.text
    assert (told.json()["stage"], told.json()["pledged"]) == (row.stage, row.pledged)
    assert told.json()["outstanding"] == {"minor_units": row.outstanding, "currency_code": "CNY"}


@pytest.mark.parametrize("name", ROWS.alerts)
def test_every_alert_of_a_financing(api: RunningApi, name: str) -> None:
    path = f"/v1/financings/sandbox-alert-{name}"
    (alert,) = api.client("sandbox").get(path).json()["alerts"]
    assert (alert["covenant"], alert["about"]) == (ROWS.alerts[name].covenant, ROWS.alerts[name].about)
    assert api.client("sandbox").get(f"{path}/alerts").json()["items"] == [alert]


@pytest.mark.parametrize("name", ROWS.cargo)
def test_every_answer_about_cargo(api: RunningApi, name: str) -> None:
    row = ROWS.cargo[name]
    body = {"action": "RELEASE_ORDER", "consignments": [f"sandbox/sandbox-cargo-{name}"]}
    answer = api.client("sandbox").post("/v1/cargo-requests", json=body, headers=key())
    assert answer.status_code == 200, answer.text
    assert (answer.json()["allowed"], answer.json()["guard"]) == (row.allowed, row.guard or None)


@pytest.mark.parametrize("name", ROWS.share)
def test_every_state_of_a_share_link(api: RunningApi, name: str) -> None:
    row, client, id_ = ROWS.share[name], api.client("sandbox"), f"sandbox-share-{name}"
    (link,) = client.get("/v1/share-links", params={"consignment": f"sandbox/{id_}"}).json()["items"]
    assert (link["state"], link["opened"]) == (row.state, row.opened)
    assert len(client.get(f"/v1/share-links/{id_}/openings").json()["items"]) == row.opened
    ended = client.delete(f"/v1/share-links/{id_}", headers=key())
    assert ended.status_code == (204 if row.state == "OPEN" else 404)
    new = {"consignment": f"sandbox/{id_}", "fields": ["goods"], "expires": "2099-01-01T00:00:00Z"}
    made = client.post("/v1/share-links", json=new)
    assert (made.status_code, made.json()["fields"]) == (201, ["goods", "movement"])


@pytest.mark.parametrize("name", ROWS.credit)
def test_every_outcome_of_credit(api: RunningApi, name: str) -> None:
    row, path = ROWS.credit[name], f"/v1/shippers/sandbox-credit-{name}/credit"
    answer = api.client("sandbox").get(path, params={"as_of": "2026-06-01T00:00:00Z"})
    if not row.scope:
        check(answer, "not-found")
        return
    told = answer.json()
    assert answer.status_code == 200, answer.text
    assert told["may_read"] == sorted(row.scope)
    assessed = told["assessment"]
    assert (assessed["status"] == "SCORED") == (row.cargoes > 2)
    assert ("score" in assessed) == (Part.SCORE in row.scope)
    assert ("signals" in assessed) == (Part.SIGNALS in row.scope)
    assert told["under_dispute"] == (row.dispute in (DisputeState.OPEN, DisputeState.UNANSWERED))
    if Part.EVIDENCE in row.scope:
        states = [] if row.dispute is None else [row.dispute]
        assert [each["state"] for each in told["disputes"]] == states
        events = [e for reason in assessed["reasons"] for e in reason["events"]]
        assert all(event["id"] for event in (*events, *told["consents"]))
    assert api.client("sandbox").get(path, params={"as_of": "2026-06-01T00:00:00Z"}).json() == told


def test_a_good_shipper_scores_more_than_a_bad_one(api: RunningApi) -> None:
    told = [
        api.client("sandbox").get(f"/v1/shippers/sandbox-credit-{name}/credit").json()["assessment"]["score"]
        for name in ("good", "bad")
    ]
    assert told[0] > told[1] + 100


INVOICE = {
    "number": "INV-1", "seller": {"scheme": "PARTY", "id": "sandbox"}, "buyer": {"scheme": "PARTY", "id": "b"},
    "issued_on": "2026-02-26", "amount": {"minor_units": 1, "currency_code": "CNY"},
}  # fmt: skip


@pytest.mark.parametrize("name", ROWS.corroboration)
def test_every_outcome_of_corroboration(api: RunningApi, name: str) -> None:
    row = ROWS.corroboration[name]
    body = {
        "application": f"sandbox/sandbox-corroboration-{name}", "product": "EXPORT_RECEIVABLE",
        "interest": "RECEIVABLE", "consignments": ["sandbox/SB-1"], "invoice": INVOICE,
    }  # fmt: skip
    answer = api.client("sandbox").post("/v1/corroborations", json=body)
    if not row.known:
        check(answer, "not-found")
        return
    told = answer.json()
    assert answer.status_code == 200, answer.text
    stated = told["invoice"]["stated"]
    assert len(stated) == row.stated
    for each in stated:
        assert each["engaged"] is row.engaged
        assert {member for member, same in each["agrees"].items() if not same} == row.differs
    agree = row.stated if row.engaged and not row.differs else 0
    assert told["invoice"]["publishers_that_agree"] == agree
    (fact,) = told["goods"]
    assert (fact["assurance"], fact["disputed"]) == (row.assurance, row.disputed)


@pytest.mark.parametrize("name", ROWS.status)
def test_every_outcome_of_status(api: RunningApi, name: str) -> None:
    row, client = ROWS.status[name], api.client("sandbox")
    stages = [str(ROWS.stages[stage].stage) for stage in row.stages]
    for kind, id_ in (
        ("consignment", f"sandbox/sandbox-status-{name}"),
        ("container", f"sandbox-status-{name}"),
    ):
        asked = {"kind": kind, "id": id_}
        for more, taken in (({}, None), ({"application": "sandbox/AP-1"}, row.taken)):
            answer = client.get("/v1/financing-status", params={**asked, **more})
            if not stages and taken is None:
                check(answer, "not-found")
                continue
            told = answer.json()
            assert [each["stage"] for each in told["financings"]] == stages
            assert (told["kind"], told["id"], told["interest_taken"]) == (kind, id_, taken)
            for each in told["financings"]:
                whole = client.get(f"/v1/financings/{each['financing'].partition('/')[2]}").json()
                assert {**whole, **each} == whole | {"position": each["position"]}
    papers = {"invoices": [{**INVOICE, "number": f"sandbox-status-{name}"}]}
    answer = client.post("/v1/financing-status", json=papers)
    if stages:
        assert [each["stage"] for each in answer.json()["financings"]] == stages
    else:
        check(answer, "not-found")


def test_every_type_of_problem_of_the_description_can_be_forced_where_it_stands(api: RunningApi) -> None:
    described = api.anonymous().get("/openapi.json").json()
    types = described["components"]["schemas"]["Problem"]["properties"]["type"]["enum"]
    stands = {}
    for path, operations in described["paths"].items():
        for method, operation in operations.items():
            for answer in operation["responses"].values():
                for name in re.findall(r"`([a-z-]+)`:", answer.get("description", "")):
                    stands.setdefault(name, (method, path))
    assert {BASE + name for name in stands} | {BASE + "method-not-allowed"} >= set(types)
    rows = {(method, path.replace(":path", "")): row for (method, path), row in permissions.ROWS.items()}
    for name in sorted(type_.removeprefix(BASE) for type_ in types):
        method, path = stands.get(name, ("get", "/v1/webhooks"))
        row = rows[method.upper(), path]
        headers = {**key(), **row.headers, "lianyun-sandbox": f"sandbox-problem-{name}"}
        check(api.client("sandbox").request(method, row.own, json=row.body, headers=headers), name)


def test_nothing_is_kept_and_a_repetition_is_one(api: RunningApi) -> None:
    client, same = api.client("sandbox"), key()
    first = client.post("/v1/financings/sandbox-decision-done/pledge", headers=same)
    again = client.post("/v1/financings/sandbox-decision-done/pledge", headers=same)
    assert again.json() == first.json()
    assert again.headers["idempotent-replayed"] == "true"
    for name in ("financing_decision", "financing_hold", "identity", "dead_letter", "webhook_subscription"):
        assert api.rows(f"SELECT count(*) FROM lianyun.{name}") == [(0,)]  # noqa: S608


def test_real_requests_of_the_tenant_are_real(api: RunningApi) -> None:
    client = api.client("sandbox")
    assert client.get("/v1/webhooks").json() == {"items": [], "next": None}
    assert client.get("/v1/consignments/sandbox/none").status_code == 404
    event = SANDBOX.event("own", "cre.movement.arrived.v1", {}, "sandbox")
    headers = {"content-type": "application/cloudevents+json"}
    answer = client.post("/v1/events", content=orjson.dumps(event), headers=headers)
    assert answer.json()["type"] == f"{BASE}broker-unavailable", "it would be forwarded"
    foreign = SANDBOX.event("own", "cre.movement.arrived.v1", {}, "demo")
    answer = client.post("/v1/events", content=orjson.dumps(foreign), headers=headers)
    assert answer.json()["type"] == f"{BASE}event-refused", "signed for another network"


def test_the_ids_mean_nothing_to_others_and_in_production(
    api: RunningApi, postgres: DatabaseAddress, tmp_path: Path
) -> None:
    asked = {"lianyun-sandbox": "sandbox-problem-rate-limited"}
    assert api.client("ktz").get("/v1/webhooks", headers=asked).status_code == 200
    with running(postgres, tmp_path, "prod") as production:
        client = production.client("sandbox")
        assert client.get("/v1/webhooks", headers=asked).status_code == 200
        told = client.post("/v1/financings/sandbox-decision-done/pledge", headers=key())
        assert told.status_code != 200
        named = client.get("/v1/events", params={"source": "urn:cre:sandbox", "id": "sandbox-event-accepted"})
        assert named.status_code == 404
    with psycopg.connect(production.dsn) as session:
        row = session.execute("SELECT count(*) FROM lianyun.financing_hold").fetchone()
    assert row == (0,)
