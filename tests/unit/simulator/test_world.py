"""The simulated world: the same seed gives the same bytes, and it shares nothing with what it judges."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path
from random import Random

import pytest

from schemas.identifiers import iso6346, wagon
from schemas.identifiers.check_digit import CheckDigit
from services.ledger.admission.evaluation import admit
from services.ledger.admission.model import AdmissionSettings, Admitted, Record, Refused
from services.processors.topics.declaration import read_declaration
from services.testbed.simulator import numbers
from services.testbed.simulator.conduct import FORBIDDEN_AS
from services.testbed.simulator.parties import PARTIES
from services.testbed.simulator.signed_messages import (
    BREAKS,
    Outgoing,
    expected,
    profiles,
    sign_all,
    sprinkle,
)
from services.testbed.simulator.simulate import NOW, Scale, Simulation, simulate
from tests.unit.simulator.conftest import registry_of, world

FOLDER = Path(__file__).resolve().parents[3] / "services" / "testbed" / "simulator"
SETTINGS = AdmissionSettings("demo", frozenset({"cre.gateway.v1"}))


def outgoing(simulation: Simulation) -> list[Outgoing]:
    return sign_all(simulation.publication.messages, profiles(simulation.scale.seed))


def record(out: Outgoing, offset: int) -> Record:
    message = out.message
    return Record(message.topic, 0, offset, NOW // 1_000, list(message.headers), message.value)


def test_the_same_scale_gives_the_same_bytes_and_truth() -> None:
    scale = Scale(seed=5, trains=3, boxes=5)
    one, other = simulate(scale), simulate(scale)
    assert one.truths == other.truths
    assert [o.message for o in outgoing(one)] == [o.message for o in outgoing(other)]
    assert outgoing(simulate(Scale(seed=6, trains=3, boxes=5))) != outgoing(one)


def test_a_further_train_changes_nothing_of_how_the_others_leave() -> None:
    few, more = world(5, trains=2, boxes=4, days=30), world(5, trains=2, boxes=5, days=30)
    assert {
        h.at
        for h in few.world.happenings
        if h.what == "movement.departed" and h.place.endswith("xian-intl-port")
    } == {
        h.at
        for h in more.world.happenings
        if h.what == "movement.departed" and h.place.endswith("xian-intl-port")
    }


def test_the_world_shares_no_code_with_the_folds() -> None:
    modules = list(FOLDER.glob("*.py"))
    assert modules
    for path in modules:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            for name in names:
                assert not name.startswith(
                    (
                        "services.domain",
                        "services.ledger.storage",
                        "services.processors",
                        "services.financing",
                        "services.credit",
                        "services.cases",
                    )
                ), (
                    path,
                    name,
                )
                if path.stem != "signed_messages":
                    assert name.startswith(
                        ("services.testbed.simulator", "schemas.railnet")
                    ) or not name.startswith(("services", "schemas.")), (path, name)


def test_the_cast_matches_the_declared_topics() -> None:
    declared = {topic.name: set(topic.parties) for topic in read_declaration().topics}
    for topic, parties in declared.items():
        assert parties == {
            party.code for party in PARTIES.values() if party.topic == topic and party.own_topic
        }
    assert {party.topic for party in PARTIES.values()} == declared.keys()
    assert all("simulated" in party.name and "simulated" in party.source for party in PARTIES.values())


def test_trains_are_spread_along_the_way() -> None:
    shown = Counter(
        truth.movement.what
        for truth in world(7, trains=24, boxes=6, days=60).truths.values()
        if truth.movement
    )
    assert len(shown) >= 6, shown


@pytest.mark.parametrize("seed", [1, 2])
def test_the_platform_accepts_what_is_good_and_counts_what_the_world_counts(seed: int) -> None:
    simulation = world(seed, trains=4, boxes=8)
    accepted: dict[bytes, set[bytes]] = {}
    admitted = 0
    for number, out in enumerate(outgoing(simulation)):
        answer = admit(record(out, number), registry_of(seed), SETTINGS)
        if out.refused_as:
            assert isinstance(answer, Refused), answer
            assert answer.reason.value == out.refused_as
            continue
        assert isinstance(answer, Admitted), answer
        accepted.setdefault(answer.event, set()).add(answer.content)
        admitted += 1
    publication = simulation.publication
    assert len(accepted) == publication.accepted
    assert sum(len(contents) > 1 for contents in accepted.values()) == publication.equivocations > 0
    assert admitted - sum(len(contents) for contents in accepted.values()) == publication.duplicates > 0


def test_every_broken_message_is_refused_for_its_reason() -> None:
    simulation = world(3, trains=4, boxes=8)
    mixed = sprinkle(outgoing(simulation), profiles(3), Random(3), 0.05)
    broken = [out for out in mixed if out.refused_as]
    assert {out.refused_as for out in broken} == {*BREAKS, FORBIDDEN_AS}
    for number, out in enumerate(broken):
        answer = admit(record(out, number), registry_of(3), SETTINGS)
        assert isinstance(answer, Refused), out
        assert answer.reason.value == out.refused_as, (answer.reason, answer.detail, out)
    assert sum(expected(mixed).values()) == len(broken)


def test_numbers_carry_right_check_digits_and_a_slip_is_another_number() -> None:
    for serial in range(1, 200):
        number = numbers.container(serial)
        assert iso6346.parse(number).check is CheckDigit.OK, number
        assert numbers.transposed(number) != number
    for railway in ("ktz", "pkp"):
        assert wagon.parse(numbers.wagon(railway, 7)).check is CheckDigit.OK
