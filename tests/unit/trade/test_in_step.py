"""Declarations in step: a status for each pair and element by a dated table; what cannot be decided is a question; order and copies change nothing."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from decimal import Decimal
from random import Random
from typing import Any

import pytest

from services.trade.domain.dataset import Dataset
from services.trade.domain.filing import Amendment, ChangeClass, Filing, LineLink, Phase
from services.trade.domain.in_step import in_step
from services.trade.domain.in_step_filings import Correction, Reason
from services.trade.domain.in_step_pair import PairStatus, Status
from services.trade.domain.in_step_rules import step_rules
from services.trade.domain.paper import Kind, Line, Paper
from services.trade.formats.dataset import read
from tests.support.invariants import holds_for
from tests.support.profile import SEED, rounds
from tests.support.trade_values import cn, code, d, dt, f, line, qty, td, usd

DAY = date(2026, 3, 20)
RULES = step_rules(DAY)
HOUR = 3_600_000_000
LODGED = 1_772_000_000_000_000
L1 = {"id": "L1", "description": "Laptop AB-120", "code": "8471300000", "origin": "CN", "quantity": "10", "unit": "C62", "price": "1.2", "amount": "12",
      "gross": "5", "net": "4", "packages": 2}  # fmt: skip
L2 = {**L1, "id": "L2", "quantity": "4", "amount": "4.8", "gross": "3", "net": "2", "packages": 1}


def version(number: int, before: Dataset | None = None, **members: Any) -> Dataset:
    stated = {"reference": "T-1", "version": number, "previous": before.digest if before else "", "currency": "USD", "terms": "FCA",
              "lines": [L1, L2], **members}  # fmt: skip
    return read(json.dumps(stated).encode(), DAY)


V1 = version(1)
V2 = version(2, V1, lines=[{**L1, "amount": "15"}, L2])
LINKS = (LineLink("L1", "1"), LineLink("L2", "2"))


def goods(number: int, quantity: str, amount: str, digits: str = "8471300000", **more: Any) -> Line:
    return line(number, code=code(digits), quantity=qty(quantity), amount=usd(amount), **more)


def first(amount: str = "12", **more: Any) -> tuple[Line, Line]:
    return goods(1, "10", amount, **more), goods(2, "4", "4.8")


def filed(
    paper: Paper, number: str, version: Dataset = V1, links: tuple[LineLink, ...] = LINKS, **more: Any
) -> Filing:
    return Filing(
        number,
        paper.kind,
        "T-1",
        version.digest,
        LODGED,
        replace(paper, number=f(number)),
        links=links,
        **more,
    )


def amended(
    number: str, *lines: Line, at: int = 1, of: type[Paper] | Any = dt, version: str = "", **more: Any
) -> Amendment:
    return Amendment(
        number, LODGED + at * HOUR, "", frozenset({ChangeClass.COST}), version, of(*lines), **more
    )


EXPORT = filed(cn(*first()), "CN1")
IMPORT = filed(dt(*first()), "DT1")


def of(statuses: tuple[PairStatus, ...], element: str, line: str = "") -> PairStatus:
    (found,) = [each for each in statuses if each.element == element and each.line == line and each.right]
    return found


def judged(
    *filings: Filing, versions: tuple[Dataset, ...] = (V1,), corrections: tuple[Correction, ...] = ()
) -> tuple[PairStatus, ...]:
    return in_step(versions, filings, corrections, RULES)


def outcome(status: PairStatus) -> tuple[Status, Reason]:
    return status.status, status.reason


def test_what_agrees_is_the_same_and_what_law_makes_different_is_allowed_by_a_rule_with_its_source() -> None:
    national = filed(dt(*first(digits="8471309900")), "DT1")
    found = judged(EXPORT, national)
    assert outcome(of(found, "21", "L1")) == (Status.SAME, Reason.AGREES)
    assert outcome(of(found, "24", "L1")) == (Status.SAME, Reason.AGREES)
    digits = of(found, "24n", "L1")
    assert outcome(digits) == (Status.ALLOWED, Reason.BY_RULE)
    assert digits.rule is not None
    assert (digits.rule.rule, digits.rule.source, digits.rule.valid_from) == (
        "NATIONAL_DIGITS",
        "crosswalk 24: digits 7 to 10 are national",
        date(2018, 1, 1),
    )
    assert {each.status for each in found} == {Status.SAME, Status.ALLOWED}


def test_the_side_that_did_not_follow_a_version_is_stale_since_it_with_both_values_as_written() -> None:
    followed = replace(IMPORT, amendments=(amended("DT1/01", *first("15"), version=V2.digest),))
    status = of(judged(EXPORT, followed, versions=(V2, V1)), "21", "L1")
    assert outcome(status) == (Status.STALE, Reason.DATASET_MOVED)
    assert [[each.written for each in side] for side in status.values] == [["12"], ["15"]]
    (lag,) = status.lags
    assert (lag.declarations, lag.since.version, lag.due.day) == (("CN1",), 2, None)
    assert "no term" in lag.due.source
    both = of(judged(EXPORT, IMPORT, versions=(V1, V2)), "21", "L1")
    assert (both.status, [lag.declarations for lag in both.lags]) == (Status.STALE, [("CN1",), ("DT1",)])
    assert of(judged(EXPORT, followed, versions=(V2, V1)), "21", "L2").status is Status.SAME


@holds_for(
    {
        "an amendment that the dataset does not know": (EXPORT, {}, (Status.STALE, Reason.OTHER_AMENDED)),
        "while it is inspected": (replace(EXPORT, phase=Phase.INSPECTED), {}, (Status.FROZEN, Reason.INSPECTION)),
        "after release": (replace(EXPORT, phase=Phase.RELEASED), {}, (Status.FROZEN, Reason.RELEASE)),
        "customs corrected it": (EXPORT, {"by_customs": True}, (Status.ALLOWED, Reason.BY_CUSTOMS)),
        "the authority refused to follow": (
            replace(EXPORT, amendments=(amended("CN1-2", *first("15"), of=cn, at=2, refused=True),)), {}, (Status.REFUSED, Reason.CHANGE_REFUSED)),
        "an amendment that was refused itself": (EXPORT, {"refused": True}, (Status.SAME, Reason.AGREES)),
        "both amended, to two values": (
            replace(EXPORT, amendments=(amended("CN1-2", *first("14"), of=cn),)), {}, (Status.QUESTION, Reason.BOTH_AMENDED)),
    }
)  # fmt: skip
def test_an_amendment_of_one_side(case: tuple[Filing, dict[str, Any], tuple[Status, Reason]]) -> None:
    export, more, expected = case
    moved = replace(IMPORT, amendments=(amended("DT1/01", *first("15"), **more),))
    assert outcome(of(judged(export, moved), "21", "L1")) == expected


def test_different_from_the_start_is_a_question() -> None:
    assert outcome(of(judged(EXPORT, filed(dt(*first("13")), "DT1")), "21", "L1")) == (
        Status.QUESTION,
        Reason.DIFFERS_FROM_START,
    )


def test_lines_are_merged_and_split_by_stated_links_and_never_guessed() -> None:
    merged = filed(dt(goods(1, "14", "16.8")), "DT1", links=(LineLink("L1", "1"), LineLink("L2", "1")))
    status = of(judged(EXPORT, merged), "21", "L1+L2")
    assert (status.status, len(status.values[0]), len(status.values[1])) == (Status.SAME, 2, 1)
    halves = tuple(
        filed(cn(goods(n, str(quantity), str(amount))), f"CN{n}", links=(LineLink("L1", str(n)),))
        for n, quantity, amount in ((1, 6, Decimal("7.2")), (2, 4, Decimal("4.8")))
    )
    one = filed(dt(goods(1, "10", "12")), "DT1", links=(LineLink("L1", "1"),))
    split = of(judged(*halves, one), "33", "L1")
    assert (split.status, split.left) == (Status.SAME, ("CN1", "CN2"))
    bare = judged(EXPORT, filed(dt(*first()), "DT1", links=()))
    assert [(each.left, each.line) for each in bare if each.reason is Reason.NO_LINK] == [(("DT1",), "1+2")]
    assert not [each for each in bare if each.element == "21"]
    lacking = judged(EXPORT, filed(dt(goods(1, "10", "12")), "DT1", links=LINKS[:1]))
    assert [(each.left, each.line) for each in lacking if each.reason is Reason.UNCOVERED] == [
        (("DT1",), "L2")
    ]


@holds_for(
    {
        "before its original": ((), (Correction("DT9", amended("DT9/01", *first("15"))),), Reason.NO_ORIGINAL),
        "earlier than its original": ((IMPORT,), (Correction("DT1", amended("DT1/01", *first("15"), at=-48)),), Reason.BEFORE_ORIGINAL),
        "of a cancelled declaration": (
            (replace(IMPORT, phase=Phase.CANCELLED, frozen=LODGED + HOUR),), (Correction("DT1", amended("DT1/01", *first("15"), at=2)),),
            Reason.OF_CANCELLED),
        "twice, with two contents": (
            (IMPORT,), (Correction("DT1", amended("DT1/01", *first("15"))), Correction("DT1", amended("DT1/01", *first("16")))),
            Reason.AMENDED_TWICE),
        "in a circle": (
            (), (Correction("B", amended("A", *first("15"))), Correction("A", amended("B", *first("16")))), Reason.CIRCLE),
        "one number for two declarations": ((IMPORT, filed(dt(*first("99")), "DT1")), (), Reason.NUMBER_TWICE),
    }
)  # fmt: skip
def test_what_has_no_place_is_a_question_and_changes_nothing(
    case: tuple[tuple[Filing, ...], tuple[Correction, ...], Reason],
) -> None:
    filings, corrections, reason = case
    for order in (corrections, corrections[::-1]):
        found = judged(EXPORT, *filings, corrections=order)
        assert reason in {each.reason for each in found if each.status is Status.QUESTION}
        assert not [each for each in found if each.status is Status.STALE]


def test_a_correction_of_a_correction_reaches_the_declaration_and_the_same_one_twice_counts_once() -> None:
    one, other = amended("DT1/01", *first("15")), amended("DT1/02", *first("16"), at=2)
    given = (Correction("DT1/01", other), Correction("DT1", one), Correction("DT1", one))
    status = of(judged(EXPORT, IMPORT, corrections=given), "21", "L1")
    assert ([each.written for each in status.values[1]], status.lags[0].since.amendment) == (["16"], "DT1/02")


def test_two_versions_of_one_number_are_a_question_where_they_differ_and_none_where_they_agree() -> None:
    other = version(2, V1, lines=[{**L1, "amount": "16"}, L2])
    found = judged(EXPORT, IMPORT, versions=(V1, V2, other))
    assert outcome(of(found, "21", "L1")) == (Status.QUESTION, Reason.FORK)
    assert outcome(of(found, "21", "L2")) == (Status.SAME, Reason.AGREES)
    assert [each.reason for each in found if not each.left] == [Reason.FORK]
    third = version(3, V2, terms="CIP")
    assert Reason.GAP in {each.reason for each in judged(EXPORT, IMPORT, versions=(V1, third))}


def test_a_cancelled_counterpart_and_a_refused_declaration_are_said() -> None:
    gone = judged(replace(EXPORT, phase=Phase.CANCELLED), IMPORT)
    assert [outcome(each) for each in gone if each.left == ("CN1",)] == [
        (Status.QUESTION, Reason.COUNTERPART_CANCELLED)
    ]
    refused = judged(EXPORT, replace(IMPORT, phase=Phase.REFUSED))
    assert [outcome(each) for each in refused if each.left == ("DT1",)] == [
        (Status.REFUSED, Reason.DECLARATION_REFUSED)
    ]


def test_a_term_that_is_sourced_is_a_day_and_one_that_is_not_is_unknown() -> None:
    corrected = replace(EXPORT, amendments=(amended("CN1-2", *first("15"), of=cn, by_customs=True),))
    status = of(judged(corrected, IMPORT), "21", "L1")
    assert status.due is not None
    assert (status.due.day, "article 8" in status.due.source) == (date(2026, 3, 2), True)


def test_gross_of_items_that_the_chinese_form_does_not_have_is_one_side_s_and_a_transit_is_a_third_side() -> (
    None
):
    transit = filed(td(goods(1, "10", "12", gross=d("5")), goods(2, "4", "4.8", gross=d("3"))), "TD1")
    found = judged(EXPORT, transit)
    assert outcome(of(found, "30", "L1")) == (Status.ALLOWED, Reason.ONE_SIDE)
    assert {each.right for each in judged(EXPORT, IMPORT, transit) if each.right} == {("DT1",), ("TD1",)}


def world(random: Random) -> tuple[list[Dataset], list[Filing], list[Correction]]:
    """A trade in up to four versions, perhaps forked, with filings of three sides and amendments, some of them without a place."""
    versions = [V1]
    for _ in range(random.randrange(4)):
        before = random.choice(versions[-2:])
        versions.append(
            version(before.version + 1, before, lines=[{**L1, "amount": str(random.randrange(11, 15))}, L2])
        )
    filings, corrections = [], []
    for kind, make in ((Kind.CN_DECLARATION, cn), (Kind.EAEU_DECLARATION, dt), (Kind.EAEU_TRANSIT, td)):
        for n in range(random.randrange(3)):
            number = f"{kind}{n}"
            filings.append(
                filed(
                    make(*first(str(random.randrange(11, 15)))), number, random.choice(versions),
                    links=random.choice((LINKS, LINKS, LINKS[:1], ())), phase=random.choice(list(Phase)),
                )
            )  # fmt: skip
            for m in range(random.randrange(4)):
                change = amended(
                    f"{number}/{random.randrange(3)}", *first(str(random.randrange(11, 15))), at=m - 1, of=make,
                    by_customs=random.random() < 0.2, refused=random.random() < 0.2, version=random.choice(("", random.choice(versions).digest)),
                )  # fmt: skip
                corrections.append(Correction(random.choice((number, number, f"{number}/0", "none")), change))
    return versions, filings, corrections


@pytest.mark.randomised
def test_any_order_and_any_copies_give_the_same_answer() -> None:
    for seed in range(SEED, SEED + rounds(40, 400)):
        random = Random(seed)
        facts = world(random)
        expected = in_step(*facts, RULES)
        for _ in range(3):
            shuffled = [[*each, *random.sample(each, random.randrange(len(each) + 1))] for each in facts]
            for each in shuffled:
                random.shuffle(each)  # type: ignore[arg-type]  # of three kinds
            assert in_step(*shuffled, RULES) == expected, seed  # type: ignore[arg-type]
