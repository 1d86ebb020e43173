"""Versions of a trade's data over HTTP: their lineage and changes, and that a price shows to nobody whose it is not, nowhere."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import generate_latest
from typer.testing import CliRunner

from services.cli.declare import app
from tests.support.api import cast
from tests.support.api.permissions import PARTIES, ROWS
from tests.support.api.server import RunningApi

pytestmark = pytest.mark.integration
MAY = {
    cast.OPTIC_PRICE: {"optic"},
    cast.AGENT_PRICE: {"optic", "silk"},
    cast.TEXTIL_PRICE: {"textil", "bbank"},
}
"""Each price, and who may read it: the owner, who stated it, and whoever lends with the owner's consent."""


def trade(api: RunningApi, party: str, name: str = "optic/T-1") -> dict[str, Any]:
    answer = api.client(party).get(f"/v1/trade/datasets/{name}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_the_owner_sees_both_versions_and_what_changed(api: RunningApi) -> None:
    found = trade(api, "optic")
    first, second = found["versions"]
    assert (found["whole"], found["current"]["id"].rpartition("/")[2]) == (True, "trade-2")
    assert [each["by"] for version in found["versions"] for each in version["stated"]] == ["optic", "silk"]
    assert second["previous"] == first["digest"] == cast.digest_of(cast.FIRST)
    assert (first["data"], second["data"]) == (cast.FIRST, cast.SECOND)
    assert second["changes"] == [
        {"path": f"/lines/L1/{name}", "before": cast.OPTIC_PRICE, "after": cast.AGENT_PRICE}
        for name in ("amount", "price")
    ]


def test_a_carrier_sees_the_goods_and_no_price_no_digest_no_change_of_price(api: RunningApi) -> None:
    for version in trade(api, "cr")["versions"]:
        assert not version["price"]
        assert (version["digest"], version["previous"], version["changes"]) == (None, None, [])
        assert set(version["data"]) == {"reference", "version", "lines"}
        assert "price" not in version["data"]["lines"][0]


def test_a_shared_box_opens_nobody_elses_trade(api: RunningApi) -> None:
    assert trade(api, "textil", "textil/TX-1")["whole"]
    for party in ("toys", "cr", "gacc", "abank", "optic"):
        assert api.client(party).get("/v1/trade/datasets/textil/TX-1").status_code == 404


def test_a_price_shows_to_nobody_whose_it_is_not(api: RunningApi, capfd: pytest.CaptureFixture[str]) -> None:
    """Every read of every party, headers and bodies, then the metrics and what was logged."""
    paths = {row.own for (method, _), row in ROWS.items() if method == "GET"}
    paths |= {
        "/v1/trade/datasets/textil/TX-1",
        "/v1/trade/findings/textil/TX-1",
        "/v1/consignments/xaport/XA-2",
        "/v1/consignments/xaport/XA-3",
    }
    may = {
        **MAY,
        **{price.replace(".", ""): readers for price, readers in MAY.items()},
        cast.digest_of(cast.FIRST): {"optic", "silk"},  # silk's own version names it
        cast.digest_of(cast.SECOND): {"optic", "silk"},
    }
    seen: dict[str, set[str]] = {value: set() for value in may}
    for party in PARTIES:
        client = api.client(party)
        for path in sorted(paths):
            answer = client.get(path)
            shown = answer.text + str(answer.headers)
            for value, readers in seen.items():
                if value in shown:
                    readers.add(party)
    assert seen == {
        value: readers if "." in value or len(value) == 64 else set() for value, readers in may.items()
    }
    logged = "".join(capfd.readouterr()) + generate_latest(api.context.metrics.instruments.registry).decode()
    assert not [price for price in MAY if price in logged]


def test_the_terminal_shows_the_lineage(api: RunningApi, tmp_path: Path) -> None:
    api.client("optic")
    key = tmp_path / "optic.jwk"
    key.write_text(json.dumps(api.key("optic").as_dict(private=True)))
    calls = ["show", "optic/T-1", "--client", "optic", "--key", str(key), "--url", api.url]
    done = CliRunner().invoke(app, calls)
    assert done.exit_code == 0, done.output
    assert cast.OPTIC_PRICE in done.output
    assert json.loads(CliRunner().invoke(app, [*calls, "--json"]).output)["whole"]
