"""Published statistics over the API: the page's numbers and definitions, once and conditionally."""

from __future__ import annotations

import psycopg
import pytest

from services.statistics.domain import months
from services.statistics.domain.definitions import definitions
from services.statistics.store.reader import read_published
from tests.support.api.server import RunningApi
from tests.support.statistics import publish_year

pytestmark = pytest.mark.integration


def test_what_is_published_is_answered_once_and_conditionally(api: RunningApi) -> None:
    publish_year(api.dsn)
    with psycopg.connect(api.dsn) as session:
        stored = {each.publication.month: each for each in read_published(session)}
    client = api.client("stranger")
    answer = client.get("/v1/statistics?from=2025-01")
    found = answer.json()
    assert [each["month"] for each in found["months"]] == [
        months.written(each) for each in sorted(stored)[::-1]
    ]
    assert [each["id"] for each in found["definitions"]] == list(definitions())
    assert all(":'" in each["query"] for each in found["definitions"])
    for month in found["months"]:
        figures = stored[months.parse(month["month"])].figures
        given = [(f["definition"], f["corridor"] or "", f["part"], f["inputs"]) for f in month["figures"]]
        assert given == [(f.definition, f.corridor, f.part, f.inputs.hex()) for f in figures]
    again = client.get("/v1/statistics?from=2025-01", headers={"if-none-match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")

    one = client.get(
        "/v1/statistics?definition=dwell&from=2025-09&to=2025-09&corridor=CN-EU/alashankou-dostyk"
    ).json()
    (month,) = one["months"]
    assert {(f["definition"], f["corridor"], f["part"]) for f in month["figures"]} == {
        ("dwell", "CN-EU/alashankou-dostyk", "alashankou-dostyk")
    }
    hours = {
        f.middle // 3_600_000_000 for f in stored[months.parse("2025-09")].figures if f.definition == "dwell"
    }
    assert month["figures"][0]["value"] in hours
    for wrong in ("definition=none", "from=September", "corridor=x"):
        assert client.get(f"/v1/statistics?{wrong}").status_code == 422, wrong
