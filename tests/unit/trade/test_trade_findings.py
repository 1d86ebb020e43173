"""Findings of a trade from papers and explanations: what an explanation counts for, what a digest hides, what counts where versions fork."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from itertools import permutations
from typing import Any

import pytest

from schemas.events.trade import FindingExplained
from schemas.reasons import Refusal
from services.cli.declare_findings import explanation_of
from services.trade.domain.dataset import Dataset, DatasetLine
from services.trade.domain.filing import Amendment, Filing, Phase
from services.trade.domain.finding import Verdict, rules
from services.trade.domain.in_step_filings import Correction
from services.trade.domain.paper import Kind, Line, Paper
from services.trade.domain.trade_findings import (
    Explanation,
    Source,
    TradeFinding,
    checks_version,
    digest_of,
    judged,
)
from services.trade.domain.values import Code, Field, Money, Place
from services.trade.formats.trade_papers import paper_sets

RULES = rules(date(2026, 3, 20))
CN, DT = "CN/1", "RU/2"
STATED = {"v1": Source("DATASET"), "v2": Source("DATASET"), "cn": Source("CN_DECLARATION", CN), "dt": Source("EAEU_DECLARATION", DT)}  # fmt: skip
SALTS = {source: f"salt of {source}" for source in STATED.values()}


def dataset(amount: str, version: int = 1, previous: str = "") -> Dataset:
    price = Decimal(amount)
    line = DatasetLine(
        "L1", "Sensors AB-120", Code("HS", "854143", 2022), "CN", Decimal(1), "C62", price, price
    )
    return Dataset("T-1", version, previous, "CNY", "", "", (), (line,))


def paper(kind: Kind, event: str, amount: str) -> Paper:
    at = Place(event, "/lines/0/amount")
    line = Line("1", Place(event, "/lines/0"), amount=Field(Money(Decimal(amount), "CNY"), amount, at))
    return Paper(kind, Place(event, "/declared"), lines=(line,), sha256=f"{event}{amount}")


def filing(kind: Kind, event: str, declaration: str, amount: str, **more: Any) -> Filing:
    return Filing(declaration, kind, "T-1", "", 1_000, paper(kind, event, amount), **more)


BOTH = (
    filing(Kind.CN_DECLARATION, "cn", CN, "100"),
    filing(Kind.EAEU_DECLARATION, "dt", DT, "140"),
)


def found(
    datasets: dict[str, Dataset],
    filings: Any = BOTH,
    corrections: Any = (),
    explanations: tuple[Explanation, ...] = (),
    salts: Any = SALTS,
) -> tuple[TradeFinding, ...]:
    sets, doubles = paper_sets(datasets, filings, corrections, ())
    return judged(sets, doubles, STATED, explanations, salts, RULES)


def of(findings: tuple[TradeFinding, ...], check: str, verdict: Verdict = Verdict.CONTRADICTION) -> Any:
    return [each for each in findings if (each.finding.check, each.finding.verdict) == (check, verdict)]


def explanation(of: TradeFinding, event: str = "x", digest: str = "") -> Explanation:
    return Explanation(event, "ruhr", 5, of.finding.check, "", digest or of.digest, "Resold.")


def test_an_explanation_marks_its_finding_alone_and_leaves_it() -> None:
    before = found({"v1": dataset("100")})
    (price,) = of(before, "D04")
    after = found({"v1": dataset("100")}, explanations=(explanation(price), explanation(price)))
    assert [each.finding for each in after] == [each.finding for each in before]
    assert [each for each in after if each.explained] == [replace(price, explanations=(explanation(price),))]
    assert [each.open for each in of(after, "D04")] == [False]
    (other,) = of(before, "D03")
    wrong = found(
        {"v1": dataset("100")}, explanations=(replace(explanation(price), check=other.finding.check),)
    )
    assert not any(each.explained for each in wrong)


def test_an_explanation_lapses_with_the_values_and_comes_back_with_them() -> None:
    (price,) = of(found({"v1": dataset("100")}), "D04")
    said = (explanation(price),)
    other = (BOTH[0], filing(Kind.EAEU_DECLARATION, "dt", DT, "141"))
    assert not of(found({"v1": dataset("100")}, other, explanations=said), "D04")[0].explained
    newer = {"v1": (first := dataset("100")), "v2": dataset("101", 2, first.digest)}
    assert of(found(newer, explanations=said), "D04")[0].explained, "the version changed another value"
    correction = Correction(
        DT,
        Amendment("K-1", 2_000, "", frozenset(), "", paper(Kind.EAEU_DECLARATION, "dt", "150")),
    )
    assert not of(found({"v1": dataset("100")}, corrections=[correction], explanations=said), "D04")[
        0
    ].explained


def test_a_digest_is_another_one_under_the_salt_of_any_paper_that_is_compared_and_the_same_under_others() -> (
    None
):
    (price,) = of(found({"v1": dataset("100")}), "D04")
    for source, changes in ((STATED["cn"], True), (STATED["dt"], True), (STATED["v1"], False)):
        salts = {**SALTS, source: "another"}
        assert (digest_of(price.finding, STATED, salts) != price.digest) == changes, source
    second = Source("CN_DECLARATION", "CN/3")
    assert digest_of(price.finding, STATED, {**SALTS, second: "of a paper beyond a long sum"}) != price.digest


def test_where_versions_fork_each_head_is_compared() -> None:
    heads = {"v1": dataset("100"), "v2": dataset("90")}
    contradictions = of(found(heads), "D02")
    assert {each.finding.values[0].place.file for each in contradictions} == {"v2"}
    assert [each.finding.values[0].place.file for each in of(found(heads), "D02", Verdict.MATCH)][:1] == [
        "v1"
    ]


def test_a_declaration_that_ended_declares_nothing_and_one_number_with_two_contents_is_said() -> None:
    ended = (BOTH[0], filing(Kind.EAEU_DECLARATION, "dt", DT, "140", phase=Phase.CANCELLED))
    assert of(found({"v1": dataset("100")}, ended), "D04") == []
    twice = (*BOTH, filing(Kind.EAEU_DECLARATION, "v2", DT, "141"))
    (double,) = of(found({"v1": dataset("100")}, twice), "D31")
    assert double.finding.arithmetic.startswith("2 x")


def test_any_order_of_everything_gives_the_same() -> None:
    datasets = {"v1": (first := dataset("100")), "v2": dataset("101", 2, first.digest)}
    wanted = found(datasets)
    for order in permutations(BOTH):
        assert found(dict(reversed(datasets.items())), order) == wanted


def test_the_version_of_the_checks_is_short_and_stable() -> None:
    assert len(checks_version()) == 16
    assert checks_version() == checks_version()


@pytest.mark.parametrize(
    "text", ["Ask ИП Иванов И. И.", "Paid by 770708389312.", "see 110101199003078515 there"]
)
def test_an_explanation_names_no_natural_person(text: str) -> None:
    draft = explanation_of(
        "optic/T-1", {"check": "D04", "lines": "", "digest": "0" * 64}, text, "2026-03-17T09:00:00Z"
    )
    with pytest.raises(Refusal) as refused:
        FindingExplained.model_validate({"salt": "00" * 16, **draft.data}).check()
    assert refused.value.pointer == "/text"
