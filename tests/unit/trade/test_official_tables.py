"""Tables of rates and tariffs: read with place and remedy, used by day and authority, named with their version; a day that is missing is no other day."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from schemas.reasons import Refusal
from services.cli.declare import app
from services.trade.domain.checks import findings
from services.trade.domain.finding import Finding, Reason, Verdict, rules
from services.trade.domain.paper import Kind, Paper, PaperSet
from services.trade.formats import write_paper
from services.trade.formats.official_tables import read_rates, read_tariff
from tests.support.invariants import holds_for
from tests.support.trade_values import cn, code, d, dt, f, freight, invoice, line, priced

DAY = date(2026, 3, 20)
RATES = """money,currency,units,rate,valid_from,valid_to,source
RUB,USD,1,84.5,2026-03-20,2026-03-21,made up for tests
RUB,USD,1,85.1,2026-03-21,2026-03-24,made up for tests
RUB,CNY,1,11.6,2026-03-20,2026-03-21,made up for tests
RUB,JPY,100,56.4,2026-03-20,2026-03-21,made up for tests
KZT,USD,1,501.5,2026-03-20,2026-03-21,made up for tests
"""
TARIFF = """side,code,valid_from,valid_to,source
EAEU,8471300000,2022-01-01,,made up for tests
EAEU,8504408300,2022-01-01,2026-01-01,made up for tests
CN,8471300000,2026-03-21,,made up for tests
"""


def said(check: str, *papers: Paper, rates: str = RATES, tariff: str = TARIFF) -> list[Finding]:
    in_force = replace(
        rules(DAY),
        rates=read_rates(rates.encode(), "rates.csv"),
        tariff=read_tariff(tariff.encode(), "tariff.csv"),
    )
    return [each for each in findings(PaperSet(papers), in_force) if each.check == check]


def declared(
    rate: str, day: date = DAY, currency: str = "USD", lodged_in: str = "RU", **more: object
) -> Paper:
    return dt(
        rate=d(rate), day=f(day), currency=f(currency), lodged_in=f(lodged_in) if lodged_in else None, **more
    )


@holds_for(
    {
        "of the day": (declared("84.5"), Verdict.MATCH, Reason.AGREES, "84.5 = 84.5"),
        "of the authority where it is lodged": (declared("501.5", lodged_in="KZ"), Verdict.MATCH, Reason.AGREES, "501.5"),
        "of another authority": (declared("84.5", lodged_in="KZ"), Verdict.REVIEW, Reason.DIFFERS, "not 501.5"),
        "beside it by a hundredth of a per cent": (declared("84.508"), Verdict.MATCH, Reason.AGREES, "84.508"),
        "beside it by more": (declared("84.52"), Verdict.REVIEW, Reason.DIFFERS, "not 84.5"),
        "midnight in another zone": (declared("85.1"), Verdict.REVIEW, Reason.OTHER_DAY, "2026-03-21, not 2026-03-20"),
        "within the days of a row": (declared("85.1", date(2026, 3, 23)), Verdict.MATCH, Reason.AGREES, "85.1"),
        "of a hundred units": (declared("56.4", currency="JPY"), Verdict.MATCH, Reason.AGREES, "56.4"),
        "of one of a hundred": (declared("0.564", currency="JPY"), Verdict.MATCH, Reason.AGREES, "0.564"),
        "a day that the table lacks": (declared("85.1", date(2026, 4, 2)), Verdict.MISSING, Reason.NO_TABLE, "RUB USD, 2026-04-02"),
        "a currency that the table lacks": (declared("90", currency="EUR"), Verdict.MISSING, Reason.NO_TABLE, "RUB EUR, 2026-03-20"),
        "nobody states where": (declared("84.5", lodged_in=""), Verdict.MISSING, Reason.ABSENT, "country"),
    }
)  # fmt: skip
def test_rates(case: tuple[Paper, Verdict, Reason, str]) -> None:
    paper, verdict, reason, shown = case
    (found,) = said("D10", paper)
    assert (found.verdict, found.reason, shown in found.arithmetic) == (verdict, reason, True), found
    if verdict in (Verdict.MATCH, Verdict.REVIEW):
        assert found.table is not None
        assert found.table.table.startswith("rates.csv ")
        assert (found.table.source, found.table.valid_from.year) == ("made up for tests", 2026)
    elif reason is Reason.NO_TABLE:
        assert "rates.csv " in found.arithmetic


def test_with_rates_prices_in_two_currencies_and_freight_in_a_third_are_compared() -> None:
    dollars = cn(priced("1000", currency="USD"), day=f(DAY))
    right, wrong = (declared("1", lodged_in="RU", total=None) for _ in range(2))
    right = replace(right, lines=(priced("7284.48", currency="CNY"),), currency=f("CNY"))
    wrong = replace(wrong, lines=(priced("7500", currency="CNY"),), currency=f("CNY"))
    assert [each.verdict for each in said("D04", dollars, right)] == [Verdict.MATCH]
    assert [each.verdict for each in said("D04", dollars, wrong)] == [Verdict.REVIEW]
    carried = cn(priced("1000"), charges=freight("500", "CNY"), day=f(DAY))
    (share,) = said("D06", carried)
    assert (share.verdict, "0.0686" in share.arithmetic) == (Verdict.MATCH, True)


def test_a_customs_value_at_a_rate_of_a_hundred_units() -> None:
    item = priced("1000", currency="JPY", customs_value=d("564"))
    paper = replace(declared("56.4", currency="JPY", terms=f("CIP")), lines=(item,))
    assert {each.verdict for each in said("D05", paper)} == {Verdict.MATCH}


@holds_for(
    {
        "in force": (dt(line(code=code("8471300000")), day=f(DAY)), Verdict.MATCH, "8471300000, 2026-03-20"),
        "no longer": (dt(line(code=code("8504408300")), day=f(DAY)), Verdict.REVIEW, "2022-01-01 - 2026-01-01"),
        "never": (dt(line(code=code("9403208009")), day=f(DAY)), Verdict.REVIEW, "9403208009, 2026-03-20; -"),
        "before the table begins": (cn(line(code=code("8471300000")), day=f(DAY)), Verdict.MISSING, "CN, 2026-03-20"),
        "no day": (dt(line(code=code("8471300000"))), Verdict.MISSING, "day of the EAEU declaration"),
    }
)  # fmt: skip
def test_national_codes(case: tuple[Paper, Verdict, str]) -> None:
    paper, verdict, shown = case
    (found,) = said("D12", paper)
    assert (found.verdict, shown in found.arithmetic) == (verdict, True), found
    assert verdict is Verdict.MISSING or (found.table is not None and "tariff.csv" in found.table.table)


@holds_for(
    {
        "another header": (read_rates, "day,rate\n2026-03-20,1\n", "line 1", "Begin the table with money,"),
        "no row": (read_tariff, TARIFF.splitlines()[0], "line 2", "Give side"),
        "a column too few": (read_rates, RATES + "RUB,USD,1\n", "line 7", "Give money"),
        "a decimal comma": (read_rates, RATES + 'RUB,EUR,1,"99,5",2026-03-20,2026-03-21,x\n', "line 7", "decimal point"),
        "zero": (read_rates, RATES + "RUB,EUR,1,0,2026-03-20,2026-03-21,x\n", "line 7", "as it is published"),
        "no end": (read_rates, RATES + "RUB,EUR,1,99,2026-03-20,,x\n", "line 7", "2026-11-03"),
        "an end before its beginning": (read_rates, RATES + "RUB,EUR,1,99,2026-03-20,2026-03-20,x\n", "line 7", "first day"),
        "a currency out of force": (read_rates, RATES + "RUR,EUR,1,99,2026-03-20,2026-03-21,x\n", "line 7", "Write RUB"),
        "a sign": (read_rates, RATES + "RUB,¥,1,99,2026-03-20,2026-03-21,x\n", "line 7", "three letters"),
        "two rates of one day": (read_rates, RATES + "RUB,USD,1,99,2026-03-19,2026-03-21,x\n", "", "one row for each day"),
        "no source": (read_tariff, TARIFF + "CN,8471300000,2026-01-01,,\n", "line 5", "Fill it in"),
        "eight digits": (read_tariff, TARIFF + "CN,84713000,2026-01-01,,x\n", "line 5", "whole national code"),
        "another side": (read_tariff, TARIFF + "RU,8471300000,2026-01-01,,x\n", "line 5", "CN or EAEU"),
        "another encoding": (read_rates, RATES.encode() + "RUB,USD,1,1,2026-01-01,2026-01-02,банк".encode("cp1251"), "byte", "UTF-8"),
    }
)  # fmt: skip
def test_what_of_a_table_is_refused(case: tuple[Callable[[bytes, str], object], Any, str, str]) -> None:
    parse, text, at, remedy = case
    with pytest.raises(Refusal) as refused:
        parse(text if isinstance(text, bytes) else text.encode(), "table.csv")
    assert refused.value.pointer.startswith(at)
    assert remedy in refused.value.remedy


def test_from_a_terminal(tmp_path: Path) -> None:
    paper = replace(
        declared("84.6", total=f(None)), total=None, kind=Kind.EAEU_DECLARATION, lines=(priced("10", customs_value=d("846")),)
    )  # fmt: skip
    (tmp_path / "dt.xml").write_bytes(write_paper(paper, DAY))
    (tmp_path / "rates.csv").write_text(RATES, encoding="utf-8-sig")
    names = [str(tmp_path / "dt.xml"), "--rates", str(tmp_path / "rates.csv"), "--as-of", "2026-03-20"]
    done = CliRunner().invoke(app, ["check", *names, "--json"])
    body = json.loads(done.stdout)
    (found,) = (each for each in body["findings"] if each["check"] == "D10")
    assert (found["verdict"], found["table"]["row"], found["table"]["source"]) == (
        "REVIEW",
        "RUB USD",
        "made up for tests",
    )
    assert [each.split()[0] for each in body["tables"]] == ["rates.csv"]
    (tmp_path / "rates.csv").write_text("x\n")
    done = CliRunner().invoke(app, ["check", *names])
    assert (done.exit_code, type(done.exception).__name__) == (1, "Failure")


def test_amounts_are_exact() -> None:
    rates = read_rates(RATES.encode(), "rates.csv")
    assert rates.converted(Decimal("8.45"), "RUB", "USD", DAY) == Decimal("0.1")
    assert rates.converted(Decimal(1), "USD", "EUR", DAY) is None
    assert said("D10", invoice())[0].reason is Reason.ABSENT
