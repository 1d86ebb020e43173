"""The demo's banks through a running API: what is lent, what is refused under look-alike numbers, what is read of shippers."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import psycopg
import pytest

from services.financing.store.keys import make_keys, prepare
from services.ledger.admission.evaluation import admit
from services.ledger.admission.model import Admitted, Record
from services.ledger.registry import store
from services.ledger.storage.batch import Advance, Batch, Event
from services.ledger.storage.claims import AssignedPartition
from services.ledger.storage.writer import Writer
from services.processors.ledger_store import PROJECTIONS
from services.processors.settings import admission_settings
from services.testbed.demo.banks import Banks
from services.testbed.demo.financing import DemoFinancing, follow
from services.testbed.localstack.api import Callers
from services.testbed.localstack.engine import DatabaseAddress
from services.testbed.localstack.platform import register
from services.testbed.simulator import financing
from services.testbed.simulator.corridors import simulate
from services.testbed.simulator.signed_messages import Outgoing, members, profiles, sign_all
from tests.support.api.server import RunningApi
from tests.support.databases import migrated_database

pytestmark = pytest.mark.integration
WORLD = simulate("polish-closure-2025", 1, scale=0.01)
KNOWN = profiles(WORLD.seed)


def stored(dsn: str, outgoing: list[Outgoing]) -> None:
    """Admit and apply the messages as a worker does, topic by topic."""
    settings = admission_settings("demo")
    with psycopg.connect(dsn) as session:
        registry = store.load(session)
    with Writer(dsn, lambda _session, _refused: None, projections=PROJECTIONS) as writer:
        by_topic = sorted(outgoing, key=lambda out: out.message.topic)
        for topic, of_topic in groupby(by_topic, key=lambda out: out.message.topic):
            (claim,) = writer.claim_partitions("test", [AssignedPartition(topic, 0)])
            place, events = claim.next_offset, []
            for number, out in enumerate(of_topic, place):
                headers = list(out.message.headers)
                record = Record(topic, 0, number, time.time_ns() // 1_000_000, headers, out.message.value)
                admitted = admit(record, registry, settings)
                assert isinstance(admitted, Admitted), admitted
                verified = admitted.verified
                events.append(
                    Event(
                        record, verified.event, verified.content, verified.payload, verified.party.code,
                        verified.key.key_id, registry.version, admitted.facts,
                    )
                )  # fmt: skip
            advance = Advance(topic, 0, claim.epoch, place, place + len(events))
            writer.apply(Batch((advance,), tuple(events), (), registry.version))
        for _ in range(1_000):
            writer.tick()
            if not writer.pending():
                return
        raise AssertionError("the store does not settle")


@pytest.fixture(scope="module")
def told(
    postgres: DatabaseAddress, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Banks, dict[str, Any]]]:
    dsn, folder = migrated_database(postgres, "demo_banks"), tmp_path_factory.mktemp("banks")
    register(dsn, members(KNOWN))
    simulation = WORLD.simulation()
    money = DemoFinancing.of(simulation, WORLD.opens)
    assert money.financed is not None
    keys = folder / "own-keys.json"
    with psycopg.connect(dsn) as session:
        prepare(session, make_keys(keys), "demo", time.time_ns() // 1_000, "test")
    cargo = [
        message
        for message in simulation.publication.messages
        if message.record["type"].startswith("cre.link.")
        or money.financed.box in str(message.record["data"])
        or money.financed.note in str(message.record["data"])
    ]
    papers = list(money.papers)
    before = [message for message in money.messages if message not in papers]
    with (
        RunningApi(dsn, folder, {"financing_keys": keys}) as api,
        Callers(dsn, api.url, Path(folder)) as callers,
    ):
        banks = Banks(money, callers)
        early = [message for message in cargo if message.sent <= money.at]
        stored(dsn, sign_all([*early, *before], KNOWN))
        banks.look(money.at - 1)
        banks.look(money.at)
        assert banks.decisions == [], "what they rest on has not come yet"
        stored(dsn, sign_all(papers, KNOWN))
        banks.look(money.at)
        stored(dsn, sign_all([message for message in cargo if message.sent > money.at], KNOWN))
        follow(dsn)
        yield banks, banks.finish()


def test_one_bank_lends_and_the_other_is_refused_the_same_box_in_other_letters(
    told: tuple[Banks, dict[str, Any]],
) -> None:
    decided = told[1]["financing"]["decisions"]
    shown = [(d["by"], d["action"], d["outcome"], d["guard"], d["match"]) for d in decided]
    own, other = financing.BANK, financing.OTHER_BANK
    assert told[0].money.financed is not None
    assert shown == [
        (own, "RESERVE", "DONE", "", "NONE"),
        (own, "PLEDGE", "DONE", "", "NONE"),
        (own, "DRAW", "DONE", "", "NONE"),
        (other, "RESERVE", "REFUSED", "INTEREST_FREE", "EXACT"),
        (other, "RESERVE", "UNKNOWN", "", ""),
        (other, "PLEDGE", "UNKNOWN", "", ""),
        (other, "RELEASE", "UNKNOWN", "", ""),
        (own, "PLEDGE", "REFUSED", "NOT_PLEDGED_BEFORE", "NONE"),
        (told[0].money.financed.consignee, "RELEASE_ORDER", "REFUSED", "RELEASE_BLOCKED", ""),
    ]
    assert told[0].unlike() == []
    assert "０" in decided[3]["written"]


def test_the_bank_is_told_of_delivery_against_its_pledge(told: tuple[Banks, dict[str, Any]]) -> None:
    status = told[1]["financing"]["status"]
    assert (status["stage"], status["blocks_release"]) == ("DRAWN", True)
    assert status["outstanding"] == {"minor_units": financing.ASKED, "currency_code": financing.CURRENCY}
    assert len(status["stated_by"]) == 2
    assert "DELIVERED_AGAINST_PLEDGE" in {alert["covenant"] for alert in status["alerts"]}


def test_a_bank_reads_three_shippers_and_another_one_nothing(told: tuple[Banks, dict[str, Any]]) -> None:
    credit = told[1]["credit"]
    assert credit["good"]["assessment"]["score"] > credit["bad"]["assessment"]["score"] + 100
    assert credit["thin_file"]["assessment"]["status"] == "INSUFFICIENT_DATA"
    assert [each["read_without_consent"] for each in credit.values()] == [False] * 3
    assert [each["shipper"] for each in credit.values()] == [
        financing.GOOD_SHIPPER,
        financing.BAD_SHIPPER,
        financing.THIN_SHIPPER,
    ]


def test_every_question_stands_in_the_access_log(told: tuple[Banks, dict[str, Any]]) -> None:
    with psycopg.connect(told[0].callers._dsn) as session:
        rows = session.execute(
            "SELECT party, count(*) FROM lianyun.access_log WHERE route = '/v1/shippers/{shipper}/credit' GROUP BY party"
        ).fetchall()
    assert dict(rows) == {financing.BANK: 3, financing.OTHER_BANK: 3}
