"""Generated shipments: honest papers contradict one another in one of 200 at most, and each lie in a number or code is found.

So is each amendment that one of two declarations did not follow, and nothing where both did.
"""

from __future__ import annotations

from collections import Counter
from datetime import date
from random import Random

import pytest

from services.testbed.amended_trade import AMENDED, AmendedTrade, amended
from services.testbed.bench.declarations import read_all
from services.testbed.paper_evaluation.evaluate import at_most, evaluate_papers
from services.testbed.trade_papers import LIES, Papers, honest, lie
from services.trade.domain.checks import findings
from services.trade.domain.finding import Finding, Verdict, rules
from services.trade.domain.in_step import in_step
from services.trade.domain.in_step_pair import PairStatus, Status
from services.trade.domain.in_step_rules import SIDES, step_rules
from services.trade.domain.paper import PaperSet
from services.trade.formats.filings import read_trade
from tests.support.profile import SEED, rounds

DAY = date(2026, 3, 20)
SHOWN = (Verdict.CONTRADICTION, Verdict.REVIEW)


def found(papers: Papers) -> tuple[PaperSet, tuple[Finding, ...]]:
    read = read_all(papers.files(), DAY)
    return read, findings(read, rules(DAY))


def key(finding: Finding) -> tuple[object, ...]:
    return (
        finding.check,
        finding.verdict,
        finding.line,
        finding.arithmetic,
        tuple((v.written, v.place) for v in finding.values),
    )


def beyond_any_check(papers: Papers, paper: str, name: str) -> bool:
    """A lie that nothing in the papers can show: pallets that no other paper counts, a customs value over an unstated freight."""
    pallets = papers.cn["level"] == "92" and (paper, name) == ("cn", "packages")
    unstated = not papers.cn["freight"] and name in ("rate", "line.customs_value")
    return pallets or unstated


@pytest.mark.randomised
def test_honest_papers_hardly_ever_contradict_one_another() -> None:
    count = rounds(40, 300)
    wrong = Counter(
        finding.check
        for seed in range(SEED, SEED + count)
        for finding in found(honest(Random(seed)))[1]
        if finding.verdict is Verdict.CONTRADICTION
    )
    assert sum(wrong.values()) * 200 <= count, wrong


@pytest.mark.randomised
def test_each_lie_in_a_number_or_code_is_found_in_its_paper() -> None:
    missed: Counter[tuple[str, str]] = Counter()
    told = 0
    for seed in range(SEED, SEED + rounds(4, 10)):
        random = Random(seed)
        papers = honest(random)
        honestly = {key(each) for each in found(papers)[1]}
        for paper, name in LIES:
            if beyond_any_check(papers, paper, name):
                continue
            told += 1
            _, findings_of = found(lie(random, papers, paper, name))
            new = [each for each in findings_of if each.verdict in SHOWN and key(each) not in honestly]
            missed[paper, name] += not any(
                v.place.file == f"{paper}.xml" for each in new for v in each.values
            )
    assert sum(missed.values()) * 50 <= told, +missed


@pytest.mark.randomised
def test_lies_of_a_world_are_found_and_its_honest_consignments_are_not_accused() -> None:
    """Fails where what is seen is all but impossible (one of ten thousand) under the promised shares, not where it is merely unlucky."""
    found = evaluate_papers([SEED + 70_000], rounds(12, 250), rounds(1, 6))
    together, honest = found["numbers_and_codes"], found["honest"]
    missed = [each for each in found["lies"] if each["found"] < each["seeded"]]
    assert at_most(together["found"], together["seeded"], 0.98) > 1e-4, missed
    accused, count = honest["accused"], honest["consignments"]
    assert accused == 0 or 1 - at_most(accused - 1, count, 1 / 200) > 1e-4, honest["by_check"]
    assert all(each["seeded"] for each in found["lies"])


def test_no_value_is_lost_or_doubted_in_honest_papers() -> None:
    read, _ = found(honest(Random(11), 20))
    assert [len(paper.lines) for paper in read.papers if paper.kind != "CN_DECLARATION"] == [20] * 5
    assert not [remark for paper in read.papers for remark in paper.remarks]


def test_the_order_of_files_changes_no_verdict() -> None:
    files = lie(Random(1), honest(Random(3), 8), "dt", "line.amount").files()
    backwards = dict(reversed(files.items()))
    one, other = (
        Counter((each.check, each.verdict) for each in findings(read_all(each_files, DAY), rules(DAY)))
        for each_files in (files, backwards)
    )
    assert one == other


def statuses(trade: AmendedTrade) -> tuple[PairStatus, ...]:
    read = read_trade(list(trade.files.items()), DAY)
    assert not read.refused
    return in_step(read.datasets, read.filings, read.corrections, step_rules(DAY))


@pytest.mark.randomised
def test_an_amendment_that_one_side_did_not_follow_is_found_on_that_side_and_element_and_nowhere_else() -> (
    None
):
    missed: Counter[tuple[str, str]] = Counter()
    wrong: Counter[str] = Counter()
    count = 0
    for seed in range(SEED, SEED + rounds(3, 60)):
        for name in AMENDED:
            for behind in ("cn", "dt", ""):
                trade = amended(Random(seed), name, behind)
                found = [each for each in statuses(trade) if each.status not in (Status.SAME, Status.ALLOWED)]
                count += 1
                stale = {
                    (each.element, each.line, SIDES[lag.kind].lower()) for each in found for lag in each.lags
                }
                missed[name, behind] += bool(behind) and (trade.element, trade.line, behind) not in stale
                wrong[name] += any(each.element != trade.element or not behind for each in found)
    assert sum(missed.values()) * 50 <= count, +missed
    assert sum(wrong.values()) * 200 <= count, +wrong
