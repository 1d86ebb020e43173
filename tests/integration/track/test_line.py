"""The line over Postgres: what stored events place where, and who sees which train through the API."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from services.query.line.film import count_at, picture
from services.query.line.reading import Lines, LoadedFilm, TooWide, last_sign
from services.query.line.run import State
from services.testbed.localstack.engine import DatabaseAddress
from tests.support.api.server import RunningApi
from tests.support.databases import migrated_database
from tests.support.financing.stored_world import Stored
from tests.support.financing.stories import micros
from tests.support.line_story import NOW, store

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def dsn(postgres: DatabaseAddress) -> str:
    address = migrated_database(postgres, "line_tests")
    store(address)
    return address


@pytest.fixture
def line(dsn: str) -> Iterator[Any]:
    stored = Stored(dsn)

    def film(since: str, until: str) -> LoadedFilm:
        return Lines().film(stored.session, micros(since), micros(until), NOW)

    film.session = stored.session  # type: ignore[attr-defined]
    yield film
    stored.close()


def at(line: Any, moment: str) -> dict[str, tuple[str, str, State]]:
    film = line(moment, moment).film
    return {
        seen.run.names[0].key.split("/")[1]: (seen.station, seen.towards, seen.state)
        for seen in picture(film, micros(moment))
    }


def test_stored_events_place_the_trains(line: Any) -> None:
    assert at(line, "2026-03-10T01:00:00Z") == {"1401": ("minsk", "baranovichi", State.PASSES)}
    waits = ("brest-severny", "", State.WAITS)
    assert at(line, "2026-03-11T00:00:00Z") == {"1401": waits, "1403": waits}
    assert at(line, "2026-03-11T14:30:00Z") == {"1401": waits, "1403": waits}, (
        "what was taken back, and a stranger's word"
    )
    assert at(line, "2026-03-12T07:20:00Z") == {"1401": ("malaszewicze", "", State.STANDS), "1403": waits}
    assert at(line, "2026-03-12T21:30:00Z") == {"1401": ("warsaw", "", State.STANDS), "1403": waits}


def test_a_train_is_one_under_the_numbers_of_both_railways(line: Any) -> None:
    film = line("2026-03-10T00:00:00Z", "2026-03-13T00:00:00Z").film
    assert [tuple(name.key.split("/")[1] for name in run.names) for run in film.runs] == [
        ("1401", "45301"),
        ("1403",),
    ]
    assert {run.boxes for run in film.runs} == {1}


def test_queues_and_what_an_authority_closed(line: Any) -> None:
    film = line("2026-03-10T00:00:00Z", "2026-03-13T00:00:00Z").film
    steps = film.waiting["brest-malaszewicze", "WEST"]
    moments = ("2026-03-10T08:00:00Z", "2026-03-10T10:00:00Z", "2026-03-11T00:00:00Z", "2026-03-12T07:20:00Z")
    assert [count_at(steps, micros(moment)) for moment in moments] == [0, 1, 2, 1]
    assert [restriction.publisher for restriction in film.restrictions] == ["mswia"]


def test_a_period_has_bounds(line: Any) -> None:
    with pytest.raises(TooWide, match="shorter"):
        line("2025-12-01T00:00:00Z", "2026-03-13T00:00:00Z")
    assert last_sign(line.session, NOW) == micros("2026-03-12T21:00:00Z")
    with pytest.raises(TooWide, match="begins"):
        line("2026-03-13T00:00:00Z", "2026-03-12T00:00:00Z")


class Counted(psycopg.Cursor[Any]):
    """Counts the statements of its session."""

    statements = 0

    def execute(self, *arguments: Any, **more: Any) -> Any:
        Counted.statements += 1
        return super().execute(*arguments, **more)


def test_more_trains_take_no_more_statements(line: Any) -> None:
    line.session.cursor_factory = Counted
    counts = []
    for since, until in (
        ("2026-03-10T00:00:00Z", "2026-03-10T01:00:00Z"),
        ("2026-03-10T00:00:00Z", "2026-03-13T00:00:00Z"),
    ):
        Counted.statements = 0
        line(since, until)
        counts.append(Counted.statements)
    assert counts[0] == counts[1] <= 16


PERIOD = {"from": "2026-03-10T00:00:00Z", "to": "2026-03-13T00:00:00Z"}
SEES = {
    "bch": "ALL", "plk": "ALL", "brest": "ALL", "gtk": "ALL", "stray": "ALL",
    "rtb": {"1401", "1403"}, "optic": {"1401"}, "textil": {"1403"},
    "other": set[str](), "abank": set[str](), "bbank": {"1401"}, "mswia": set[str](),
}  # fmt: skip


@pytest.fixture(scope="module")
def api(dsn: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApi]:
    with RunningApi(dsn, tmp_path_factory.mktemp("line")) as running:
        yield running


@pytest.mark.parametrize("party", sorted(SEES))
def test_everybody_sees_the_trains_that_are_its_to_see(api: RunningApi, party: str) -> None:
    answer = api.client(party).get("/v1/line", params=PERIOD)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    expected = SEES[party]
    named = {name.split("/")[1] for each in body["trains"] for name in each["names"]} - {"45301"}
    if expected == "ALL":
        assert (body["shown"], named, body["others"]) == ("ALL", {"1401", "1403"}, [])
    else:
        assert (body["shown"], named) == ("OWN", expected)
        hidden = {"1401", "1403"} - set(expected)
        assert not [number for number in hidden if f"/{number}/" in answer.text]
        assert bool(hidden) == bool(body["others"])
    assert [each["crossing"] for each in body["waiting"]] == ["brest-malaszewicze"]
    assert [each["by"] for each in body["restrictions"]] == ["mswia"]


def test_one_moment_is_the_same_answer_cut(api: RunningApi) -> None:
    answer = api.client("bch").get("/v1/line", params={"at": "2026-03-11T00:00:00Z"})
    body = answer.json()
    assert body["from"] == body["to"] == "2026-03-11T00:00:00Z"
    assert body["waiting"] == [{"crossing": "brest-malaszewicze", "bound": "WEST", "counts": [0, 2]}]
    again = api.client("bch").get(
        "/v1/line", params={"at": "2026-03-11T00:00:00Z"}, headers={"if-none-match": answer.headers["etag"]}
    )
    assert again.status_code == 304


@pytest.mark.parametrize(
    "wrong",
    [
        {"at": "yesterday"},
        {"at": "2026-03-11T00:00:00Z", "to": "2026-03-11T00:00:00Z"},
        {"to": "2026-03-11T00:00:00Z"},
        {"from": "2025-01-01T00:00:00Z", "to": "2026-01-01T00:00:00Z"},
    ],
)
def test_what_is_asked_wrongly_is_answered_with_what_to_change(
    api: RunningApi, wrong: dict[str, str]
) -> None:
    answer = api.client("bch").get("/v1/line", params=wrong)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["detail"]
