"""A partner from nothing to its first accepted event, at a broker with passwords and access rules."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.testbed.localstack import Broker, LocalStack
from services.testbed.localstack.broker_settings import ADMINISTRATOR
from services.testbed.localstack.database import postgres_programs
from services.testbed.localstack.engine import DatabaseAddress
from tests.integration.runbooks.ground import Ground
from tests.support.runbooks.walk import Walk

pytestmark = pytest.mark.integration


@pytest.fixture
def guarded() -> Iterator[Broker]:
    with LocalStack(postgres=False, broker_users={ADMINISTRATOR: "of-nobody-else"}) as stack:
        yield stack.broker


@pytest.mark.long
def test_partner_onboarding(guarded: Broker, postgres: DatabaseAddress, tmp_path: Path) -> None:
    inside, _ = guarded.administration
    ground = Ground(inside, postgres.fresh_database("walk_onboarding"), tmp_path)
    ground.found()
    secrets, outside = tmp_path / "secrets", guarded.bootstrap
    variables = {"PARTY": "newrail", "NAME": "New Railways", "SECRETS": str(secrets), "OUTSIDE": outside}
    environment = ground.environment(**variables)
    ground.run("topics", "apply", "--access")  # as the deployment has done long ago
    page = Walk("partner-onboarding", tmp_path, environment, postgres_programs(needs_to_be_shared=False))
    with page.running("lianyun worker"):
        ground.until(lambda: bool(ground.query("SELECT 1 FROM lianyun.kafka_offset")), "a worker")
        made = page.do("Make all that it needs")
        assert "all 2 partitions are read" in made
        page.do("Hand it the kit")
        assert "VALID" in page.do("Its key")
        ground.records("first.jsonl", 6)
        kit = tmp_path / "newrail-kit"
        partners_own = {
            "LIANYUN_BOOTSTRAP": guarded.bootstrap,
            "LIANYUN_KAFKA_USER": "newrail",
            "LIANYUN_KAFKA_PASSWORD": (kit / "secrets" / "lianyun_kafka_password").read_text(),
        }
        page.set(**partners_own)
        told = page.do("Test events")
        assert "6 of 6 records are valid" in told
        page.set(LIANYUN_BOOTSTRAP=inside)
        for name in ("LIANYUN_KAFKA_USER", "LIANYUN_KAFKA_PASSWORD"):
            del page.environment[name]
        ground.until(lambda: ground.stored() + letters(ground) == 6, "the partner's events")
        assert letters(ground) == 3, "a railway founds no consignment: the first batch has refusals"
        seen = page.do("Look together")
        assert seen.count("newrail") >= 3
        assert "ROLE_NOT_ALLOWED" in seen
        page.do("Go live")
    checks = {c["name"]: c for c in json.loads((tmp_path / "doctor.json").read_text())["checks"]}
    assert checks["parties' topics"]["ok"]
    assert checks["access rules"]["ok"]
    page.whole()


def letters(ground: Ground) -> int:
    return int(ground.query("SELECT count(*) FROM lianyun.dead_letter")[0][0])
