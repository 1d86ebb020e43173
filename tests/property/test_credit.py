"""Credit signals as laws: counts do not depend on order, time is a value, what is bad never helps, and who or where you are never counts."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.credit.domain.observations import Observation, added, count, difference
from services.credit.domain.rates import ONE, dispersion, rate, tables, weight
from services.credit.domain.score import Assessment, Record
from services.credit.domain.signals import Model, Signal, model
from tests.stories.credit.story import State, joined
from tests.support.credit.worlds import AS_OF, HARM, MENU, Act, Cast, acts, good_history, told, world
from tests.support.profile import rounds

TABLE = model()
DAY = 86_400_000_000
few = settings(max_examples=rounds(4, 10), deadline=None)
some = settings(max_examples=rounds(10, 40), deadline=None)


@some
@given(drawn=acts(), data=st.data())
def test_differences_add_up_to_what_is_counted_anew(drawn: list[Act], data: st.DataObject) -> None:
    pieces = told(Cast(), drawn)
    order = data.draw(st.permutations(range(len(pieces))))
    twice = data.draw(st.lists(st.sampled_from(range(len(pieces))), max_size=5))
    shuffled = [pieces[n] for n in (*order, *twice)]
    state, before, counts = joined(()), frozenset[Observation](), {}
    while shuffled:
        size = data.draw(st.integers(1, len(shuffled)))
        batch, shuffled = shuffled[:size], shuffled[size:]
        state |= joined(batch)
        after = state.observations(TABLE)
        counts = added(counts, difference(before, after))
        before = after
    assert counts == count(joined(pieces).observations(TABLE))


@cache
def settled() -> State:
    return world(Cast(), good_history())


def lake(state: State, as_of: int = AS_OF, table: Model = TABLE) -> Record:
    return state.record("lake", as_of, table)


def test_the_usual_shipper_has_a_score() -> None:
    found = lake(settled()).assessment
    assert found.status == "SCORED"
    assert (found.score or 0) > 800


bad_acts = st.lists(
    st.builds(Act, st.sampled_from(HARM), st.integers(0, 27), st.integers(5, 80)), min_size=1, max_size=3
)


def extended(more: Sequence[Act]) -> State:
    # The acts of the history come first, so that theirs keep their ids.
    return world(Cast(), [*good_history(), *more])


@few
@given(more=bad_acts)
def test_a_bad_fact_never_raises_the_score(more: list[Act]) -> None:
    before, after = lake(settled()).assessment, lake(extended(more)).assessment
    assert (after.score or 0) <= (before.score or 0)
    for one, other in zip(before.signals, after.signals, strict=True):
        assert other.points <= one.points, one.signal
        if one.signal is not Signal.STABILITY:
            assert other.rate >= one.rate, one.signal


@pytest.mark.parametrize("what", HARM)
def test_what_harms_really_does(what: str) -> None:
    """Else the law above would hold for reasons that nobody reads."""
    day = (
        21 if MENU[what][2].get("about") == "box" else 40
    )  # delivered on day 22: later facts of its box are another's
    more = [Act("held", 3, 8), Act("verified", 3, 2), Act(what, 3, day)]
    if what == "given back":
        more.insert(0, Act("free until", 3, 1))
    plain = lake(extended([a for a in more if a.what != what])).assessment
    hurt = lake(extended(more)).assessment
    assert any(other.rate > one.rate for one, other in zip(plain.signals, hurt.signals, strict=True))


ELSEWHERE = (
    Cast(shippers=("zhongxin-heavy-industries", "a-small-shop")),
    Cast(origin="duisburg", inland="DE", abroad="CN"),
    Cast(inland="CN", abroad="KZ"),
    Cast(boxes=7),
    Cast(names={"xaport": "cdport", "gacc": "anothercustoms", "bank": "farbank"}),
)


@few
@given(more=bad_acts, elsewhere=st.sampled_from(ELSEWHERE))
def test_name_place_corridor_and_size_change_nothing(more: list[Act], elsewhere: Cast) -> None:
    acted = [*good_history(), *more]
    here = world(Cast(), acted).record("lake", AS_OF, TABLE).assessment
    there = world(elsewhere, acted).record(elsewhere.named("lake"), AS_OF, TABLE).assessment
    assert shape(here) == shape(there)


def shape(found: Assessment) -> tuple[object, ...]:
    return found.status, found.score, found.band, found.signals, [(r.signal, r.lost) for r in found.reasons]


@few
@given(more=bad_acts)
def test_policy_and_neighbours_change_nothing(more: list[Act]) -> None:
    """A wave of dual-use detentions that end in seizure, and trouble of shared boxes, leave the score where it was."""
    wave = [Act(what, cargo, day) for cargo in range(20) for what, day in (("decree", 8), ("seized", 30))]
    plain, hit = lake(extended(more)), lake(extended([*wave, *more]))
    assert shape(plain.assessment) == shape(hit.assessment)


@few
@given(days=st.integers(0, 400))
def test_time_is_a_value(days: int) -> None:
    """Read at a later day the same facts give what that day's reader gets; reading changes nothing."""
    later = AS_OF + days * DAY
    first = lake(settled(), later)
    assert lake(settled(), AS_OF) == lake(settled(), AS_OF)
    assert lake(settled(), later) == first
    assert first.day == AS_OF // DAY + days


