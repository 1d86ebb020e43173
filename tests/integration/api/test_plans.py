"""No question of a bank reads a whole table, planned as Postgres does by default, with rows enough for it to matter."""

from __future__ import annotations

import time
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from services.financing.store.keys import prepare, read_keys
from services.testbed.bench import seed_data
from services.testbed.bench.plans import plans, whole_reads
from services.testbed.chaos import banks
from services.testbed.localstack.engine import DatabaseAddress
from services.testbed.localstack.platform import register
from services.testbed.simulator.signed_messages import members, profiles
from tests.support.api.server import RunningApi
from tests.support.databases import migrated_database

pytestmark = pytest.mark.integration
COUNT = 4_000


@pytest.fixture(scope="module")
def dsn(postgres: DatabaseAddress) -> str:
    """Thousands of financed consignments, and some cargoes to be asked for."""
    address = migrated_database(postgres, "api_plans")
    known, second = profiles(1), banks.rival(1, "demo")
    register(address, [*members(known), banks.member(second)])
    seed_data.copy(address, known, COUNT)
    seed_data.publish(address, {**known, banks.RIVAL.code: second}, "demo", 20)
    with psycopg.connect(address, autocommit=True) as session:
        session.execute("VACUUM (ANALYZE)")
    return address


def test_every_route_of_a_bank_finds_what_it_asks_by_index(dsn: str, tmp_path: Path) -> None:
    running = RunningApi(dsn, tmp_path)
    options = running.context.pool.kwargs
    assert isinstance(options, dict)
    options["options"] = ""  # nothing of what keeps our own sessions from such plans
    with psycopg.connect(dsn) as session:
        prepare(session, read_keys(running.settings.financing_keys), "demo", time.time_ns() // 1_000, "test")
    before = whole_reads(dsn)
    financing = {f"lianyun.financing_{name}" for name in ("decision", "entry", "hold", "touched")}
    assert financing | {"g1.head", "lianyun.identity"} <= before.keys()
    with running:
        bank = running.client(seed_data.BANK)
        own, thing = seed_data.name(COUNT // 2), f"{banks.FORWARDER}/{seed_data.name(COUNT // 2)}"
        for url in (
            f"/v1/financing-status?kind=consignment&id={thing}&application={thing}",
            f"/v1/financing-status?kind=consignment&id={thing}",
            "/v1/financings?limit=20",
            f"/v1/financings/{own}",
            f"/v1/financings/{own}/history",
            f"/v1/financings/{own}/alerts",
            f"/v1/financings/{own}/answers",
            "/v1/alerts?limit=3",
        ):
            answer = bank.get(url)
            assert answer.status_code == 200, (url, answer.text)
        for number in range(5):
            ask, on = banks.reservation(seed_data.BANK, number)
            (invoice,) = ask.papers.invoices
            body = {
                "reference": f"LN-{number}",
                "application": ask.terms.application if ask.terms else "",
                "product": "FREIGHT_LOAN",
                "interest": "RECEIVABLE",
                "consignments": [thing.key for thing in on],
                "papers": {
                    "invoices": [
                        {
                            "number": invoice.number,
                            "issued_on": invoice.issued_on.isoformat(),
                            "seller": {"scheme": "PARTY", "id": invoice.seller.id},
                            "buyer": {"scheme": "PARTY", "id": invoice.buyer.id},
                            "amount": {"minor_units": 100_000, "currency_code": "CNY"},
                        }
                    ],
                    "notes": [{"key": note.key} for note in ask.papers.notes],
                },
            }
            for path, sent in (
                ("/v1/reservations", body),
                (f"/v1/financings/LN-{number}/pledge", None),
                (f"/v1/financings/LN-{number}/draw", {"amount": {"minor_units": 1, "currency_code": "CNY"}}),
                (f"/v1/financings/LN-{number}/release", {"waiver": {"grounds": "OTHER"}}),
            ):
                answer = bank.post(path, json=sent, headers={"idempotency-key": uuid4().hex})
                assert (answer.status_code, answer.json().get("outcome")) == (200, "DONE"), (
                    path,
                    answer.text,
                )
            found = bank.post("/v1/financing-status", json={"invoices": body["papers"]["invoices"]})  # type: ignore[index]
            assert found.status_code == 404, "what was released is held no more"
            order = {"action": "RELEASE_ORDER", "consignments": [thing.key for thing in on]}
            allowed = running.client(banks.FORWARDER).post(
                "/v1/cargo-requests", json=order, headers={"idempotency-key": uuid4().hex}
            )
            assert allowed.json().get("allowed"), allowed.text
    # What sessions counted is seen once they have ended.
    until = time.monotonic() + 5
    while (after := whole_reads(dsn)) != before and time.monotonic() < until:
        time.sleep(0.5)
    assert {name: after[name] - count for name, count in before.items() if after[name] != count} == {}


def test_the_plans_that_are_reported_read_no_table_whole(dsn: str) -> None:
    found = plans(dsn, seed_data.BANK, seed_data.name(COUNT // 2))
    assert found["whole_tables_read"] == {}
    assert len(found["statements"]) >= 15
    assert any(
        "financing_cargo" in line
        for line in found["statements"]["own financings of a thing, and words on them"]
    )
