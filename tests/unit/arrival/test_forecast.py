"""Forecasts: by leg, on closed borders, what moved them, what silence means, and the record of a border."""

from __future__ import annotations

import pytest

from services.arrival.domain import distribution
from services.arrival.domain.border import Closure, Queue, ahead_of, openings, united
from services.arrival.domain.forecast import (
    Estimate,
    Forecast,
    History,
    NoForecast,
    Situation,
    Unbounded,
    forecast,
)
from services.arrival.domain.history import Cell, Source, cells, iso_week, learn, typical, week_of
from services.arrival.domain.legs import Leg, Observation, Progress, Stage, progress
from services.arrival.domain.moved import moved
from services.arrival.domain.record import records, weekly
from services.arrival.domain.silence import gap_cells, habit, silence
from services.arrival.domain.tables import tables
from services.domain.facts import Micros
from services.domain.rules import HOUR, SILENT_AFTER
from tests.unit.arrival.journeys import ALASHANKOU, DOSTYK, ROUTE, START, event, journey

TABLE = tables()
SERVICE = "railnet:xian-intl-port>railnet:almaty-1"
BORDER = Leg(Stage.AT_BORDER, ALASHANKOU, DOSTYK)
CROSSING = "alashankou-dostyk"
DAY = 24 * HOUR


def seen(trains: int = 30, weeks: int = 5) -> list[Cell]:
    """What so many trains before this one have shown, a week apart and an hour or so slower or quicker."""
    found: list[Observation] = []
    for number in range(trains):
        back = (1 + number % weeks) * 7 * DAY + number * HOUR
        for each in progress(ROUTE, journey()).observed:
            assert each.end is not None
            off = (number % 7 - 3) * HOUR
            found.append(each._replace(start=each.start - back, end=each.end - back + off))
    return cells(found)


def of(
    known: int,
    now: float,
    queue: Queue | None = None,
    estimates: tuple[Estimate, ...] = (),
    history: list[Cell] | None = None,
) -> Forecast | NoForecast:
    """The forecast of the journey of which so many facts are known, so many hours after START."""
    moment = START + int(now * HOUR)
    past = History(seen() if history is None else history, (), {}, moment, TABLE)
    queues = {} if queue is None else {queue.crossing: queue}
    return forecast(
        Situation(SERVICE, progress(ROUTE, journey()[:known]), queues, estimates=estimates), past, TABLE
    )


def hours(moment: Micros | None) -> float:
    assert moment is not None
    return (moment - START) / HOUR


def bounded(found: Forecast | NoForecast) -> Forecast:
    assert isinstance(found, Forecast)
    assert found.arrival.p50 is not None
    return found


def test_a_forecast_names_legs_samples_and_inputs() -> None:
    found = bounded(of(5, 60))
    assert [each.leg.stage for each in found.legs] == [Stage.AT_BORDER, Stage.HANDED_OVER, Stage.RUNNING]
    assert {each.source for each in found.legs} == {Source.OWN}
    assert {each.own for each in found.legs} == {30}
    assert found.legs[0].crossing == CROSSING
    assert hours(found.arrival.p10) < 120 < hours(found.arrival.p90)
    assert abs(hours(found.arrival.p50) - 120) < 4
    assert found.events == (journey()[4].event,)
    assert found.tables == "arrival-2"
    assert hours(found.legs[-1].ends.p50) == hours(found.arrival.p50)


def test_the_longer_a_leg_has_lasted_the_later_the_arrival() -> None:
    middles = [hours(bounded(of(5, now)).arrival.p50) for now in (60, 70, 80, 90, 200)]
    assert middles == sorted(middles)
    assert middles[-1] > 240


def test_without_history_the_table_speaks_and_says_so() -> None:
    found = bounded(of(5, 60, history=[]))
    assert {each.source for each in found.legs} == {Source.TABLE}
    assert hours(found.arrival.p90) - hours(found.arrival.p10) > 50


def test_other_services_are_pooled() -> None:
    others = [cell._replace(service="elsewhere") for cell in seen()]
    assert {each.source for each in bounded(of(5, 60, history=others)).legs} == {Source.POOLED}


def test_why_there_is_no_forecast() -> None:
    assert of(9, 121) is NoForecast.ARRIVED
    assert of(0, 0) is NoForecast.NO_POSITION
    nothing = Situation(SERVICE, progress((), journey()), {})
    assert forecast(nothing, History((), (), {}, START, TABLE), TABLE) is NoForecast.NO_ROUTE
    nowhere = progress(("nowhere", *ROUTE[1:]), [event("departed", "nowhere", 0)])
    assert (
        forecast(Situation("", nowhere, {}), History((), (), {}, START, TABLE), TABLE)
        is NoForecast.UNKNOWN_LEG
    )


