"""Whether declarations are in step, over HTTP: the verdict to whom it concerns, a declared price to nobody but who lodged it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from services.cli.declare import app
from services.cli.exits import Exit
from services.testbed.localstack.engine import DatabaseAddress
from tests.support.api import cast
from tests.support.api.declared import MORE, RESOLD, SOLD
from tests.support.api.server import RunningApi
from tests.support.databases import migrated_database

pytestmark = pytest.mark.integration
PATH = "/v1/trade/statuses/optic/T-1"


@pytest.fixture(scope="module")
def api(postgres: DatabaseAddress, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApi]:
    dsn = migrated_database(postgres, "in_step")
    cast.play(dsn, cast.case(MORE))
    with RunningApi(dsn, tmp_path_factory.mktemp("in_step")) as running:
        yield running


def test_who_may_know_sees_where_they_are_not_in_step_and_why(api: RunningApi) -> None:
    found = api.client("optic").get(PATH).json()
    assert not found["in_step"]
    price = next(
        each for each in found["statuses"] if each["element"] == "21" and each["left"] and each["right"]
    )
    assert [each["side"] for each in price["left"] + price["right"]] == ["CN", "DT"]
    assert price["lines"] == "L1"
    assert price["status"] not in ("SAME", "ALLOWED")
    gross = next(each for each in found["statuses"] if each["element"] in ("29", "30") and each["right"])
    assert gross["values"] == [None, None], "the owner lodged neither"


def test_a_declared_price_is_shown_to_who_lodged_it_alone(api: RunningApi) -> None:
    seen = {SOLD: set[str](), RESOLD: set[str]()}
    for party in cast.case(MORE).story.parties:
        text = api.client(party).get(PATH).text
        for price, readers in seen.items():
            if price in text:
                readers.add(party)
    assert seen == {SOLD: {"silk"}, RESOLD: {"ruhr"}}


def test_a_terminal_shows_what_is_to_do_in_the_readers_language(api: RunningApi, tmp_path: Path) -> None:
    api.client("optic")
    key = tmp_path / "optic.jwk"
    key.write_text(json.dumps(api.key("optic").as_dict(private=True)))
    calls = ["statuses", "optic/T-1", "--client", "optic", "--key", str(key), "--url", api.url]
    shown = CliRunner().invoke(app, [*calls, "--lang", "zh"])
    assert shown.exit_code == Exit.FINDINGS, shown.output
    assert f"{cast.DECLARATION}: -" in shown.output
    whole = json.loads(CliRunner().invoke(app, [*calls, "--json"]).output)
    assert whole == {"schema_version": 1, **api.client("optic").get(PATH).json()}


def test_nobody_else_learns_that_there_is_a_trade(api: RunningApi) -> None:
    for party in ("stranger", "toys", "cr", "dit", "depl"):
        assert api.client(party).get(PATH).status_code == 404, party
    assert api.client("optic").get("/v1/trade/statuses/optic/none").status_code == 404
