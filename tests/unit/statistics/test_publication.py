"""What is published of a month tells of nobody: worlds of consignments, and whoever adds and subtracts all that was ever published."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.domain.rules import HOUR
from services.query.disclosure import LEAST, dominated, hidden, rounded, significant
from services.statistics.domain.corridors import Corridor, corridor_of
from services.statistics.domain.definitions import definitions
from services.statistics.domain.observations import Observation
from services.statistics.domain.publication import ALL, Cell, Figure, passes, published, tabulated
from services.statistics.domain.publication import publish as published_figures

CORRIDORS = [Corridor("CN", "EU", f"crossing-{n}") for n in range(5)]
DISPUTES = definitions()["disputes"]
PRIME = 2**61 - 1


def one(
    n: int, shipper: int, corridor: int = 0, value: int = 0, definition: str = "disputes", part: str = ""
) -> Observation:
    of = definitions()[definition]
    parties = tuple(f"{kind}-{shipper}" for kind in of.parties)
    return Observation(
        definition, CORRIDORS[corridor], part, f"x/{n}", parties, value, (bytes((n % 256, n // 256)),)
    )


def alone(first: Sequence[Observation], *later: Sequence[Observation]) -> list[Figure]:
    """What is published of these beside the population that they are all of."""
    both = [[*each, *(o._replace(definition="under_way", value=0) for o in each)] for each in (first, *later)]
    return [each for each in published_figures(*both) if each.definition == first[0].definition]


def shown(figures: Iterable[Figure]) -> dict[str, int | None]:
    return {each.corridor: each.counted for each in figures}


worlds = st.lists(
    st.tuples(
        st.integers(0, 8),  # shipper
        st.sampled_from((0, 0, 0, 1, 1, 2, 3, 4)),  # corridor
        st.integers(0, 1),
        st.sampled_from(("stays", "stays", "stays", "comes", "goes", "changes", "moves")),
    ),
    max_size=45,
)
World = list[tuple[int, int, int, str]]


def versions(world: World) -> tuple[list[Observation], list[Observation]]:
    """What is known at the first publication, and at the final one."""
    first, final = [], []
    for n, (shipper, corridor, value, becomes) in enumerate(world):
        before = one(n, shipper, corridor, value)
        after = {
            "changes": one(n, shipper, corridor, 1 - value),
            "moves": one(n, shipper, (corridor + 1) % len(CORRIDORS), value),
        }.get(becomes, before)
        first += [before] if becomes != "comes" else []
        final += [after] if becomes != "goes" else []
    return first, final


def versions_of_all(world: World) -> list[list[Observation]]:
    """The same with all that is counted of each: that it left, whether it is disputed, how long it stood at its border."""
    return [
        [
            o
            for each in version
            for o in (
                each,
                each._replace(definition="under_way", value=0),
                each._replace(definition="dwell", part=each.corridor.crossing, value=0),
            )
        ]
        for version in versions(world)
    ]


def groups(known: Sequence[Sequence[Observation]]) -> list[tuple[str, Cell]]:
    """Every published group of every publication, with its definition."""
    return [
        (name, cell)
        for n in range(len(known))
        for (name, _), table in published(*known[: n + 1]).items()
        for cell in table.cells.values()
    ]


def members(cell: Cell) -> Cell:
    """The consignments of a group, whatever is counted of them."""
    return frozenset(each._replace(definition="", part="", value=0) for each in cell)


def told_of_few(rows: Sequence[Cell]) -> bool:
    """Whether any sum of published cells, each times whatever number, is about fewer contributors than ``LEAST``.

    That is so where the rows lose rank once what those few contribute is left out.
    """
    everything = sorted(frozenset().union(*rows))
    parties = sorted({each.parties for each in everything})
    whole = _rank(rows, everything)
    return any(
        _rank(rows, [each for each in everything if each.parties not in few]) < whole
        for few in map(set, combinations(parties, min(LEAST - 1, len(parties))))
    )


def _rank(rows: Sequence[Cell], columns: Sequence[Observation]) -> int:
    patterns = {tuple(int(column in row) for row in rows) for column in columns}
    matrix, rank = [list(pattern) for pattern in patterns], 0
    for at in range(len(rows)):
        pivot = next((row for row in matrix[rank:] if row[at]), None)
        if pivot is None:
            continue
        matrix.remove(pivot)
        matrix.insert(rank, pivot)
        inverse = pow(pivot[at], -1, PRIME)
        for row in matrix[rank + 1 :]:
            factor = row[at] * inverse % PRIME
            if factor:
                row[:] = [(a - factor * b) % PRIME for a, b in zip(row, pivot, strict=True)]
        rank += 1
    return rank


@settings(max_examples=60)
@given(worlds)
def test_no_sum_or_difference_of_what_was_ever_published_is_about_few(world: World) -> None:
    known = versions_of_all(world)
    found = groups(known)
    assert not told_of_few([members(cell) for _, cell in found]), "by counts, across definitions"
    assert not told_of_few([cell for name, cell in found if name == "disputes"]), "by what is counted"
    # By subtraction anything from nothing to all of the rest may be in each of the hidden corridors.
    for table in published(known[0]).values():
        if table.total and table.rest:
            assert len({each.corridor for each in table.rest}) > 1
            assert passes(table.rest, DISPUTES)


def test_the_attack_finds_what_a_table_without_these_rules_tells() -> None:
    first = [one(n, n % 7) for n in range(14)] + [one(20 + n, 7, 1) for n in range(3)]
    cells = tabulated(first)["disputes", ""]
    everything = Cell(first)
    assert told_of_few([cells[str(CORRIDORS[0])], everything]), (
        "the total less what is shown is one shipper's"
    )
    more = everything | {one(99, 8)}
    assert told_of_few([everything, more]), "the difference of two publications is one consignment"
    twice = [
        everything,
        everything | {one(90 + n, n) for n in range(5)},
        everything | {one(90 + n, n) for n in range(6)},
    ]
    assert told_of_few(twice), "of three publications the first and last need not differ much from the second"


@pytest.mark.parametrize("change", ["added", "gone", "changed"])
def test_one_more_shippers_consignment_does_not_show_against_an_earlier_publication(change: str) -> None:
    first = [one(n, n % 9, n % 2) for n in range(40)]
    extra = one(77, 20)
    before = first if change == "added" else [*first, extra]
    after = {"added": [*first, extra], "gone": first, "changed": [*first, extra._replace(value=1)]}[change]
    assert alone(before, after) == alone(before)
    of_five = [*after, *(one(80 + n, 20 + n, 0, 1) for n in range(5))]
    assert alone(before, of_five) == alone(of_five) != alone(before)


def test_few_shippers_are_hidden_and_with_them_what_their_total_would_tell() -> None:
    few = [one(n, n % 4) for n in range(30)]
    assert alone(few) == [], "thirty consignments of four shippers"
    five = [one(n, n % 5) for n in range(30)]
    assert shown(alone(five)) == {ALL: 30, str(CORRIDORS[0]): 30}
    assert published_figures(five) == [], (
        "nothing is shown of a corridor that the table of the whole population does not show"
    )
    more = [*five, *(one(40 + n, n % 6, 1) for n in range(12)), *(one(60 + n, n, 2) for n in range(2))]
    assert shown(alone(more)) == {ALL: 45, str(CORRIDORS[0]): 30}, (
        "the third hides the second, and the total stays"
    )
    nameless = [one(n, n % 4) for n in range(8)] + [one(20 + n, 0)._replace(parties=("",)) for n in range(9)]
    assert shown(alone(nameless)) == {ALL: 15, str(CORRIDORS[0]): 15}, "who is named by nobody counts as one"


def test_an_amount_that_one_party_makes_up_is_hidden() -> None:
    def loans(amounts: Sequence[int]) -> list[Observation]:
        return [one(n, n, 0, amount, "financed_value", "EUR") for n, amount in enumerate(amounts)]

    def publish(found: Sequence[Observation]) -> list[Figure]:
        both = [*found, *(o._replace(definition="released", part="", value=0) for o in found)]
        return [each for each in published_figures(both) if each.definition == "financed_value"]

    assert publish(loans([100_000] * 4)) == []
    (whole, _) = publish(loans([123_456] * 6))
    assert (whole.corridor, whole.middle, whole.part) == (ALL, 740_000, "EUR")
    assert publish(loans([9_000_000, 1_000_000, 10_000, 10_000, 10_000, 10_000])) == [], (
        "the second knows the first"
    )
    banks = [each._replace(parties=("bank-1", each.parties[1])) for each in loans([100_000] * 9)]
    assert publish(banks) == [], "of one bank"


def test_numbers_do_not_depend_on_the_order_and_are_rounded_one_way() -> None:
    journeys = [one(n, n % 7, n % 2, (240 + 7 * n) * HOUR, "transit_time") for n in range(50)]
    found = alone(journeys)
    shuffled = journeys * 2
    random.Random(4).shuffle(shuffled)
    assert alone(shuffled) == found
    total = next(each for each in found if each.corridor == ALL)
    assert (total.counted, total.events) == (50, 50)
    assert (total.low, total.middle, total.high) == (270 * HOUR, 408 * HOUR, 546 * HOUR)
    assert all(each.low is not None for each in found)
    assert alone(journeys[:18])[0].low is None, "tails rest on twenty"
    assert [rounded(n) for n in (0, 2, 3, 7, 8)] == [0, 0, 5, 5, 10]
    assert [significant(n) for n in (0, 7, 994, 995, 12_500)] == [0, 7, 990, 1_000, 13_000]


def test_the_rule_of_hiding_alone() -> None:
    sizes = {"a": 3, "b": 9, "c": 30}
    by = sorted(sizes, key=lambda name: sizes[name])
    assert hidden(by, lambda several: sum(sizes[name] for name in several) >= 5) == {"a", "b"}
    assert hidden(by, lambda _: True) == frozenset()
    assert hidden(by, lambda _: False) == {"a", "b", "c"}
    assert dominated([100])
    assert dominated([50, 50])
    assert not dominated([50, 50, 50])


def test_corridors_lead_over_the_first_change_of_gauge_at_china() -> None:
    west = [
        "railnet:xian-intl-port",
        "railnet:alashankou",
        "railnet:dostyk",
        "railnet:brest-severny",
        "railnet:malaszewicze",
        "railnet:duisburg",
    ]
    assert str(corridor_of(west)) == "CN-EU/alashankou-dostyk"
    assert str(corridor_of(west[::-1])) == "EU-CN/alashankou-dostyk"
    assert corridor_of(west[:2]) is None
    assert Corridor.parse("CN-EU/alashankou-dostyk") == corridor_of(west)