def test_what_lasts_is_not_left_out() -> None:
    """Ten trains that have stood at the border for five days are no reason to expect the usual twenty hours."""
    now = START + 60 * HOUR
    stuck = [Observation(BORDER, SERVICE, now - 5 * DAY - n * HOUR, None) for n in range(10)]
    quick = learn(BORDER, SERVICE, seen(10), (), now, (), TABLE)
    honest = learn(BORDER, SERVICE, seen(10), stuck, now, (), TABLE)
    assert quick is not None
    assert honest is not None
    assert honest.ongoing == 10
    assert distribution.quantile(honest.mass, 90) > 4 * DAY > 2 * distribution.quantile(quick.mass, 90)


def test_weeks_of_a_closure_are_no_habit() -> None:
    now, week = START + 60 * HOUR, week_of(START) - 2
    slow = [Cell(BORDER, SERVICE, week, 300, 20)]
    closure = Closure(START - 16 * DAY, START - 9 * DAY, True)
    with_them = History([*seen(), *slow], (), {}, now, TABLE).learned(BORDER, SERVICE)
    without = History([*seen(), *slow], (), {CROSSING: [closure]}, now, TABLE).learned(BORDER, SERVICE)
    assert with_them is not None
    assert without is not None
    assert distribution.quantile(with_them.mass, 90) > 200 * HOUR
    assert distribution.quantile(without.mass, 90) < 90 * HOUR


def test_the_same_season_of_another_year_counts_more_than_another_season() -> None:
    now, year = START, week_of(START) - 52
    table = [Cell(BORDER, SERVICE, year, 10, 10), Cell(BORDER, SERVICE, year - 26, 50, 10)]
    found = learn(BORDER, SERVICE, table, (), now, (), TABLE)
    assert found is not None
    assert sum(found.mass[:30]) > 2 * sum(found.mass[45:55])


# ---- closed borders


def closed(start: float, end: float | None, *, lifted: bool = False, ahead: int = 0) -> Queue:
    at = START + int(start * HOUR)
    until = None if end is None else START + int(end * HOUR)
    passed = tuple(START - n * DAY for n in range(60, 0, -1))  # one a day
    return Queue(CROSSING, ahead, passed, (), (Closure(at, until, lifted, (b"order",)),))


def test_without_an_announced_end_there_is_no_upper_bound() -> None:
    found = of(5, 62, closed(50, None))
    assert isinstance(found, Forecast)
    assert found.unbounded is Unbounded.NO_ANNOUNCED_END
    assert (found.arrival.p50, found.arrival.p90) == (None, None)
    assert hours(found.arrival.p10) > 62
    assert b"order" in found.events
    assert [each.ends.p90 for each in found.legs] == [None, None, None]


def test_a_closure_far_ahead_bounds_what_lies_before_it() -> None:
    found = of(3, 1, closed(-50, None))
    assert isinstance(found, Forecast)
    assert found.legs[0].ends.p90 is not None
    assert found.legs[1].ends.p90 is None


def test_with_a_known_end_the_trains_ahead_pass_first() -> None:
    alone = bounded(of(5, 62, closed(50, 200, lifted=True)))
    tenth = bounded(of(5, 62, closed(50, 200, lifted=True, ahead=10)))
    assert 200 < hours(alone.legs[0].ends.p10) < hours(alone.legs[0].ends.p50) < 240
    # Ten trains at two and a half a day are four days more.
    assert 60 < hours(tenth.legs[0].ends.p50) - hours(alone.legs[0].ends.p50) < 130
    assert tenth.legs[0].ahead == 10


def test_an_order_slips_more_easily_than_a_lifting() -> None:
    planned = bounded(of(5, 62, closed(50, 200)))
    lifted = bounded(of(5, 62, closed(50, 200, lifted=True)))
    assert hours(planned.arrival.p90) > hours(lifted.arrival.p90) + 24
    known = closed(50, 200)._replace(slips=(240, 240, 240, 240, 240, 240))
    assert hours(bounded(of(5, 62, known)).arrival.p50) > hours(planned.arrival.p50) + 100


def test_a_planned_window_holds_only_who_comes_in_it() -> None:
    usual = bounded(of(3, 1))
    after = bounded(of(3, 1, closed(400, 500, lifted=True)))
    within = bounded(of(3, 1, closed(70, 130, lifted=True)))
    assert hours(after.arrival.p50) == hours(usual.arrival.p50)
    assert hours(within.arrival.p50) > hours(usual.arrival.p50) + 40