@given(
    half_life=st.sampled_from(sorted(tables())),
    tried=st.lists(st.tuples(st.integers(0, 2_500), st.integers(0, 1_000)), max_size=30),
    extra=st.tuples(st.integers(0, 2_500), st.integers(0, 1_000)),
)
def test_a_rate_never_falls_by_what_is_bad(
    half_life: int, tried: list[tuple[int, int]], extra: tuple[int, int]
) -> None:
    signal = next(t.signal for t in TABLE.signals if t.half_life_days == half_life)
    seen = [Observation("x", signal, "c", str(n), day, bad, ()) for n, (day, bad) in enumerate(tried)]
    today = 2_600
    day, _ = extra

    def rated(observations: list[Observation]) -> int:
        counts = count(observations)
        return rate([(cell.day, c) for cell, c in counts.items()], signal, TABLE, today).rate

    worse = Observation("x", signal, "c", "more", day, 1_000, ())
    assert rated([*seen, worse]) >= rated(seen)
    if seen and seen[0].bad < 1_000:
        assert rated([seen[0]._replace(bad=1_000), *seen[1:]]) >= rated(seen)


def test_the_published_table_of_decay_is_exact() -> None:
    """Each weight is the integer part of 2^20 * 2^(-age/H), judged by integers alone: t^H <= 2^(20 H - age) < (t+1)^H."""
    for half_life, weights in tables().items():
        assert len(weights) == half_life
        for age in (0, 1, 2, half_life // 3, half_life // 2, half_life - 1):
            exact = 1 << (20 * half_life - age)
            assert weights[age] ** half_life <= exact < (weights[age] + 1) ** half_life
        assert all(a > b for a, b in pairwise(weights))


def test_weights_at_the_edges() -> None:
    assert weight(0, 180, 1_826) == ONE
    assert weight(180, 180, 1_826) == ONE // 2
    assert weight(-1, 180, 1_826) == 0
    assert weight(1_826, 180, 1_826) > 0
    assert weight(1_827, 180, 1_826) == 0
    with pytest.raises(KeyError):
        weight(1, 181, 1_826)


@given(months=st.lists(st.integers(0, 50), min_size=3, max_size=12), scale=st.integers(2, 9))
def test_dispersion_beyond_chance_does_not_reward_size(months: list[int], scale: int) -> None:
    small, large = dispersion(months), dispersion(m * scale for m in months)
    assert (small is None) == (large is None)
    if small is not None and large is not None:
        assert large >= small  # the same pattern at a larger size is less excused by chance, never more


def test_even_months_have_no_dispersion() -> None:
    assert dispersion([4, 4, 4]) == 0
    assert dispersion([0, 0]) is None
    assert dispersion([0, 12, 0]) == (3 * 144 - 144 - 3 * 12) * 1_000_000 // 144
