"""A batch that does not come to its commit leaves nothing behind, wherever it ends: no offset, no event, no state."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from services.domain.facts import LinkKind
from services.ledger.storage import points
from tests.support.storage.facts import HOUR, Teller
from tests.support.storage.writers import Pair

pytestmark = pytest.mark.integration
TABLES = (
    "lianyun.kafka_offset", "lianyun.identity", "lianyun.body", "lianyun.batch", "lianyun.claim", "lianyun.link",
    "lianyun.founding", "lianyun.reach", "lianyun.head", "lianyun.pending",
)  # fmt: skip


class Crash(Exception):
    """The process ends here."""


def everything(dsn: str) -> dict[str, list[Any]]:
    with psycopg.connect(dsn) as session:
        return {
            table: sorted(session.execute(f"SELECT t::text FROM {table} AS t".encode()).fetchall())  # noqa: S608
            for table in TABLES
        }


@pytest.mark.parametrize("point", ["after_fence", "holding_heads", "before_commit"])
def test_a_crash_inside_the_transaction_leaves_nothing_behind(pair: Pair, teller: Teller, point: str) -> None:
    box, cons = teller.box(), teller.cons()
    batch = [
        teller.founding(cons),
        teller.link(LinkKind.CONTAINER_CARRIES, box, cons, 0),
        teller.claim(box, HOUR),
    ]
    before = everything(pair.dsn)

    def crash(reached: str) -> None:
        if reached == point:
            raise Crash(reached)

    points.install(crash)
    with pytest.raises(Crash):
        pair.apply(0, batch)
    points.install(None)
    assert everything(pair.dsn) == before
    applied = pair.apply(0, batch)
    assert applied.new == 3, "the same batch again, from the same offset"
