"""Findings of a trade from its events, over HTTP and a terminal: the verdict to whom it concerns, both prices to nobody who may not read both."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import generate_latest
from typer.testing import CliRunner

from services.cli.declare import app
from services.cli.exits import Exit
from services.ledger.registry import store
from services.ledger.storage.session import open_session
from services.testbed.localstack.engine import DatabaseAddress
from services.trade.store.findings import TradeFindings, findings_by, read_findings
from services.trade.store.source import TradeSource
from tests.support.api import cast
from tests.support.api.declared import AMENDED, CORRECTED, MORE, RESOLD, SOLD, explained
from tests.support.api.server import RunningApi
from tests.support.databases import migrated_database
from tests.support.financing.stored_world import events_of, register, tell

pytestmark = pytest.mark.integration
PATH = "/v1/trade/findings/optic/T-1"
SECRETS = (cast.OPTIC_PRICE, cast.AGENT_PRICE, SOLD, RESOLD, "2722.249361", "908.348809", "1813.900552")
"""The prices, and the differences between them that the arithmetic holds."""


def stored(dsn: str, events: Any, seed: int = 0) -> TradeFindings:
    """The findings in a new database with the story and ``events``, which arrive in an order of ``seed``."""
    case = cast.case(events)
    told = events_of(case)
    random.Random(seed).shuffle(told)
    with open_session(dsn, "lianyun-test") as session:
        register(session, case.story)
        for at, event in (*told, *told[: len(told) // 3]):
            tell(session, event, at)
            session.commit()
        registry = store.read_snapshot(session)
        return read_findings(session, "optic", "T-1", registry, cast.micros("2026-12-31T00:00Z"))


def of(found: TradeFindings, check: str) -> Any:
    return next(each for each in found.findings if each.finding.check == check)


def played(dsn: str, events: Any) -> None:
    """The cast with ``events``, and ruhr's explanation of D04 in which its own price stands."""
    cast.play(dsn, cast.case(events))
    with open_session(dsn, "lianyun-test") as session:
        registry = store.read_snapshot(session)
        known = read_findings(session, "optic", "T-1", registry, cast.micros("2026-12-31T00:00Z"))
        why = explained(
            "why", "ruhr", "2026-03-17T09:00+03:00", "D04", of(known, "D04").digest, f"Resold for {RESOLD}."
        )
        at, told = events_of(cast.case((*events, why)))[-1]
        tell(session, told, at)
        session.commit()


@pytest.fixture(scope="module")
def api(postgres: DatabaseAddress, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApi]:
    dsn = migrated_database(postgres, "findings")
    played(dsn, MORE)
    with RunningApi(dsn, tmp_path_factory.mktemp("findings")) as running:
        yield running


def test_findings_name_events_values_arithmetic_and_the_dated_tolerance(postgres: DatabaseAddress) -> None:
    found = stored(migrated_database(postgres, "findings_read"), MORE)
    price = of(found, "D04")
    assert price.finding.verdict == "CONTRADICTION"
    assert [(found.stated_by[each.place.file].kind, each.written) for each in price.finding.values] == [
        ("CN_DECLARATION", SOLD),
        ("EAEU_DECLARATION", RESOLD),
    ]
    assert {each.place.at for each in price.finding.values} == {"/lines/0/amount"}
    assert price.finding.arithmetic == f"|{SOLD} - {RESOLD}| = 2722.249361 > 0.01"
    assert price.finding.tolerance.source == "rounding of lines"
    assert {each.finding.check for each in found.findings} == {f"D{n:02}" for n in range(33)}
    assert found.concerned == {"optic", "silk", "ruhr"}


def test_an_explanation_counts_from_whom_it_concerns_as_long_as_the_values_do_not_change(
    postgres: DatabaseAddress,
) -> None:
    before = stored(migrated_database(postgres, "findings_0"), MORE)
    digest = of(before, "D04").digest
    text = "Resale through a third country."
    said = (
        explained("why", "ruhr", "2026-03-17T09:00+03:00", "D04", digest, text),
        explained("of-a-stranger", "toys", "2026-03-17T09:10+03:00", "D02", of(before, "D02").digest, text),
        explained("of-customs", "gacc", "2026-03-17T09:20+03:00", "D03", of(before, "D03").digest, text),
        explained("old", "optic", "2026-03-17T09:30+03:00", "D01", "0" * 64, text),
    )
    after = stored(migrated_database(postgres, "findings_1"), (*MORE, *said), seed=1)
    assert [each.by for each in of(after, "D04").explanations] == ["ruhr"]
    assert (of(after, "D04").explained, of(after, "D04").open) == (True, False)
    assert of(after, "D04").finding == of(before, "D04").finding
    assert of(after, "D03").explained
    assert not of(after, "D02").explained
    assert not of(after, "D01").explained
    changed = stored(migrated_database(postgres, "findings_2"), (CORRECTED, *MORE, *said), seed=2)
    assert of(changed, "D04").finding.values[1].written == AMENDED
    assert of(changed, "D04").open, "the values are others than those explained"


def test_any_order_and_any_copies_give_the_same_findings(postgres: DatabaseAddress) -> None:
    found = [
        stored(migrated_database(postgres, f"findings_order_{seed}"), MORE, seed).findings
        for seed in range(3)
    ]
    assert found[0] == found[1] == found[2]


