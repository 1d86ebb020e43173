"""Events over HTTP through a real broker and a real worker to their outcomes, and what their publisher reads of them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import orjson
import pytest
from kafka import KafkaConsumer, TopicPartition

from schemas.envelope import event_id
from services.ledger.storage import event_reader
from services.ledger.storage.session import open_session
from tests.integration.gateway.conftest import Gateway, as_binary
from tests.support.producers.weak_link import Cut, WeakLink

pytestmark = pytest.mark.integration
PROBLEM = "application/problem+json"


def result(answer: Any, status: int = 200) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    (only,) = answer.json()["results"]
    return dict(only)


def test_a_single_event_from_post_to_view(gateway: Gateway) -> None:
    ktz, xaport = gateway.partners["ktz"], gateway.partners["xaport"]
    event = ktz.arrived("one", objects=[{"kind": "container", "id": "MSKU1234565"}])
    answer = gateway.post("ktz", event, wait=10)
    parked = result(answer)
    assert parked["outcome"] == "parked"
    assert answer.headers["preference-applied"] == "wait=10"
    assert answer.headers["location"] == f"/v1/events/{parked['handle']}"
    opened = result(gateway.post("xaport", xaport.opened("XA-9", "MSKU1234565"), wait=10))
    assert opened["outcome"] == "accepted"
    found = gateway.api.client("ktz").get(answer.headers["location"]).json()
    assert found == {"source": "urn:cre:ktz", "id": "one", "outcome": "accepted", "handle": parked["handle"]}


DOUBTFUL = {
    "place": "esr:100001",
    "happened": "2026-03-09T14:20:00+05:00",
    "objects": [{"kind": "container", "id": "CSQU3054384"}],
}


def test_what_is_doubtful_is_said_with_every_outcome(gateway: Gateway) -> None:
    event = gateway.partners["ktz"].arrived("doubtful", **DOUBTFUL)
    pending = result(gateway.post("ktz", event), 202)
    assert (pending["outcome"], [(each["code"], each["pointer"]) for each in pending["remarks"]]) == (
        "pending",
        [
            ("time.future", "/happened"),
            ("place.unknown", "/place"),
            ("iso6346.check_digit", "/objects/0/id"),
        ],
    )
    assert all(each["found"] and each["text"] and each["remedy"] for each in pending["remarks"])
    final = result(gateway.post("ktz", event, wait=10))
    assert final["outcome"] == "duplicate"
    name = {"source": "urn:cre:ktz", "id": "doubtful"}
    client = gateway.api.client("ktz")
    by_name = client.get("/v1/events", params=name).json()
    by_handle = client.get(f"/v1/events/{pending['handle']}").json()
    assert (by_name["outcome"], by_handle["outcome"]) == ("parked", "parked")
    assert final["remarks"] == pending["remarks"]
    for each in (by_name, by_handle):
        *doubts, unreached = each["remarks"]
        assert doubts == pending["remarks"]
        assert (unreached["code"], unreached["pointer"]) == ("event.unreached", "")


def test_a_union_is_no_jurisdiction(gateway: Gateway) -> None:
    gacc = gateway.partners["gacc"]
    data = {**gacc.arrived("x")["data"], "jurisdiction": "EU", "procedure": "T1"}
    refused = gateway.post("gacc", gacc.event("union", "cre.customs.transit_opened.v1", data), wait=10)
    told = refused.json()
    assert (refused.status_code, told["reason"], told["errors"][0]["pointer"]) == (
        422,
        "INVALID_SCHEMA",
        "/jurisdiction",
    )
    assert "member state" in told["remedy"]
    assert "remarks" not in told["results"][0]


def test_what_was_signed_is_what_is_stored(gateway: Gateway) -> None:
    event = gateway.partners["ktz"].arrived("bytes")
    spaced = orjson.dumps(event["data"], option=orjson.OPT_INDENT_2)
    ktz = gateway.partners["ktz"]
    from schemas.envelope import Envelope, signed_bytes
    from schemas.signing import sign

    attributes = {
        name: event[name] for name in ("specversion", "source", "id", "type", "time", "datacontenttype")
    }
    told = {
        **attributes,
        "lianyunsignature": sign(ktz.key, signed_bytes("demo", Envelope(**attributes), spaced)),
    }
    body = orjson.dumps(told)[:-1] + b', "data":' + spaced + b"}"
    answer = gateway.api.client("ktz").post(
        "/v1/events",
        content=body,
        headers={"content-type": "application/cloudevents+json", "prefer": "wait=10"},
    )
    assert result(answer)["outcome"] == "parked"
    with open_session(gateway.dsn) as session:
        (stored,) = event_reader.events_by_id(session, [event_id("urn:cre:ktz", "bytes")])
    assert stored.payload == spaced
    assert stored.topic == gateway.topic


def test_every_outcome(gateway: Gateway) -> None:
    ktz = gateway.partners["ktz"]
    event = ktz.arrived("every")
    first = result(gateway.post("ktz", event, wait=10))
    assert first["outcome"] == "parked"
    assert result(gateway.post("ktz", event, wait=10))["outcome"] == "duplicate"
    other = result(gateway.post("ktz", ktz.arrived("every", place="railnet:brest"), wait=10))
    assert other["outcome"] == "equivocation"
    again = gateway.api.client("ktz").get(f"/v1/events/{first['handle']}").json()
    assert again["outcome"] == "equivocation", "none of the contents counts"

    wrong = gateway.post("ktz", ktz.arrived("wrong", classifier="PERHAPS"), wait=10)
    assert wrong.status_code == 422
    assert wrong.headers["content-type"] == PROBLEM
    told = wrong.json()
    assert (told["type"], told["reason"]) == ("urn:lianyun:problem:event-refused", "INVALID_SCHEMA")
    assert told["errors"][0]["pointer"] == "/classifier"
    kept = gateway.api.client("ktz").get(wrong.headers["location"]).json()
    assert (kept["outcome"], kept["reason"], kept["pointer"]) == ("refused", "INVALID_SCHEMA", "/classifier")
    named = gateway.api.client("ktz").get("/v1/events", params={"source": "urn:cre:ktz", "id": "wrong"})
    assert (named.json()["outcome"], named.json()["reason"]) == ("refused", "INVALID_SCHEMA")

    forged = ktz.arrived("forged")
    forged["data"]["place"] = "railnet:brest"
    refused = gateway.post("ktz", forged, wait=10)
    assert (refused.status_code, refused.json()["reason"]) == (422, "BAD_SIGNATURE")
    assert "location" not in refused.headers, "it was not published"


def test_a_batch_has_a_result_for_each(gateway: Gateway) -> None:
    ktz = gateway.partners["ktz"]
    unsigned = {**ktz.arrived("b-2")}
    del unsigned["lianyunsignature"]
    foreign = gateway.partners["gacc"].arrived("b-3")
    events = [ktz.arrived("b-1"), unsigned, foreign, ktz.arrived("b-4", objects=[]), ktz.arrived("b-5")]
    answer = gateway.post("ktz", events, wait=10)
    assert answer.status_code == 200, answer.text
    results = answer.json()["results"]
    assert [(each["id"], each["outcome"], each.get("reason")) for each in results] == [
        ("b-1", "parked", None),
        ("b-2", "refused", "UNSIGNED"),
        ("b-3", "refused", "WRONG_SOURCE"),
        ("b-4", "refused", "INVALID_SCHEMA"),
        ("b-5", "parked", None),
    ]
    assert [each["handle"] is None for each in results] == [False, True, True, False, False]
    strict = gateway.post("ktz", [ktz.arrived("b-6"), unsigned], prefer="handling=strict")
    assert strict.status_code == 422
    assert [each["outcome"] for each in strict.json()["results"]] == [None, "refused"]
    absent = gateway.api.client("ktz").get("/v1/events", params={"source": "urn:cre:ktz", "id": "b-6"})
    assert absent.status_code == 404
    assert gateway.post("ktz", []).status_code == 422
    assert gateway.post("ktz", [{}] * 1_001).status_code == 413


def test_binary_mode(gateway: Gateway) -> None:
    headers, body = as_binary(gateway.partners["ktz"].arrived("binary"))
    client = gateway.api.client("ktz")
    answer = client.post("/v1/events", content=body, headers={**headers, "prefer": "wait=10"})
    assert result(answer)["outcome"] == "parked"
    del headers["ce-time"]
    missing = client.post("/v1/events", content=body, headers=headers)
    assert (missing.status_code, missing.json()["reason"]) == (422, "MISSING_HEADER")
    assert missing.json()["errors"][0]["pointer"] == "header:ce-time"
    plain = client.post("/v1/events", content=body, headers={"content-type": "application/json"})
    assert plain.status_code == 415
    assert "cloudevents" in plain.headers["accept-post"]
    broken = gateway.api.client("ktz").post(
        "/v1/events", content=b"{", headers={"content-type": "application/cloudevents+json"}
    )
    assert (broken.status_code, broken.json()["type"]) == (400, "urn:lianyun:problem:bad-request")


def test_only_its_publisher_sees_an_event(gateway: Gateway) -> None:
    answer = gateway.post("ktz", gateway.partners["ktz"].arrived("mine"), wait=10)
    place, name = answer.headers["location"], {"source": "urn:cre:ktz", "id": "mine"}
    assert gateway.api.client("ktz").get("/v1/events", params=name).json()["outcome"] == "parked"
    for client in (gateway.api.client("gacc"), gateway.api.client("xaport")):
        for foreign in (client.get(place), client.get("/v1/events", params=name)):
            assert foreign.status_code == 404
            assert foreign.json()["type"] == "urn:lianyun:problem:not-found"
    for nonsense in ("x", "A" * 120):
        assert gateway.api.client("ktz").get(f"/v1/events/{nonsense}").status_code == 404
    stolen = gateway.post("gacc", gateway.partners["ktz"].arrived("stolen"))
    assert (stolen.status_code, stolen.json()["reason"]) == (422, "WRONG_SOURCE")
    assert gateway.api.anonymous().post("/v1/events", content=b"{}").status_code == 401
    reader = gateway.api.client("ktz", "events:read")
    headers, body = as_binary(gateway.partners["ktz"].arrived("scope"))
    assert reader.post("/v1/events", content=body, headers=headers).status_code == 403


def log_of(gateway: Gateway) -> list[Any]:
    consumer = KafkaConsumer(bootstrap_servers=gateway.servers.bootstrap, auto_offset_reset="earliest")
    parts = [TopicPartition(gateway.topic, part) for part in range(2)]
    consumer.assign(parts)
    ends = consumer.end_offsets(parts)
    found: list[Any] = []
    while any(consumer.position(part) < ends[part] for part in parts):
        for records in consumer.poll(timeout_ms=500).values():
            found += records
    consumer.close()
    return found


def test_without_a_worker_the_broker_has_it_and_it_is_pending(alone: Callable[..., Gateway]) -> None:
    gateway = alone()
    answer = gateway.post("ktz", gateway.partners["ktz"].arrived("waits"), wait=1)
    waiting = result(answer, 202)
    assert waiting["outcome"] == "pending"
    (record,) = log_of(gateway)
    assert dict(record.headers)["ce_id"] == b"waits"
    assert gateway.api.client("ktz").get(answer.headers["location"]).json()["outcome"] == "pending"
    assert gateway.api.client("ktz").get("/v1/events?source=urn:cre:ktz&id=waits").status_code == 404
    with gateway.worker():
        gateway.await_worker()
        late = gateway.post("ktz", gateway.partners["ktz"].arrived("waits"), wait=10)
        assert result(late)["outcome"] == "duplicate"
        found = gateway.api.client("ktz").get(answer.headers["location"]).json()
        assert (found["outcome"], found["id"]) == ("parked", "waits")


@pytest.mark.long
def test_many_who_wait_do_not_keep_others_from_being_answered(alone: Callable[..., Gateway]) -> None:
    gateway = alone(api_threads=2)
    ktz, answers = gateway.partners["ktz"], []
    gateway.api.client("ktz").get("/v1/events/x")  # its token is there now

    def post(number: int) -> None:
        answers.append(gateway.post("ktz", ktz.arrived(f"w-{number}"), wait=10).status_code)

    threads = [threading.Thread(target=post, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(20):
        assert gateway.api.client("ktz").get("/v1/events/x").status_code == 404
    assert any(thread.is_alive() for thread in threads), "one of them still waits"
    for thread in threads:
        thread.join(30)
    assert answers == [202] * 4


@pytest.mark.long
def test_no_broker(alone: Callable[..., Gateway]) -> None:
    gateway = alone(bootstrap="127.0.0.1:1")
    answer = gateway.post("ktz", gateway.partners["ktz"].arrived("nowhere"))
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "5"
    assert answer.json()["type"] == "urn:lianyun:problem:broker-unavailable"
    assert answer.json()["results"] == []


@pytest.mark.long
def test_a_broker_that_goes_and_comes_back(alone: Callable[..., Gateway], stack: Any) -> None:
    with WeakLink(stack.bootstrap) as link:
        link.up()
        gateway = alone(bootstrap=link.bootstrap)
        ktz = gateway.partners["ktz"]
        assert result(gateway.post("ktz", ktz.arrived("before")), 202)["outcome"] == "pending"
        link.down()
        down = gateway.post("ktz", [ktz.arrived("during-1"), ktz.arrived("during-2")])
        assert down.status_code == 503
        assert [each["outcome"] for each in down.json()["results"]] in ([None, None], [])
        link.up(Cut.BEFORE_ANSWER)  # the broker gets it, the gateway never learns
        for _ in range(20):
            back = gateway.post("ktz", [ktz.arrived("during-1"), ktz.arrived("during-2")])
            if back.status_code == 202:
                break
            assert back.status_code == 503
            threading.Event().wait(0.5)
        assert back.status_code == 202
        assert {dict(each.headers)["ce_id"] for each in log_of(gateway)} == {
            b"before",
            b"during-1",
            b"during-2",
        }
