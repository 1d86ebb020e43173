"""The corridor world: the same seed gives the same bytes, the heart's views equal its truth, and its volumes are real."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from itertools import islice

import pytest

from services.testbed.chaos.audit import Refold
from services.testbed.chaos.oracle import consignment_of
from services.testbed.simulator.corridors import running, simulate
from services.testbed.simulator.files.folder import lines
from services.testbed.simulator.parties import PARTIES, Manner
from services.testbed.simulator.reports import Message
from services.testbed.simulator.scenarios import UnknownScenario, scenario, services
from services.testbed.simulator.signed_messages import profiles, sign_all, sign_stream
from services.testbed.simulator.world import DAY, World
from tests.unit.simulator.conftest import facts_of, mismatches
from tests.unit.simulator.corridor_worlds import NAMES, small


def test_the_same_seed_gives_the_same_bytes() -> None:
    def text(seed: int) -> list[tuple[int, str, bytes]]:
        return [(m.sent, m.party, line) for m, line in lines(simulate("tiny", seed).messages())]

    assert text(3) == text(3)
    assert text(3) != text(4)


ORDINARY = [("tiny", 1), ("tiny", 2), ("polish-closure-2025", 1)]
"""The worlds that the ordinary run plays too."""


@pytest.mark.parametrize("name", ["tiny", "polish-closure-2025"])
def test_the_stream_says_what_the_kept_world_says_in_the_order_of_publication(name: str) -> None:
    world = small(name)
    streamed = list(world.messages())
    assert streamed == world.played.publication.messages
    assert [m.sent for m in streamed] == sorted(m.sent for m in streamed)
    assert max(m.sent for m in streamed) <= world.ends


@pytest.mark.parametrize(
    ("name", "seed"),
    [
        pytest.param(name, seed, marks=[] if (name, seed) in ORDINARY else [pytest.mark.long])
        for name, seed in [*((name, 1) for name in NAMES), ("tiny", 2), ("polish-closure-2025", 2)]
    ],
)
def test_views_show_what_happened(name: str, seed: int) -> None:
    simulation = small(name, seed).simulation()
    assert len(simulation.truths) > 20
    assert mismatches(simulation, facts_of(simulation)) == []


def test_a_closed_border_shows_with_the_claims_of_all_who_speak_of_it_and_counts_as_disputed() -> None:
    world = small("polish-closure-2025")
    simulation = world.simulation()
    facts = facts_of(simulation)
    publication = [
        (r.publisher, r.place, r.kind) for r in facts.restrictions if r.place == "crossing:brest-malaszewicze"
    ]
    assert Counter(publication) == Counter(
        {(party, "crossing:brest-malaszewicze", "BORDER_CLOSED"): 1 for party in ("mswia", "bch", "xianport")}
    )
    refold = Refold(facts)
    closed, opened = world.opens + 10 * DAY, world.ends
    met, disputed, counted = set[str](), set[str](), {"bch": set[str](), "xianport": set[str]()}
    for truth in simulation.truths.values():
        view = refold.view(consignment_of(truth), closed)
        if view is None:
            continue
        met |= {r.publisher for r in view.restrictions if r.kind == "BORDER_CLOSED"}
        disputed |= {
            a.question.place for a in view.disputes if a.question.thing.key.lower().startswith("bch/")
        }
        for arrival in view.arrivals:
            claim = arrival.claim
            if (
                claim.place == "railnet:brest-severny"
                and claim.publisher in counted
                and claim.milestone == 354
            ):
                counted[claim.publisher].add(claim.thing.key)
        after = refold.view(consignment_of(truth), opened)
        assert after is not None
        assert not [r for r in after.restrictions if r.kind == "BORDER_CLOSED"]
    assert "mswia" in met
    assert {"railnet:brest-severny"} <= disputed <= {"railnet:brest-severny", "railnet:bruzgi"}
    assert len(counted["xianport"]) > 0
    assert len(counted["bch"]) > 0


def test_what_is_over_is_forgotten_while_streaming() -> None:
    known = scenario("tiny")
    until = known.starts + timedelta(days=220)
    long = simulate(known.model_copy(update={"ends": until, "last_departure": until}), 1)
    forgetful = World(1, long.ends, forgetful=True)
    sent = list[Message]()
    journey, reporter = long.begin(forgetful, sink=sent.append)
    known_at = {at: len(forgetful.cargoes) for at in journey.steps()}
    early = max(count for at, count in known_at.items() if at < long.starts + 90 * DAY)
    late = max(count for at, count in known_at.items() if at > long.ends - 90 * DAY)
    booked = sum(message.record["type"] == "cre.link.consignment_opened.v1" for message in sent)
    assert 0 < late < 1.5 * early < booked / 2
    assert not forgetful.happenings
    assert not forgetful.ladings
    assert not reporter.publication.reported
    assert not reporter.publication.messages


def test_the_demo_is_as_large_as_promised() -> None:
    world = simulate("polish-closure-2025")
    boxes = set[str]()
    count = 0
    for message in world.messages():
        count += message.copies
        if message.record["type"] == "cre.movement.loaded_on_wagon.v1":
            boxes |= {ref["id"] for ref in message.record["data"]["objects"]}
    assert len(world.timetable) >= 20
    assert len(boxes) >= 1_000
    assert count < 60_000, "more than can be published in three minutes"


def test_today_is_fifty_five_trains_a_day_and_ten_times_that_can_be_had() -> None:
    assert sum(service.per_day for service in services().values()) == pytest.approx(55, abs=1)
    known = scenario("ordinary-week")
    short = known.boxes.model_copy(
        update={"value": 1.0}
    )  # trains of one box: what matters here is their number
    world = simulate(known.model_copy(update={"boxes": short}), scale=10)
    days = (world.timetable[-1][0] - world.starts) / DAY
    assert len(world.timetable) / days == pytest.approx(550, rel=0.02)
    early = list(islice(world.messages(), 2_000))
    assert len({message.record["id"] for message in early}) > 1_500


def test_parties_of_all_kinds_and_manners_have_their_say() -> None:
    talking = {m.party for name in ("tiny", "polish-closure-2025") for m in small(name).messages()}
    roles = {role for party in talking for role in PARTIES[party].roles}
    assert roles >= {
        "operator",
        "railway",
        "customs",
        "forwarder",
        "bank",
        "shipper",
        "consignee",
        "terminal",
    }
    assert {PARTIES[party].manner for party in talking} == set(Manner)


def test_careless_parties_correct_themselves_more_often_than_honest_ones() -> None:
    said, corrected = Counter[Manner](), Counter[Manner]()
    for seed in (1, 2):
        for message in small("polish-closure-2025", seed).messages():
            manner = PARTIES[message.party].manner
            said[manner] += 1
            wrong = message.record["data"].get("reason") in ("WRONG_TIME", "WRONG_OBJECT")
            corrected[manner] += wrong
    rate = {manner: corrected[manner] / said[manner] for manner in Manner}
    assert rate[Manner.CARELESS] > 1.5 * rate[Manner.HONEST]


def test_messages_have_every_fault_that_messages_have() -> None:
    world = small("polish-closure-2025")
    messages = world.played.publication.messages
    reasons = Counter(m.record["data"].get("reason") for m in messages if "correction" in m.record["type"])
    assert min(reasons[why] for why in ("WRONG_TIME", "WRONG_OBJECT", "DID_NOT_HAPPEN", "INCOMPLETE")) > 0
    assert any(m.copies > 1 for m in messages)
    assert world.played.publication.equivocations > 0
    assert world.played.publication.disputed
    assert set(world.played.publication.meetings.values()) == {"CONFIRMED", "DIFFERENT", "ONE_SIDED"}
    seen = dict[tuple[str, str], int]()
    overtaken = 0
    for number, message in enumerate(messages):
        seen.setdefault((message.party, message.record["id"]), number)
    for message in messages:
        target = message.record["data"].get("target")
        if target is not None:
            overtaken += seen[message.party, message.record["id"]] < seen[message.party, target]
    assert overtaken > 0


def test_signing_as_they_come_gives_valid_batches_of_the_same_events() -> None:
    world, known = small("tiny"), profiles(1)
    kept = world.played.publication.messages
    at_once = sign_all(kept, known)
    streamed = list(sign_stream(world.messages(), known, at_once=100))
    assert [(o.party, o.message.identity, o.message.value) for _, o in streamed] == [
        (o.party, o.message.identity, o.message.value) for o in at_once
    ]
    assert [sent for sent, _ in streamed] == sorted(m.sent for m in kept for _ in range(m.copies))


def test_a_scenario_that_is_none_and_a_scale_that_is_none_are_named() -> None:
    with pytest.raises(UnknownScenario, match="polish-closure-2025"):
        simulate("nowhere")
    with pytest.raises(ValueError, match="above 0"):
        simulate("tiny", scale=-1)
    with pytest.raises(ValueError, match="no service 'teleport'"):
        running(scenario("tiny").model_copy(update={"services": ("teleport",)}))
