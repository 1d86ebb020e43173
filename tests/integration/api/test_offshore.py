"""Offshore deals over HTTP: the report, who sees what of it, annotations, and that a price shows to nobody whose it is not, nowhere."""

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
DEAL = "/v1/trade/deals/textil/OD-1"
WHOLE, VERDICT = {"textil", "bbank"}, {"abank", "hull", "ruhr"}
HIDDEN = ("follows_from", "stated", "data")


def deal(api: RunningApi, party: str) -> dict[str, Any]:
    answer = api.client(party).get(DEAL)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def annotate(api: RunningApi, bank: str, request: str, minor: int, **paper: Any) -> Any:
    named = {"kind": "INVOICE", "number": "OFF-77", **paper}
    amount = {"minor_units": minor, "currency_code": "EUR"}
    body = {"request": request, "deal": "textil/OD-1", "paper": named, "amount": amount}
    return api.client(bank).post("/v1/trade/annotations", json=body)


def test_owner_and_consented_bank_see_the_deal_and_what_is_missing(api: RunningApi) -> None:
    for party in sorted(WHOLE):
        found = deal(api, party)
        assert found["class"] == "OFFSHORE"
        assert [each["line"] for each in found["lines"]] == ["CARRIAGE", "BOXES", "GOODS"]
        assert all(each["missing"] is not None for each in found["lines"])
        assert found["data"]["contracts"][0]["amount"]["minor_units"] == cast.BOUGHT
        assert found["stated"]["by"] == "textil"
        assert "authentic" not in json.dumps(found).casefold()


def test_a_buyer_and_a_bank_without_consent_get_the_verdict_alone(api: RunningApi) -> None:
    whole = deal(api, "textil")
    for party in sorted(VERDICT):
        found = deal(api, party)
        assert [found[each] for each in HIDDEN] == [None, None, None]
        assert found["annotations"] == []
        assert (found["class"], found["findings"]) == (whole["class"], whole["findings"])
        for line in found["lines"]:
            assert (line["by"], line["missing"], line["unseen"]) == (None, None, None)
    for party in sorted(set(PARTIES) - WHOLE - VERDICT):
        assert api.client(party).get(DEAL).status_code == 404


def test_a_paper_is_annotated_up_to_its_amount_and_revoked_by_its_bank(api: RunningApi) -> None:
    first = annotate(api, "bbank", "api-1", cast.SOLD - 10).json()
    assert (first["outcome"], first["guard"]) == ("DONE", None)
    assert annotate(api, "bbank", "api-1", cast.SOLD - 10).json() == first
    assert annotate(api, "bbank", "api-1", 5).status_code == 409
    refused = annotate(api, "bbank", "api-2", 11).json()
    assert (refused["outcome"], refused["guard"], refused["annotation"]) == ("REFUSED", "PAPER_FREE", None)
    assert annotate(api, "bbank", "api-3", 1, number="OFF-78").json()["guard"] == "PAPER_OF_DEAL"
    assert annotate(api, "abank", "api-4", 1).status_code == 404
    assert first in deal(api, "bbank")["annotations"]
    assert deal(api, "textil")["annotations"] == []
    revocation = f"/v1/trade/annotations/{first['annotation']}/revocations"
    assert api.client("abank").post(revocation, json={"request": "api-5"}).status_code == 404
    revoked = api.client("bbank").post(revocation, json={"request": "api-5"}).json()
    assert (revoked["action"], revoked["outcome"]) == ("REVOKE", "DONE")
    assert first not in deal(api, "bbank")["annotations"]


@pytest.mark.long
def test_no_price_of_a_deal_shows_to_anybody_but_its_owner_and_whom_it_lets_see(
    api: RunningApi, capfd: pytest.CaptureFixture[str]
) -> None:
    """Every read of every party, refusals of annotations, headers and bodies, then the metrics and what was logged."""
    paths = {row.own for (method, _), row in ROWS.items() if method == "GET"}
    paths |= {"/v1/consignments/xaport/XA-2", "/v1/consignments/xaport/XA-2/timeline"}
    prices = (str(cast.BOUGHT), str(cast.SOLD))
    seen: dict[str, set[str]] = {price: set() for price in prices}
    for party in PARTIES:
        client = api.client(party)
        answers = [client.get(path) for path in sorted(paths)]
        answers.append(annotate(api, party, "canary", 99_999_999))
        shown = "".join(each.text + str(each.headers) for each in answers)
        for price, readers in seen.items():
            if price in shown:
                readers.add(party)
    assert seen == dict.fromkeys(prices, WHOLE)
    logged = "".join(capfd.readouterr()) + generate_latest(api.context.metrics.instruments.registry).decode()
    assert not [price for price in prices if price in logged]


def test_the_terminal_shows_the_report_and_annotates(api: RunningApi, tmp_path: Path) -> None:
    api.client("bbank")
    key = tmp_path / "bbank.jwk"
    key.write_text(json.dumps(api.key("bbank").as_dict(private=True)))
    access = ["--client", "bbank", "--key", str(key), "--url", api.url]

    def run(*words: str) -> Any:
        return CliRunner().invoke(app, [*words, *access])

    report = run("report", "textil/OD-1")
    assert report.exit_code == 3, report.output  # something is missing
    assert "CARRIAGE" in report.output
    done = run(
        "annotate",
        "textil/OD-1",
        "--paper",
        "INVOICE/OFF-77",
        "--amount",
        "1234 EUR",
        "--request",
        "t-1",
        "--json",
    )
    assert done.exit_code == 0, done.output
    annotation = json.loads(done.output)["annotation"]
    refused = run(
        "annotate",
        "textil/OD-1",
        "--paper",
        "INVOICE/OFF-77",
        "--amount",
        f"{cast.SOLD} EUR",
        "--request",
        "t-2",
    )
    assert refused.exit_code == 3, refused.output
    assert "PAPER_FREE" in refused.output
    assert run("revoke", str(annotation), "--request", "t-3").exit_code == 0
