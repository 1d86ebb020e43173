"""What stands for something else in a query is put into words as Grafana's data sources do it."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime

import promql_parser
import pytest

from services.monitoring.dashboards.substitution import (
    MINUTE,
    SECOND,
    Context,
    TimeRange,
    UnknownReference,
    VariableValue,
    plain,
    promql,
    sql,
)

SPAN = TimeRange.of("2026-11-25T10:00:00Z", "2026-11-25T16:00:00Z", datetime.now(UTC))
ONE = VariableValue(("brest-malaszewicze",), ("Brest",))
TWO = VariableValue(("xi'an (east)", "a.b|c"), several=True)
ANY = VariableValue(("a", "b"), ("All",), several=True, raw=".*")
CONTEXT = Context(
    SPAN,
    interval=15 * SECOND,
    variables={
        "one": ONE,
        "two": TWO,
        "any": ANY,
        "written": VariableValue(("",)),
        "q": VariableValue(('say "no" \\ so',)),
    },
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("rate(x[$__rate_interval])", "rate(x[1m])"),
        ("rate(x[${__rate_interval}]) + x[$__interval]", "rate(x[1m]) + x[15s]"),
        ("x[$__range] offset ${__range_s}s", "x[21600s] offset 21600s"),
        ('x{c="$one"}', 'x{c="brest-malaszewicze"}'),
        ('x{c="[[one]]"}', 'x{c="brest-malaszewicze"}'),
        ('x{c=~"$two"}', r"""x{c=~"(xi\\'an \\(east\\)|a\\.b\\|c)"}"""),
        ('x{c=~"${two:regex}"}', r"""x{c=~"(xi'an \(east\)|a\.b\|c)"}"""),
        ('x{c=~"${any}"}', 'x{c=~".*"}'),
        ('x{c="$q"}', r'x{c="say \"no\" \\ so"}'),
        ("${two:csv} ${two:pipe} ${two:glob}", "xi'an (east),a.b|c xi'an (east)|a.b|c {xi'an (east),a.b|c}"),
    ],
)
def test_promql(text: str, expected: str) -> None:
    assert promql(text, CONTEXT) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$__timeFilter(e.at)", "e.at BETWEEN '2026-11-25T10:00:00Z' AND '2026-11-25T16:00:00Z'"),
        (
            "at >= $__timeFrom() AND at < $__timeTo()",
            "at >= '2026-11-25T10:00:00Z' AND at < '2026-11-25T16:00:00Z'",
        ),
        ("$__timeGroup(at, '5m')", "floor(extract(epoch from at)/300)*300"),
        ("$__timeGroupAlias(at,$__interval)", 'floor(extract(epoch from at)/15)*15 AS "time"'),
        ("$__timeGroup(at, 1h, NULL)", "floor(extract(epoch from at)/3600)*3600"),
        ("$__unixEpochFilter(s)", "s >= 1795600800 AND s <= 1795622400"),
        ("$__time(at)", 'at AS "time"'),
        ("c IN ($two)", "c IN ('xi''an (east)','a.b|c')"),
        (
            "c IN (${two:sqlstring}) AND d ~ '^(${any:regex})$'",
            "c IN ('xi''an (east)','a.b|c') AND d ~ '^(.*)$'",
        ),
        ("strpos(t, ${written:sqlstring}) > 0", "strpos(t, '') > 0"),
        ("c = '$one'", "c = 'brest-malaszewicze'"),
        ("to_timestamp($__from / 1000)", "to_timestamp(1795600800000 / 1000)"),
    ],
)
def test_sql(text: str, expected: str) -> None:
    assert sql(text, CONTEXT) == expected


def test_texts_show_what_is_chosen_and_keep_what_means_nothing() -> None:
    assert plain("At $one, of $any, for $5 or $nothing", CONTEXT) == "At Brest, of All, for $5 or $nothing"
    assert plain("${one:text} from ${__from:date}", CONTEXT) == "Brest from 2026-11-25T10:00:00Z"


@pytest.mark.parametrize(
    ("ask", "text", "named"),
    [
        (promql, "rate(x[$__rate_intervall])", "__rate_intervall"),
        (promql, 'x{c="$corridor"}', "corridor"),
        (promql, "${one:percent}", "percent"),
        (sql, "$__timeFliter(at)", "__timeFliter"),
        (sql, "$__timeGroup(at)", "an interval"),
        (sql, "$__timeFilter()", "__timeFilter"),
    ],
)
def test_what_stands_for_nothing_is_named(ask: object, text: str, named: str) -> None:
    assert callable(ask)
    with pytest.raises(UnknownReference, match=named):
        ask(text, CONTEXT)


def test_a_rate_looks_back_over_four_scrapes_or_one_more_than_the_interval() -> None:
    assert replace(CONTEXT, interval=15 * SECOND).rate_interval == MINUTE
    assert replace(CONTEXT, interval=2 * MINUTE).rate_interval == 135 * SECOND


@pytest.mark.parametrize("others", [(), ("other",)])
@pytest.mark.parametrize(
    "value", ["a.b", "x|y", "p(q)", "back\\slash", "it's", 'a "quote"', "[1]", "{2}", "^$", "plus+?*", "北京"]
)
def test_an_escaped_value_is_what_prometheus_matches(value: str, others: tuple[str, ...]) -> None:
    chosen = replace(CONTEXT, variables={"v": VariableValue((value, *others), several=True)})
    read = promql_parser.parse(promql('x{v=~"$v"}', chosen))
    (matcher,) = read.matchers.matchers
    assert re.fullmatch(matcher.value, value)
    assert not re.fullmatch(matcher.value, value + "!")