def test_trades_read_together_are_as_each_is_alone(postgres: DatabaseAddress) -> None:
    events = (
        *MORE,
        CORRECTED,
        {"id": "not-so", "by": "ruhr", "at": "2026-03-19T09:00+03:00", "type": "correction.retracted",
         "says": {"of": "dt-again", "reason": "DID_NOT_HAPPEN"}},
    )  # fmt: skip
    dsn = migrated_database(postgres, "findings_together")
    alone = stored(dsn, events)
    assert of(alone, "D04").finding.values[1].written == RESOLD, "the correction was retracted"
    names = [("optic", "T-1"), ("textil", "TX-1"), ("optic", "none")]
    with open_session(dsn, "lianyun-test") as session:
        registry, at = store.read_snapshot(session), cast.micros("2026-12-31T00:00Z")
        source = TradeSource(session, registry, at)
        source.prepare(names)
        for name in names:
            assert findings_by(source, *name).findings == read_findings(session, *name, registry, at).findings
        assert findings_by(source, "optic", "T-1").findings == alone.findings


def test_a_reader_who_may_not_read_both_values_gets_the_verdict_alone(api: RunningApi) -> None:
    for party in ("optic", "silk", "ruhr", "gacc", "abank"):
        found = api.client(party).get(PATH)
        assert found.status_code == 200, (party, found.text)
        price = next(each for each in found.json()["findings"] if each["check"] == "D04")
        assert price["verdict"] == "CONTRADICTION"
        assert price["explained"]
        assert [(each["by"], each["text"] is None) for each in price["explanations"]] == [
            ("ruhr", party != "ruhr")
        ]
        assert (price["values"], price["arithmetic"], price["reason"], price["tolerance"]) == (None,) * 4
    own = next(each for each in api.client("optic").get(PATH).json()["findings"] if each["check"] == "D01")
    assert [each["written"] for each in own["values"]] == ["3", cast.AGENT_PRICE, cast.AGENT_PRICE]
    assert own["values"][1]["event"]["id"].endswith("trade-2")
    assert own["tolerance"]["valid_from"] == "2018-01-01"


def test_no_price_and_no_difference_of_prices_shows_anywhere(
    api: RunningApi, capfd: pytest.CaptureFixture[str]
) -> None:
    """The canary of ``test_datasets`` for findings: every party's answer and headers, problems, the metrics and what was logged."""
    seen: dict[str, set[str]] = {value: set() for value in SECRETS}
    for party in cast.case(MORE).story.parties:
        for path in (PATH, f"{PATH}/x", "/v1/trade/findings/optic/none"):
            answer = api.client(party).get(path)
            for value, readers in seen.items():
                if value in answer.text + str(answer.headers):
                    readers.add(party)
    of_both = {cast.AGENT_PRICE: {"optic", "silk"}, SOLD: {"silk"}, RESOLD: {"ruhr"}, "908.348809": {"silk"}}
    assert seen == {value: of_both.get(value, set()) for value in SECRETS}
    logged = "".join(capfd.readouterr()) + generate_latest(api.context.metrics.instruments.registry).decode()
    assert not [value for value in SECRETS if value in logged]


def test_another_price_changes_nothing_for_who_may_not_read_it(
    api: RunningApi, postgres: DatabaseAddress, tmp_path: Path
) -> None:
    """Neither which findings there are, nor their number, nor their order; the digest is under a salt that such a reader does not have."""
    dsn = migrated_database(postgres, "findings_other_price")
    played(dsn, json.loads(json.dumps(MORE).replace(RESOLD, "11876.5")))

    def shown(running: RunningApi, party: str) -> Any:
        body = running.client(party).get(PATH).json()
        return [
            {name: value for name, value in each.items() if name != "digest"} for each in body["findings"]
        ]

    with RunningApi(dsn, tmp_path) as other:
        for party in ("optic", "silk", "gacc", "abank"):
            assert shown(api, party) == shown(other, party), party
        assert shown(api, "ruhr") != shown(other, "ruhr"), "its own price"


def test_nobody_else_learns_that_there_is_a_trade(api: RunningApi) -> None:
    for party in ("stranger", "toys", "cr", "dit", "depl"):
        there, absent = (api.client(party).get(path) for path in (PATH, "/v1/trade/findings/optic/none"))
        assert there.status_code == absent.status_code == 404, party
        assert there.json()["title"] == absent.json()["title"]


def test_a_terminal_shows_them_in_the_readers_language(api: RunningApi, tmp_path: Path) -> None:
    api.client("optic")
    key = tmp_path / "optic.jwk"
    key.write_text(json.dumps(api.key("optic").as_dict(private=True)))
    calls = ["findings", "optic/T-1", "--client", "optic", "--key", str(key), "--url", api.url]
    shown = CliRunner().invoke(app, [*calls, "--lang", "zh"])
    assert shown.exit_code == Exit.FINDINGS, shown.output
    assert "矛盾" in shown.output
    whole = json.loads(CliRunner().invoke(app, [*calls, "--json"]).output)
    assert whole == {"schema_version": 1, **api.client("optic").get(PATH).json()}
