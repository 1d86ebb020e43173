"""What the preview's page gets from its server: a real Postgres and, where it is installed, a real Prometheus answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from services.monitoring.dashboards.preview.board_data import BoardData
from services.monitoring.dashboards.preview.boards import Board
from services.monitoring.dashboards.preview.data_sources import Postgres, Prometheus
from services.monitoring.dashboards.preview.server import PageServer
from services.monitoring.dashboards.substitution import TimeRange, UnknownReference
from services.testbed.localstack.engine import DatabaseAddress

pytestmark = pytest.mark.integration

NOWHERE = "http://127.0.0.1:9"
SPAN = TimeRange.of("2026-11-25T10:00:00Z", "2026-11-25T16:00:00Z", datetime.now(UTC))
SQL = {"type": "grafana-postgresql-datasource", "uid": "postgres"}
PROMETHEUS = {"type": "prometheus", "uid": "${datasource}"}
VARIABLES = [
    {"name": "datasource", "type": "datasource", "query": "prometheus", "current": {}},
    {
        "name": "crossing",
        "type": "query",
        "datasource": SQL,
        "query": "SELECT DISTINCT crossing FROM wait ORDER BY 1",
        "multi": True,
        "includeAll": True,
        "current": {},
    },
    {"name": "least", "type": "custom", "query": "none : 0, some : 5", "current": {}},
]


def board(*panels: dict[str, Any], variables: list[dict[str, Any]] = VARIABLES, **more: Any) -> Board:
    numbered = [{"id": number, "type": "table", **panel} for number, panel in enumerate(panels, 1)]
    return Board("tried", {"title": "Tried", "panels": numbered, "templating": {"list": variables}, **more})


def rows(statement: str, form: str = "table", query: str = "A") -> dict[str, Any]:
    return {"refId": query, "datasource": SQL, "format": form, "rawSql": statement}


@pytest.fixture(scope="module")
def dsn(postgres: DatabaseAddress) -> str:
    address = postgres.fresh_database("preview_tests")
    with psycopg.connect(address) as session:
        session.execute("CREATE TABLE wait (crossing text, at timestamptz, trains int, open boolean)")
        session.execute(
            "INSERT INTO wait VALUES ('brest', '2026-11-25 11:00Z', 7, false), ('brest', '2026-11-25 12:00Z', 9, false),"
            " ('it''s', '2026-11-25 12:00Z', 3, true), ('brest', '2026-11-24 12:00Z', 1, NULL)"
        )
    return address


@pytest.fixture
def opened(dsn: str, tmp_path: Path) -> Iterator[Callable[..., httpx.Client]]:
    """Serves a board; returns a client of its page."""
    (tmp_path / "page").mkdir()
    (tmp_path / "page" / "index.html").write_text("the page")
    (tmp_path / "secret").write_text("not for the page")
    closing: list[Any] = []

    def serve(tried: Board, url: str = NOWHERE, span: TimeRange = SPAN, **given: list[str]) -> httpx.Client:
        metrics = Prometheus(url, timeout=5).__enter__()
        server = PageServer(
            tmp_path / "page", BoardData(tried, span, metrics, Postgres(dsn), given)
        ).__enter__()
        client = httpx.Client(base_url=server.url, trust_env=False)
        closing.extend((client, server, metrics))
        return client

    yield serve
    for each in closing:
        each.__exit__(None, None, None)


def answer(client: httpx.Client, panel: int = 1) -> dict[str, Any]:
    found: dict[str, Any] = client.post("query", json={"panel": panel, "points": 500}).json()
    return found


def columns(found: dict[str, Any], frame: int = 0) -> dict[str, tuple[str, list[Any]]]:
    return {each["name"]: (each["type"], each["values"]) for each in found["frames"][frame]["fields"]}


def test_a_table_keeps_the_types_of_its_columns(opened: Callable[..., httpx.Client]) -> None:
    statement = "SELECT crossing, at, trains, open FROM wait WHERE $__timeFilter(at) ORDER BY at, crossing"
    found = answer(opened(board({"targets": [rows(statement)]})))
    assert found["errors"] == []
    eleven = int(datetime(2026, 11, 25, 11, tzinfo=UTC).timestamp() * 1_000)
    assert columns(found) == {
        "crossing": ("string", ["brest", "brest", "it's"]),
        "at": ("time", [eleven, eleven + 3_600_000, eleven + 3_600_000]),
        "trains": ("number", [7, 9, 3]),
        "open": ("boolean", [False, False, True]),
    }


def test_words_name_the_curves(opened: Callable[..., httpx.Client]) -> None:
    statement = (
        "SELECT $__timeGroupAlias(at, '1h'), crossing AS metric, sum(trains) AS trains FROM wait "
        "WHERE $__timeFilter(at) GROUP BY 1, 2 ORDER BY 1"
    )
    found = columns(answer(opened(board({"targets": [rows(statement, "time_series")]}))))
    assert found["brest"] == ("number", [7, 9])
    assert found["it's"] == ("number", [None, 3])


def test_variables_are_chosen_and_escaped(opened: Callable[..., httpx.Client]) -> None:
    tried = board(
        {
            "targets": [
                rows("SELECT count(*) AS n FROM wait WHERE crossing IN ($crossing) AND trains >= $least")
            ]
        }
    )
    everything = opened(tried)
    assert everything.get("dashboard").json()["variables"]["crossing"] == {
        "text": "All",
        "values": ["brest", "it's"],
    }
    assert columns(answer(everything))["n"] == ("number", [4])
    assert columns(answer(opened(tried, crossing=["it's"])))["n"] == ("number", [1])
    assert columns(answer(opened(tried, least=["5"])))["n"] == ("number", [2])
    with pytest.raises(UnknownReference, match=r"no variable 'corridor'; it has crossing, datasource, least"):
        opened(tried, corridor=["north"])


def test_a_query_that_fails_says_why_and_keeps_the_others(
    opened: Callable[..., httpx.Client], dsn: str
) -> None:
    targets = [
        rows("SELECT 1 AS one"),
        rows("SELECT nothing FROM nowhere", query="B"),
        rows("DELETE FROM wait RETURNING crossing", query="C"),
        rows("SELECT $__timeFliter(at)", query="D"),
        {"refId": "E", "datasource": {"type": "loki", "uid": "logs"}, "expr": "{}"},
        {"refId": "F", "datasource": PROMETHEUS, "expr": "up"},
    ]
    found = answer(opened(board({"targets": targets})))
    assert columns(found) == {"one": ("number", [1])}
    said = dict(zip("BCDEF", found["errors"], strict=True))
    for query, words in {
        "B": "does not exist",
        "C": "read-only transaction",
        "D": "$__timeFliter",
        "E": "'loki' is not known",
        "F": f"{NOWHERE} does not answer",
    }.items():
        assert said[query].startswith(f"{query}: ")
        assert words in said[query]
    with psycopg.connect(dsn) as session:
        assert session.execute("SELECT count(*) FROM wait").fetchone() == (4,)


def test_annotations_are_moments_and_spans(opened: Callable[..., httpx.Client]) -> None:
    closed = {
        "name": "closed",
        "iconColor": "red",
        "enable": True,
        "datasource": SQL,
        "target": rows(
            "SELECT min(at) AS time, max(at) AS timeend, crossing AS text FROM wait GROUP BY 3 ORDER BY 1"
        ),
    }
    broken = {"name": "broken", "datasource": SQL, "target": rows("SELEC")}
    timeless = {"name": "timeless", "datasource": SQL, "target": rows("SELECT 'words' AS text")}
    found = opened(
        board(annotations={"list": [closed, broken, timeless, {"builtIn": 1, "datasource": "-- Grafana --"}]})
    ).get("marks")
    noon = int(datetime(2026, 11, 25, 12, tzinfo=UTC).timestamp() * 1_000)
    assert found.json()["marks"] == [
        {"name": "closed", "colour": "red", "from": noon - 86_400_000, "to": noon},
        {"name": "closed", "colour": "red", "from": noon, "to": noon},
    ]
    wrong, without = found.json()["errors"]
    assert wrong.startswith("annotation broken: Postgres: syntax error")
    assert without == "annotation timeless: an annotation needs a column called time"


def test_the_server_answers_its_own_page_only(opened: Callable[..., httpx.Client]) -> None:
    client = opened(board({}))
    assert client.get("").text == "the page"
    assert client.get("", headers={"Host": "evil.example"}).status_code == 403
    assert (
        client.post("query", json={"panel": 1, "points": 1}, headers={"Host": "evil.example"}).status_code
        == 403
    )
    assert client.get("%2e%2e/secret").status_code == 404
    assert client.post("query", json={"panel": 99, "points": 1}).json() == {"error": "tried has no panel 99"}
    for wrong in (b"", b"{", b'{"panel": "x"}', b"[]"):
        assert client.post("query", content=wrong).status_code == 400


@pytest.mark.long
def test_prometheus_answers_curves_tables_and_values_of_labels(
    opened: Callable[..., httpx.Client], prometheus: str
) -> None:
    job = {
        "name": "job",
        "type": "query",
        "datasource": PROMETHEUS,
        "query": "label_values(up, job)",
        "multi": True,
        "current": {},
    }

    def asking(query: str, expression: str, **more: Any) -> dict[str, Any]:
        return {"refId": query, "datasource": PROMETHEUS, "expr": expression, **more}

    tried = board(
        {
            "targets": [
                asking("A", 'up{job=~"$job"}', legendFormat="{{job}} is up"),
                asking("B", "vector(NaN)"),
            ]
        },
        {"targets": [asking("A", "up", instant=True, format="table")]},
        {
            "targets": [
                asking("A", "sum(rate(up[$__rate_interval])"),
                asking("B", "nothing_such", instant=True),
            ]
        },
        variables=[VARIABLES[0], job],
    )
    # Curves have whole steps: the next one is asked for too, as the first scrape was a moment ago.
    now = datetime.now(UTC)
    client = opened(tried, prometheus, TimeRange.of("now-5m", (now + timedelta(seconds=30)).isoformat(), now))
    assert client.get("dashboard").json()["variables"]["job"]["values"] == ["own"]
    curves = answer(client)
    moments, value = curves["frames"][0]["fields"]
    assert value["config"] == {"displayNameFromDS": "own is up"}
    assert value["labels"]["job"] == "own"
    assert set(value["values"]) == {1.0}
    assert all(at % 15_000 == 0 for at in moments["values"])
    assert set(curves["frames"][1]["fields"][1]["values"]) == {None}
    table = columns(answer(client, 2))
    assert list(table) == ["Time", "__name__", "instance", "job", "Value"]
    assert (table["job"], table["Value"]) == (("string", ["own"]), ("number", [1.0]))
    wrong = answer(client, 3)
    assert wrong["frames"] == []
    (error,) = wrong["errors"]
    assert error.startswith("A: Prometheus: ")
    assert "parse error" in error
