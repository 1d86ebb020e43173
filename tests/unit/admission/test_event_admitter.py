"""A whole fetch: one outcome per record in its place, faults of ours isolated, garbage no burden to the others."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from services.ledger.admission.model import Record, Refused
from services.ledger.storage.bodies import packed_body
from services.ledger.storage.rows import state_rows
from services.processors.admission import Accepted, EventAdmitter


@dataclass(frozen=True)
class FromLog:
    """A record as a Kafka client gives it."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    headers: Any
    value: bytes | None
    timestamp_type: int = 1
    key: bytes | None = None


def taken(record: Record, offset: int) -> FromLog:
    return FromLog(record.topic, record.partition, offset, record.append_ms, record.headers, record.value)


def test_each_record_has_its_outcome_and_its_weight(network: Any) -> None:
    boxes = [{"kind": "container", "id": f"CSQU305438{n}"} for n in range(10)]
    records = [
        taken(network.record(id="a"), 0),
        FromLog("cre.railway.ktz.v1", 0, 1, 1_772_703_000_000, [], b"garbage"),
        taken(network.record(network.payload(objects=boxes), id="b"), 2),
        FromLog("cre.railway.ktz.v1", 0, 3, 1_772_703_000_000, (), None),
    ]
    admission = EventAdmitter(network.settings).admit(records, network.registry)
    assert [type(outcome) for outcome in admission.outcomes] == [Accepted, Refused, Accepted, Refused]
    assert [_record(outcome).offset for outcome in admission.outcomes] == [0, 1, 2, 3]
    assert list(admission.weights) == [1, 0, 10, 0]


def _record(outcome: Accepted | Refused) -> Record:
    return outcome.record if isinstance(outcome, Refused) else outcome.admitted.record


def test_an_accepted_event_is_ready_for_the_database(network: Any) -> None:
    (outcome,) = (
        EventAdmitter(network.settings).admit([taken(network.record(id="a"), 7)], network.registry).outcomes
    )
    event, admitted = outcome.event, outcome.admitted
    assert (event.id, event.content, event.payload) == (
        admitted.event,
        admitted.content,
        admitted.record.value,
    )
    assert event.registry == network.registry.version
    assert event.rows == state_rows(admitted.facts)
    assert event.body == packed_body(event._replace(rows=None, body=None))


@pytest.mark.parametrize(
    ("module", "name", "marked"),
    [
        (
            "services.ledger.admission.evaluation",
            "interpret",
            lambda _s, _c, payload: payload.occurrence == "boom",
        ),
        ("services.ledger.admission.verification", "content_digest", lambda signed: b"boom" in signed),
        ("services.ledger.storage.bodies", "state_rows", lambda facts: "boom" in str(facts)),
        ("services.ledger.storage.bodies", "packed_body", lambda event: b"boom" in event.payload),
    ],
)
def test_a_planted_bug_makes_one_dead_letter_and_the_rest_flows(
    network: Any, monkeypatch: pytest.MonkeyPatch, module: str, name: str, marked: Callable[..., bool]
) -> None:
    real = getattr(importlib.import_module(module), name)

    def planted(*given: Any) -> Any:
        if marked(*given):
            raise ZeroDivisionError("planted")
        return real(*given)

    monkeypatch.setattr(f"{module}.{name}", planted)
    records = [taken(network.record(network.payload(occurrence=f"run-{n}"), id=f"e{n}"), n) for n in range(5)]
    records[2] = taken(network.record(network.payload(occurrence="boom"), id="e2"), 2)
    admission = EventAdmitter(network.settings).admit(records, network.registry)
    assert [isinstance(outcome, Accepted) for outcome in admission.outcomes] == [
        True,
        True,
        False,
        True,
        True,
    ]
    letter = admission.outcomes[2]
    assert (letter.reason, letter.publisher) == ("INTERNAL_ERROR", "ktz")
    assert letter.detail == "ZeroDivisionError: planted"
    assert letter.record.value == records[2].value
    assert (letter.event is not None) == (name != "content_digest")


def test_one_partners_garbage_is_refused_beside_good_events(network: Any) -> None:
    garbage = [
        FromLog("cre.customs.kgd.v1", 0, n, 1_772_703_000_000, [("x", bytes([n]))], bytes(200))
        for n in range(200)
    ]
    good = [taken(network.record(id=f"g{n}"), n) for n in range(20)]
    mixed = [record for pair in zip(garbage, good * 10, strict=True) for record in pair]
    admission = EventAdmitter(network.settings).admit(mixed, network.registry)
    assert {o.publisher for o in admission.outcomes if isinstance(o, Refused)} == {"kgd"}
    assert sum(isinstance(o, Accepted) for o in admission.outcomes) == 200
