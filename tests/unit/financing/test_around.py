"""What stands around the stories: the product table, other registries, rotation and skew, the ten questions, the clock."""

from __future__ import annotations

from dataclasses import replace

import pytest

from services.financing.domain import external_registries, products
from services.financing.domain.covenants import COVENANTS
from services.financing.domain.decisions import Action, DecisionOutcome
from services.financing.domain.external_registries import RegistryAnswer, RegistryFinding, TestRegistry
from services.financing.domain.fingerprints import Kind, Version, normalise_1
from services.financing.domain.guards import GUARDS
from services.financing.domain.questions import Enquiry, ten_questions
from services.financing.domain.requests import UNKNOWN, Reply
from services.financing.domain.statements import live
from tests.support.financing.stories import Case, cases, micros
from tests.support.financing.world import KEY, World, cargo_of

BY_SLUG = {case.slug: case for case in cases()}
LIFE: Case = BY_SLUG["02_goods_on_their_way"]
RECEIVABLE: Case = BY_SLUG["01_a_receivable_from_application_to_release"]
PROBING: Case = BY_SLUG["07_take_over_with_consent"]
NOON = micros("2026-03-02T15:00+08:00")


@pytest.mark.parametrize("product", products.products().rows.values(), ids=lambda product: product.name)
def test_the_table_names_only_what_exists(product: products.Product) -> None:
    assert {*product.pledge, *product.draw} <= GUARDS.keys()
    assert product.covenants <= COVENANTS
    assert product.keys <= {kind.value for kind in Kind if kind.exact}
    assert product.applicants
    assert 0 < product.highest_advance <= 10_000
    if product.interests == {products.Interest.RECEIVABLE}:
        assert not product.blocks_release, "a receivable never blocks the release"
        assert "NOT_DELIVERED" not in {*product.pledge, *product.draw}, "it may be financed after delivery"
    else:
        assert product.blocks_release
        assert {"CONTROL", "NOT_DELIVERED"} <= {*product.pledge}


def test_a_broken_table_is_refused() -> None:
    text = products.TABLE.read_text(encoding="utf-8")
    for wrong in (
        text.replace('"RECEIVABLE"', '"LUCK"'),
        text.replace('draws = "ONE"', 'draws = "SOME"'),
        text.replace('"UNCONTESTED"', '"CONTESTED"'),
    ):
        with pytest.raises((ValueError, KeyError)):
            products.read_products(wrong)


def drawn(world: World) -> tuple[DecisionOutcome, str]:
    """Reserve and pledge, then ask for money."""
    for number in (0, 1, 2):
        ask, at, cargo = RECEIVABLE.ask(number)
        decision, _ = world.ask(ask, at, cargo)
    return decision.outcome, decision.guard


def test_another_registry_that_is_silent_never_counts_as_clear() -> None:
    """Attack 8: financed outside the platform."""
    when = micros("2026-03-25T09:00+08:00")
    clear = RegistryAnswer("tfr", RegistryFinding.CLEAR, when)
    for answers, expected in (
        ([clear], (DecisionOutcome.DONE, "")),
        ([], (DecisionOutcome.REFUSED, "EXTERNAL_CLEAR")),
        (
            [RegistryAnswer("tfr", RegistryFinding.UNAVAILABLE, when)],
            (DecisionOutcome.REFUSED, "EXTERNAL_CLEAR"),
        ),
        (
            [clear, RegistryAnswer("tfr", RegistryFinding.HIT, when + 1)],
            (DecisionOutcome.REFUSED, "EXTERNAL_CLEAR"),
        ),
        (
            [clear, RegistryAnswer("tfr", RegistryFinding.UNAVAILABLE, when + 1)],
            (DecisionOutcome.REFUSED, "EXTERNAL_CLEAR"),
        ),
        ([clear._replace(at=when - external_registries.FRESH)], (DecisionOutcome.REFUSED, "EXTERNAL_CLEAR")),
        ([clear._replace(registry="another")], (DecisionOutcome.REFUSED, "EXTERNAL_CLEAR")),
    ):
        world = World(heard=RECEIVABLE.heard(), external=answers, required=frozenset({"tfr"}))
        assert drawn(world) == expected, answers