def test_what_passes_after_the_opening_is_learned_at_once() -> None:
    queue = closed(-300, -48, lifted=True, ahead=12)
    slow = openings(queue, START, TABLE)[0]
    quick = openings(
        queue._replace(passed=(*queue.passed, *(START - n * 3 * HOUR for n in range(16)))), START, TABLE
    )[0]
    assert quick.rate.seen >= 16
    assert quick.rate.middle > 2 * slow.rate.middle
    assert distribution.quantile(quick.moment, 50) < distribution.quantile(slow.moment, 50)
    assert openings(queue, START + 30 * DAY, TABLE) == []


def test_a_place_in_the_queue_may_be_off_however_sure_the_pace_is() -> None:
    queue = closed(-300, -240, lifted=True, ahead=1)
    queue = queue._replace(passed=(*queue.passed, *(START - n * 4 * HOUR for n in range(60))))
    now, older = (openings(queue, START, table)[0].moment for table in (TABLE, tables("tables-1")))
    (low, middle, high), before = (distribution.quantiles(each, (10, 50, 90)) for each in (now, older))
    assert high - low > before[2] - before[0] + 4 * HOUR
    assert abs(middle - before[1]) <= HOUR
    assert low < before[0]


def test_trains_ahead_are_those_at_the_border_and_those_nearer_to_it() -> None:
    mine: Progress = progress(ROUTE, journey()[:4])
    others = [
        (BORDER, START),
        (BORDER, START),  # another cargo of the same train
        (Leg(Stage.HELD, "railnet:hami", ALASHANKOU), START + 15 * HOUR),
        (Leg(Stage.RUNNING, "railnet:xian-intl-port", ALASHANKOU), START + 30 * HOUR),  # behind
        (Leg(Stage.HANDED_OVER, ALASHANKOU, DOSTYK), START),  # has passed
    ]
    assert ahead_of(mine, BORDER, others) == 2


def test_several_words_on_one_closure() -> None:
    one, other = Closure(10, None, False, (b"a",)), Closure(20, 90, True, (b"b",))
    assert united([other, one]) == (Closure(10, 90, True, (b"a", b"b")),)
    assert len(united([Closure(0, 5, True), Closure(7, 9, True)])) == 2


# ---- what moved it, estimates, silence, records


def test_the_parts_of_a_move_add_up() -> None:
    before, after = bounded(of(5, 61)), bounded(of(7, 86))
    parts = moved(before, after, progress(ROUTE, journey()[:7]).observed)
    assert [(part.leg.stage, part.ended) for part in parts] == [
        (Stage.AT_BORDER, True),
        (Stage.HANDED_OVER, False),
        (Stage.RUNNING, False),
    ]
    assert before.arrival.p50 is not None
    assert after.arrival.p50 is not None
    assert sum(part.by for part in parts) == after.arrival.p50 - before.arrival.p50
    unknown = of(5, 62, closed(50, None))
    assert isinstance(unknown, Forecast)
    assert moved(before, unknown, ()) == ()


def test_an_estimate_counts_by_its_record() -> None:
    wrong = START + 300 * HOUR
    usual = bounded(of(5, 60))
    unknown = bounded(of(5, 60, estimates=(Estimate("ktz", b"e", wrong, (0, 0, 0, 0)),)))
    good = bounded(of(5, 60, estimates=(Estimate("ktz", b"e", wrong, (0, 1, -1, 0, 1, -1)),)))
    poor = bounded(of(5, 60, estimates=(Estimate("ktz", b"e", wrong, tuple(range(-200, 200, 40))),)))
    assert unknown.arrival == usual.arrival
    assert good.weighed[0][1] > 80
    assert poor.weighed[0][1] < 5
    assert b"e" in good.events
    assert abs(hours(poor.arrival.p50) - hours(usual.arrival.p50)) < 3


def test_beyond_the_horizon_there_is_no_upper_bound_and_no_grid_end() -> None:
    last = distribution.LONGEST - 1

    def history(longest: int) -> list[Cell]:
        forgotten = Cell(BORDER, SERVICE, week_of(START) - 1, last, longest)
        usual = Cell(BORDER, SERVICE, week_of(START) - 1, 20, 100 - longest)
        return [*(cell for cell in seen() if cell.leg != BORDER), forgotten, usual]

    found = of(5, 62, history=history(30))
    assert isinstance(found, Forecast)
    assert (found.unbounded, found.arrival.p90) == (Unbounded.BEYOND_HORIZON, None)
    assert found.arrival.p50 is not None
    assert found.legs[-1].ends == found.arrival
    assert of(5, 62, history=history(97)) is NoForecast.BEYOND_HORIZON, "nothing is claimed of it"


