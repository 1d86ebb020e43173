"""An event that was read before is read again wherever anything differs that its reading depends on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from services.ledger.admission.evaluation import admit
from services.ledger.admission.model import RULES, AdmissionSettings, Admitted, Record
from services.ledger.admission.raw_bytes import frame
from services.ledger.registry.registry import Registry
from services.ledger.storage.event_reader import Stored
from services.query import stored_events
from services.query.stored_events import Reread, RereadCache, Unreadable, read_admitted, reread
from services.testbed.simulator.parties import GATEWAY
from services.testbed.simulator.signed_messages import profiles, sign_all
from services.testbed.simulator.simulate import Scale, simulate
from tests.unit.admission.conftest import build
from tests.unit.simulator.conftest import registry_of

NO = 7
APPENDED_MS = 1_893_456_000_000
"""Later than whatever the simulated world says."""


@pytest.fixture
def admitted() -> tuple[Stored, Registry]:
    network = build()
    record = network.record()
    outcome = network.judge(record)
    assert isinstance(outcome, Admitted)
    return of(outcome, network.registry), network.registry


def of(outcome: Admitted, registry: Registry, no: int = NO) -> Stored:
    record = outcome.record
    assert record.value is not None
    return Stored(
        no, outcome.event, outcome.content, record.topic, record.partition, record.offset, record.appended,
        registry.version, RULES, outcome.key.key_id, frame(record.headers), record.value, False,
    )  # fmt: skip


@pytest.fixture
def readings(monkeypatch: pytest.MonkeyPatch) -> list[Stored]:
    """The events that were read from their bytes."""
    read: list[Stored] = []

    def counted(stored: Stored, registry: Registry) -> Reread:
        read.append(stored)
        return read_admitted(stored, registry)

    monkeypatch.setattr(stored_events, "read_admitted", counted)
    return read


def with_key(registry: Registry, **changes: int) -> Registry:
    keys = [replace(key, **changes) for key in registry.keys.values()]
    return Registry.of(registry.version + 1, registry.parties.values(), keys)


def with_party(registry: Registry) -> Registry:
    """The railway as of a version before its admission, amended: its territory is another one."""
    parties = [replace(party, managers=frozenset({"rzd"})) for party in registry.parties.values()]
    return Registry.of(registry.version + 1, parties, registry.keys.values())


def test_an_equal_event_is_read_once(admitted: tuple[Stored, Registry], readings: list[Stored]) -> None:
    stored, registry = admitted
    cache = RereadCache()
    first = cache(stored, registry)
    again = cache(
        Stored(*stored), Registry.of(registry.version, registry.parties.values(), registry.keys.values())
    )
    assert again is first
    assert len(readings) == 1
    assert first.facts == reread(stored, registry).facts


@pytest.mark.parametrize(
    "changed",
    [
        lambda s: s._replace(id=bytes(16)),
        lambda s: s._replace(content=bytes(16)),
        lambda s: s._replace(topic="cre.gateway.v1"),
        lambda s: s._replace(partition=s.partition + 1),
        lambda s: s._replace(offset=s.offset + 1),
        lambda s: s._replace(append_us=s.append_us + 1_000),
        lambda s: s._replace(registry_version=s.registry_version - 1),
        lambda s: s._replace(rule_version=s.rule_version - 1),
        lambda s: s._replace(framed=s.framed.replace(b"09:21:00Z", b"09:22:00Z")),
        lambda s: s._replace(payload=s.payload.replace(b"14:20", b"14:21")),
        lambda s: s._replace(quarantined=True),
    ],
    ids=["id", "content", "topic", "partition", "offset", "appended", "registry", "rules", "headers", "payload", "quarantined"],
)  # fmt: skip
def test_a_row_that_differs_in_any_column_is_read_from_its_own_bytes(
    admitted: tuple[Stored, Registry], readings: list[Stored], changed: Callable[[Stored], Stored]
) -> None:
    stored, registry = admitted
    cache, other = RereadCache(), changed(stored)
    assert other != stored
    cache(stored, registry)
    found = cache(other, registry)
    assert readings == [stored, other]
    assert found.stored == other
    assert found.facts == read_admitted(other, registry).facts
    assert cache(stored, registry).facts == read_admitted(stored, registry).facts, (
        "nor does it stay for the former"
    )


def test_every_column_is_tried_above() -> None:
    assert set(Stored._fields) - {"no", "key_id"} == {
        "id", "content", "topic", "partition", "offset", "append_us", "registry_version", "rule_version", "framed", "payload",
        "quarantined",
    }  # fmt: skip


def test_bytes_that_say_nothing_are_unreadable_whatever_was_read_before(
    admitted: tuple[Stored, Registry],
) -> None:
    stored, registry = admitted
    cache = RereadCache()
    cache(stored, registry)
    for damaged in (
        stored._replace(payload=stored.payload[:-1]),
        stored._replace(framed=stored.framed[:-1]),
        stored._replace(key_id="0" * 16),
    ):
        with pytest.raises(Unreadable):
            cache(damaged, registry)


def test_a_key_that_was_compromised_and_a_party_that_was_amended_are_seen(
    admitted: tuple[Stored, Registry], readings: list[Stored]
) -> None:
    stored, registry = admitted
    cache = RereadCache()
    cache(stored, registry)
    compromised = with_key(registry, compromised_since=0)
    assert cache(stored, compromised).key.compromised_since == 0
    amended = with_party(registry)
    found = cache(stored, amended)
    assert found.facts == reread(stored, amended).facts
    assert found.facts != reread(stored, registry).facts, "the place is another railway's now"
    assert len(readings) == 3


def test_what_is_kept_is_bounded(admitted: tuple[Stored, Registry], readings: list[Stored]) -> None:
    stored, registry = admitted
    cache = RereadCache(most_bytes=10 * len(stored.payload))
    for no in range(100):
        cache(stored._replace(no=no), registry)
    assert len(cache) <= 10
    cache(stored._replace(no=99), registry)
    assert len(readings) == 100, "the newest stay"


def test_every_sort_of_event_is_read_as_it_is_judged() -> None:
    known = profiles(1)
    outgoing = sign_all(simulate(Scale(trains=2, boxes=3)).publication.messages, known)
    assert outgoing
    registry = registry_of(1)
    settings = AdmissionSettings("demo", frozenset({GATEWAY}))
    seen = set()
    for number, out in enumerate(outgoing):
        message = out.message
        record = Record(message.topic, 0, number, APPENDED_MS, list(message.headers), message.value)
        outcome = admit(record, registry, settings)
        if not isinstance(outcome, Admitted):
            continue
        stored = of(outcome, registry, number)
        judged, short = reread(stored, registry), read_admitted(stored, registry)
        seen.add(judged.envelope.type)
        assert short.facts == judged.facts
        assert short == judged
    assert len(seen) > 25