def test_a_hit_elsewhere_refuses_the_reservation() -> None:
    ask, at, cargo = RECEIVABLE.ask(0)
    asked = TestRegistry("tfr", {"INV-0417": RegistryFinding.HIT}).ask(ask.papers, at)
    world = World(heard=RECEIVABLE.heard(), external=[asked], required=frozenset({"tfr"}))
    decision, _ = world.ask(ask, at, cargo)
    assert (decision.outcome, decision.guard) == (DecisionOutcome.REFUSED, "EXTERNAL_CLEAR")
    quiet = TestRegistry("tfr", {"INV-0417": RegistryFinding.UNAVAILABLE}).ask(ask.papers, at)
    assert (
        World(heard=RECEIVABLE.heard(), external=[quiet], required=frozenset({"tfr"}))
        .ask(ask, at, cargo)[0]
        .outcome
        is DecisionOutcome.DONE
    )


def old_fashioned(text: str) -> str:
    """A normaliser of long ago, which knew no look-alikes."""
    return "".join(character for character in text.upper() if character.isalnum())


def skewed(first: list[Version], then: list[Version]) -> DecisionOutcome:
    """One bank reserves under the versions of ``first``, another asks for the same under those of ``then``."""
    world = World(heard=PROBING.heard(), versions=first)
    ask, at, cargo = PROBING.ask(0)
    assert world.ask(ask, at, cargo)[0].outcome is DecisionOutcome.DONE
    world.versions = then
    rival, _, cargo = PROBING.ask(2)
    return world.ask(rival, NOON, cargo)[0].outcome


def test_double_financing_across_a_rotation_and_a_new_normaliser_is_found() -> None:
    """Attack 17: two versions give two fingerprints; whoever checks looks under each that still counts."""
    old, new = Version(1, KEY, old_fashioned), Version(2, KEY[::-1], normalise_1)
    assert skewed([old], [old, new]) is DecisionOutcome.REFUSED
    assert skewed([old], [replace(old, open=False), new]) is DecisionOutcome.REFUSED
    assert skewed([old, new], [new]) is DecisionOutcome.REFUSED, "reserved under both, found by either"
    assert skewed([old, new], [old]) is DecisionOutcome.REFUSED
    # That the goods are the same still shows; that it is the same paper does not, so nobody may decide without the older key.
    assert skewed([old], [new]) is DecisionOutcome.REVIEW


def test_ten_questions_have_ten_answers() -> None:
    world = World(heard=LIFE.heard())
    for number in range(8):
        ask, at, cargo = LIFE.ask(number)
        world.ask(ask, at, cargo)
    now = micros("2026-03-21T00:00Z")
    status = world.status("abank/GD-1", "abank", now)
    assert status is not None
    cargo_seen = cargo_of(world.heard, world.cargo["abank/GD-1"][0], now, now)
    assert cargo_seen is not None
    words = tuple(live(world.record(), now, now))
    answers = ten_questions(Enquiry(status, (cargo_seen,), words, Reply("REFUSED", match="EXACT"), None, 41))
    assert [answer.number for answer in answers] == list(range(1, 11))
    by_number = {answer.number: answer for answer in answers}
    assert by_number[1].value["match"] == "EXACT"  # type: ignore[index]
    assert by_number[3].value is None, "no filing is known, and that is said"
    assert by_number[4].sources == ("cr",)
    assert by_number[5].value == {
        "release_blocked": True,
        "in_control": ["abank"],
        "consignee_may_dispose": None,
        "not_in_control": [],
    }
    assert by_number[7].value is None, "without consent there are no signals"
    assert by_number[9].value == status.history
    assert by_number[10].value == 41
    assert all(answer.position == status.position for answer in answers)


def test_nobody_is_told_of_another_bank() -> None:
    """Whatever is refused: no answer names who holds the interest."""
    for case in BY_SLUG.values():
        world = World(heard=case.heard())
        for number in range(len(case.asks)):
            ask, at, cargo = case.ask(number)
            _, told = world.ask(ask, at, cargo)
            others = {"abank", "bbank"} - {ask.asked_by}
            said = repr(told._replace(match=""))
            assert not any(other in said for other in others), (case.slug, number, said)


def test_the_answer_for_the_unknown_is_one() -> None:
    assert Reply("UNKNOWN") == UNKNOWN
    assert UNKNOWN.number is None, "not even that something was recorded"


def test_decisions_on_cargo_and_on_financings_are_told_apart() -> None:
    assert {action for action in Action if action.disposes} == {
        Action.RELEASE_ORDER,
        Action.RECONSIGN,
        Action.TRANSFER,
    }
