"""The forecast on the tracking page: the interval or the lower bound alone, what moved it, the legs, and nothing where nothing was learned."""

from __future__ import annotations

import re
from dataclasses import replace

from services.arrival.domain.cargo import Cargo
from services.arrival.domain.forecast import Forecast, NoForecast, Unbounded
from services.arrival.domain.legs import progress
from services.arrival.domain.moved import moved
from services.arrival.domain.silence import Silence
from services.arrival.store.reader import ArrivalForecast
from services.domain.rules import HOUR
from services.pages.languages import LANGUAGES
from services.pages.tracking.forecast import ShownForecast, shown_forecast
from tests.stories.story import stories
from tests.support.story_pages import story_page
from tests.support.story_views import story_views
from tests.unit.arrival.journeys import ROUTE, START, journey
from tests.unit.arrival.test_forecast import SERVICE, closed, of


def shown(
    result: Forecast | NoForecast, before: Forecast | None = None, silence: Silence | None = None
) -> ShownForecast | None:
    behind = progress(ROUTE, journey()[:7])
    parts = moved(before, result, behind.observed) if before and isinstance(result, Forecast) else ()
    return shown_forecast(
        ArrivalForecast(Cargo(SERVICE, ROUTE, b"", behind, (), ()), result, parts, before, silence)
    )


def pages(forecast: ShownForecast | None) -> dict[str, str]:
    story = next(each for each in stories() if each.slug.startswith("25_"))
    known, body = next(story_views(story))
    return {code: story_page(code, known, body, forecast).decode() for code in LANGUAGES}


def test_an_interval_has_both_ends_in_whole_hours_and_the_legs_that_are_left() -> None:
    result, before = of(7, 86), of(5, 61)
    assert isinstance(before, Forecast)
    found = shown(result, before)
    assert isinstance(result, Forecast)
    assert found is not None
    low, middle, high = found.arrival
    assert middle is not None
    assert high is not None
    assert low <= result.arrival.p10 < middle < result.arrival.p90 <= high  # type: ignore[operator]
    assert not any(each % HOUR for each in (low, middle, high))
    assert [each.place for each in found.legs] == [ROUTE[2], ROUTE[3]]
    texts = pages(found)
    assert "With a probability of 80% it arrives between" in texts["en"]
    assert "Before or after" in texts["en"]
    assert "a day ago" in texts["en"]
    assert "trains of this service: 30, of all services: 30" in texts["en"]
    assert "有 80% 的概率在" in texts["zh"]
    shapes = {tuple(re.findall(r'<time datetime="[^"]+"|<tr|<li', text)) for text in texts.values()}
    assert len(shapes) == 1, "the same in every language"


def test_where_no_opening_is_announced_there_is_a_lower_bound_alone() -> None:
    found = shown(of(5, 62, closed(50, None)))
    assert found is not None
    assert found.arrival.p90 is None
    text = pages(found)["en"]
    assert "With a probability of 90% it arrives after" in text
    assert "There is no upper bound: nobody has announced when the border opens." in text
    assert "between" not in text[text.index('class="interval"') : text.index('id="legs"')]
    assert "Trains ahead of it:" in text


def test_what_may_take_longer_than_all_that_is_counted_has_no_upper_bound() -> None:
    result = of(7, 86)
    assert isinstance(result, Forecast)
    far = replace(result, unbounded=Unbounded.BEYOND_HORIZON, arrival=result.arrival._replace(p90=None))
    text = pages(shown(far))["en"]
    assert "With a probability of 90% it arrives after" in text
    assert "There is no upper bound: it may take longer than 120 days." in text


def test_silence_is_judged_by_habit_where_one_is_known() -> None:
    result = of(7, 86)
    quiet = Silence("ktz", START + 80 * HOUR, 6 * HOUR, ("ktz",), START + 84 * HOUR, 40, START + 126 * HOUR)
    late = shown(result, silence=quiet)
    assert "News has been overdue since" in pages(late)["en"]
    unknown = shown(result, silence=quiet._replace(seen=0))
    assert unknown is not None
    assert (unknown.normal_until, unknown.unusual) == (None, False)


def test_without_a_history_the_page_is_as_without_a_forecast() -> None:
    assert shown(of(7, 86, history=[])) is None
    assert shown(NoForecast.NO_POSITION) is None
    assert pages(shown(NoForecast.UNKNOWN_LEG)) == pages(None)
