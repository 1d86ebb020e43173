"""The mix is what it says it is: shares, sizes, order, and events that admission takes or refuses as planned."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from pathlib import Path
from statistics import median

import pytest

from schemas.schemes import Scheme
from services.ledger.admission.evaluation import admit
from services.ledger.admission.model import Admitted, Record, Refused
from services.processors.settings import admission_settings
from services.testbed.bench import signed
from services.testbed.bench.events import MEDIAN_BYTES
from services.testbed.bench.mix import MIX, Plan, Planned, base
from services.testbed.bench.signed import Message, sign, write_signed
from services.testbed.bench.world import World

APPENDED = 1_790_000_000_000
WORLD = World(400)
EVENTS = 8_000


@pytest.fixture(scope="module")
def plan() -> Plan:
    return Plan(WORLD, EVENTS, 7, "test")


@pytest.fixture(scope="module")
def messages(plan: Plan) -> list[Planned]:
    return list(plan)


def judge(messages: list[Message]) -> list[Admitted | Refused]:
    registry, settings = signed.registry(), admission_settings("demo")
    records = (Record(m.topic, 0, n, APPENDED, m.headers, m.value) for n, m in enumerate(messages))
    return [admit(record, registry, settings) for record in records]


def test_the_same_seed_gives_the_same_messages(messages: list[Planned]) -> None:
    assert list(Plan(WORLD, EVENTS, 7, "test")) == messages
    assert list(Plan(WORLD, EVENTS, 8, "test")) != messages


def test_shares_are_those_of_the_mix(messages: list[Planned], plan: Plan) -> None:
    assert len(messages) == EVENTS == sum(plan.counts.values())
    share = {kind: count / EVENTS for kind, count in plan.counts.items()}
    assert share["train_position"] + share["train_milestone"] == pytest.approx(0.10, abs=0.01)
    assert share["train_milestone"] == pytest.approx(0.025, abs=0.007)
    assert share["link"] + share["late_link"] == pytest.approx(0.05, abs=0.01)
    assert share["late_link"] == pytest.approx(0.01, abs=0.004)
    assert share["correction"] + share["retraction"] == pytest.approx(0.01, abs=0.004)
    assert share["duplicate"] == pytest.approx(0.02, abs=0.005)
    assert share["refused"] == pytest.approx(0.01, abs=0.004)
    assert sum(MIX.ordinary.values()) == pytest.approx(0.81)


def test_the_median_payload_has_800_bytes(messages: list[Planned]) -> None:
    sizes = [len(message.payload) for message in messages]
    assert median(sizes) == pytest.approx(MEDIAN_BYTES, rel=0.03)
    assert max(sizes) < 8_192


def test_duplicates_are_the_same_message_again(messages: list[Planned], plan: Plan) -> None:
    repeated = Counter(messages)
    assert len(messages) - len(repeated) == plan.counts["duplicate"]
    assert len({message.id for message in messages}) == len(repeated)


def test_arrival_differs_from_publication_within_ten_minutes(messages: list[Planned]) -> None:
    latest, disorder = "", 0
    for message in messages:
        disorder += message.time < latest
        latest = max(latest, message.time)
    assert disorder > EVENTS // 4


def test_publishers_are_interleaved(messages: list[Planned]) -> None:
    changes = sum(a.party != b.party for a, b in pairwise(messages))
    assert changes > len(messages) * 0.7
    assert {signed.topic(m.party) for m in messages} == set(signed.topics())


@pytest.mark.parametrize("scheme", signed.SCHEMES)
@pytest.mark.long
def test_admission_takes_all_but_what_is_spoilt(messages: list[Planned], plan: Plan, scheme: Scheme) -> None:
    outcomes = judge(sign(messages, scheme))
    refused = Counter(o.reason.value for o in outcomes if isinstance(o, Refused))
    assert sum(refused.values()) == plan.counts["refused"]
    assert set(refused) == {
        "BAD_SIGNATURE",
        "UNKNOWN_KEY",
        "WRONG_SOURCE",
        "INVALID_SCHEMA",
        "INVALID_JSON",
        "ROLE_NOT_ALLOWED",
    }
    admitted = [o for o in outcomes if isinstance(o, Admitted)]
    assert not any(one.remarks for one in admitted), "an identifier of the mix is doubtful"
    stated = [one.facts for one in admitted]
    assert all(f.claims or f.links or f.withdrawals for f in stated)


def test_batches_of_the_mix_really_share_signatures(messages: list[Planned]) -> None:
    signed = sign(messages[:2_000], Scheme.ED25519_BATCH)
    signatures = Counter(dict(m.headers)["lianyun-signature"].split(b";")[3] for m in signed)
    assert len(signatures) < len(signed) / 10
    assert max(signatures.values()) <= 64


def test_late_links_come_after_events_about_their_objects(messages: list[Planned]) -> None:
    spoken: set[str] = set()
    late = 0
    for message in messages:
        if message.type in (
            "cre.link.containers_assigned.v1",
            "cre.link.note_covers.v1",
            "cre.link.declaration_covers.v1",
        ):
            late += message.key in spoken
        spoken.add(message.key)
    assert late >= EVENTS * 0.01 * 0.5


def test_the_base_founds_every_consignment() -> None:
    planned = list(base(WORLD))
    outcomes = judge(sign(planned, Scheme.ED25519))
    assert not [o for o in outcomes if isinstance(o, Refused)]
    founded = [o for o in outcomes if isinstance(o, Admitted) and o.facts.foundings]
    assert len(founded) == WORLD.consignments
    assert len({m.id for m in planned}) == len(planned)


def test_signed_messages_come_back_from_disk_in_their_order(messages: list[Planned], tmp_path: Path) -> None:
    some = messages[:500]
    shelf = write_signed(iter(some), Scheme.ED25519, tmp_path, processes=1)
    lanes = [[m for chunk in shelf.lane(lane) for m in chunk] for lane in range(shelf.lanes)]
    assert shelf.events == 500 == sum(map(len, lanes))
    assert min(map(len, lanes)) > 100
    expected = [m.value for m in sign(some, Scheme.ED25519)]
    for lane in lanes:
        values = [m.value for m in lane]
        assert values == [v for v in expected if v in set(values)]
