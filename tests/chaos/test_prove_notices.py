"""The judgement of a proof is no formality: harm done to the database before it is seen, each kind in its own count."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from services.proving.prove import prove
from services.proving.report import good
from services.simulator.simulate import Scale

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(300)]


def spoil(dsn: str) -> None:
    """Lose an event, store one twice, and forget which box a wagon carried."""
    with psycopg.connect(dsn) as connection:
        connection.execute("DELETE FROM lianyun.identity WHERE no = (SELECT min(no) FROM lianyun.identity)")
        connection.execute(
            'INSERT INTO lianyun.body SELECT no + 1, appended, "offset", key_id, id, content, registry, rules, topic,'
            " part, headers, payload FROM lianyun.body WHERE no = (SELECT max(no) FROM lianyun.body)"
        )
        connection.execute("DELETE FROM g1.link WHERE kind = 1")


@pytest.fixture(scope="module")
def outcome() -> dict[str, Any]:
    scale = Scale(seed=3, trains=4, boxes=6, rumours=3)
    return prove(0, workers=1, attacks=(), pace=1_000.0, scale=scale, spoil=spoil)


def test_each_kind_of_harm_is_counted(outcome: dict[str, Any]) -> None:
    assert outcome["lost"] == 1
    assert outcome["duplicated"] == 1
    assert outcome["wrong_states"] > 5
    assert outcome["fsck_findings"] > 0
    assert outcome["wrong_examples"]
    assert not good(outcome)