def test_a_leg_that_nobody_has_finished_is_less_sure_than_the_table_alone() -> None:
    leg = Leg(Stage.RUNNING, DOSTYK, ROUTE[3])
    unproven = learn(leg, SERVICE, (), (), START, (), TABLE)
    once = learn(leg, SERVICE, [Cell(leg, SERVICE, week_of(START) - 1, 30, 1)], (), START, (), TABLE)
    assert unproven is not None
    assert once is not None

    def width(mass: distribution.Mass) -> Micros:
        return distribution.quantile(mass, 90) - distribution.quantile(mass, 10)

    assert width(unproven.mass) > 3 * width(typical(leg, TABLE)) // 2
    assert width(once.mass) < width(unproven.mass)


def test_no_news_is_normal_for_as_long_as_it_usually_takes() -> None:
    gaps = []
    for number in range(40):
        back = number * DAY
        for gap in progress(ROUTE, journey()).gaps:
            gaps.append(gap._replace(start=gap.start - back, end=gap.end - back + number % 4 * HOUR))
    known, now = gap_cells(gaps), START + 70 * HOUR
    at_border = progress(ROUTE, journey()[:5])
    usual = habit(BORDER, known, TABLE)
    found = silence(at_border, usual, now)
    assert found is not None
    assert (found.publisher, found.age, found.seen) == ("cr", 10 * HOUR, 40)
    assert 80 < hours(found.normal_until) <= 84
    assert not found.unusual
    assert found.awaited == found.expected[0]
    assert found.alarming_at - found.normal_until >= 12 * HOUR
    later = silence(at_border, usual, START + 90 * HOUR)
    assert later is not None
    assert later.unusual
    few = silence(at_border, habit(BORDER, gap_cells(gaps[:30]), TABLE), now)
    assert few is not None
    assert (few.seen, few.normal_until) == (0, START + 60 * HOUR + SILENT_AFTER)
    assert silence(progress(ROUTE, journey()), usual, now) is None


def test_the_record_of_a_border_looks_only_back() -> None:
    week = week_of(START)
    found = records(seen(70, 10), week - 4, TABLE)
    assert [(each.crossing, each.first, each.last) for each in found] == [(CROSSING, ALASHANKOU, DOSTYK)]
    record = found[0]
    assert record.crossings == record.below + record.within + record.above
    assert record.coverage > 700_000
    assert abs(record.bias) < 3 * HOUR
    # What is seen later changes nothing of the weeks before it.
    later = [*seen(70, 10), Cell(BORDER, SERVICE, week + 1, 400, 50)]
    assert [r._replace(weeks=0) for r in records(later, week - 4, TABLE)] != [
        r._replace(weeks=0) for r in found
    ]
    assert records([cell for cell in later if cell.week <= week], week - 4, TABLE) == found


def test_the_record_by_week_hides_weeks_with_few_crossings() -> None:
    week = week_of(START)
    cells = [
        *seen(70, 10),
        *(Cell(BORDER, SERVICE, week + n, 20, trains) for n, trains in ((1, 19), (2, 20), (3, 30))),
    ]
    (whole,) = records(cells, week - 4, TABLE)
    ((key, weeks),) = weekly(cells, week - 4, TABLE).items()
    assert key == (CROSSING, ALASHANKOU, DOSTYK)
    assert weeks[week + 1] is None, "of 19 nothing is shown"
    shown = weeks[week + 3]
    assert shown is not None
    assert (shown.weeks, shown.crossings, shown.coverage) == (1, 30, 1_000_000)
    assert len(weeks) == whole.weeks
    assert weekly(seen(3, 3), week - 4, TABLE) == {}


@pytest.mark.parametrize("few", [(19,), (1,), (19, 1), (3, 4, 5), (19, 19), ()])
def test_the_whole_record_without_the_weeks_that_are_shown_tells_of_no_few_crossings(
    few: tuple[int, ...],
) -> None:
    week = week_of(START)
    trains = (*few, 20, 31)
    cells = [*seen(70, 10), *(Cell(BORDER, SERVICE, week + n, 20, many) for n, many in enumerate(trains, 1))]
    (whole,) = records(cells, week + 1, TABLE)
    (weeks,) = weekly(cells, week + 1, TABLE).values()
    left = whole.crossings - sum(each.crossings for each in weeks.values() if each is not None)
    assert left == 0 or left >= TABLE.least_shown
    assert all(each is None or each.crossings >= TABLE.least_shown for each in weeks.values())


def test_weeks_are_written_as_in_iso_8601() -> None:
    assert iso_week(week_of(START)) == "2025-W48"
