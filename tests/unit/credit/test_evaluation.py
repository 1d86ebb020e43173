"""The measures give what textbooks say, the generator knows nothing of the scorer, and the report says that it is simulated."""

from __future__ import annotations

import ast
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.credit.domain.consignment_signals import observe
from services.credit.domain.signals import model
from services.domain.objects import consignment
from services.testbed.credit_evaluation import narrative, population
from services.testbed.credit_evaluation.evaluate import (
    ScoredFirm,
    acceptance,
    auc,
    calibration,
    calibration_error,
    evaluate,
    ratio,
)
from services.testbed.credit_evaluation.population import shipments

outcomes = st.lists(st.builds(ScoredFirm, st.integers(0, 20), st.booleans()), max_size=40)


@given(outcomes)
def test_auc_is_the_share_of_pairs_in_the_right_order(drawn: list[ScoredFirm]) -> None:
    good = [o.score for o in drawn if not o.defaulted]
    bad = [o.score for o in drawn if o.defaulted]
    pairs = [Fraction(1) if g > b else Fraction(1, 2) if g == b else Fraction(0) for g in good for b in bad]
    assert auc(drawn) == (sum(pairs, Fraction(0)) / len(pairs) if pairs else None)


def test_calibration_compares_the_two_halves() -> None:
    known = [ScoredFirm(score, score < 30) for score in range(100)]
    tested = [ScoredFirm(score, score < 20) for score in range(100)]
    bands = calibration(known, tested)
    assert [(b.low, b.expected, b.observed) for b in bands[:2]] == [
        (0, Fraction(1), Fraction(1)),
        (20, Fraction(1, 2), Fraction(0)),
    ]
    assert calibration_error(bands) == Fraction(1, 10)
    assert calibration_error(()) is None


def test_four_fifths() -> None:
    assert acceptance([700, 600, None, 650], 650) == Fraction(1, 2)
    assert ratio(Fraction(1, 2), Fraction(2, 5)) == Fraction(4, 5)
    assert ratio(Fraction(0), Fraction(0)) is None
    assert acceptance([], 1) is None


def test_the_generator_shares_nothing_with_the_scorer() -> None:
    """What firms do is written down without a look at signals, weights or tables: the module imports only the language."""
    tree = ast.parse(Path(population.__file__).read_text(encoding="utf-8"))
    imported = {
        name.name if isinstance(node, ast.Import) else node.module
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in node.names
    }
    assert imported == {"__future__", "math", "random", "collections.abc", "dataclasses"}


@pytest.fixture(scope="module")
def report() -> dict[str, object]:
    return evaluate(120, 4, model())


@pytest.mark.long
def test_the_report_says_that_it_is_simulated(report: dict[str, object]) -> None:
    assert report["simulated"] is True
    assert "SIMULATED" in str(report["notice"])


@pytest.mark.long
def test_four_fifths_of_small_and_inland_firms_are_accepted_as_of_the_others(report: dict[str, Any]) -> None:
    found = {each["groups"]: each for each in report["fairness"]}
    assert set(found) == {"small and large", "coastal and inland"}
    for each in found.values():
        low, high = sorted(each["accepted_ppm"])
        assert low > 0
        assert each["ratio_ppm"] == pytest.approx(low * 1_000_000 / high, abs=5)
        assert each["ratio_ppm"] >= 800_000
        assert each["four_fifths"] is True


@pytest.mark.long
def test_the_score_tells_good_from_bad(report: dict[str, object]) -> None:
    assert isinstance(report["auc_ppm"], int)
    assert report["auc_ppm"] > 600_000
    assert isinstance(report["scored"], int)
    assert isinstance(report["insufficient_data"], int)
    assert report["scored"] + report["insufficient_data"] == 120
    assert report["insufficient_data"] > 0, "small firms with few consignments have no score"


def test_the_same_seed_gives_the_same_report() -> None:
    assert evaluate(6, 9, model()) == evaluate(6, 9, model())


def test_policy_detentions_of_inland_firms_leave_no_trace() -> None:
    """Only inland firms are held by policy; told without those detentions their records are the same, to the digest."""
    firm = next(f for f in population.population(50, 3) if f.inland and f.large)
    held = [s for s in shipments(firm, 3) if s.held_by_policy]
    assert held
    for shipment in held:
        subject = consignment("operator", f"{firm.code}-{shipment.number}")
        with_it = observe(*narrative.facts_of(firm, shipment), subject, model())
        without = observe(
            *narrative.facts_of(firm, replace(shipment, held_by_policy=False)), subject, model()
        )
        assert {o._replace(events=()) for o in with_it} == {o._replace(events=()) for o in without}
