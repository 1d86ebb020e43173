"""Filings read from the store: from events in any order, of those who are named with the trade's owner and of customs, and of nobody else."""

from __future__ import annotations

import pytest

from services.ledger.registry import store
from services.ledger.storage.session import open_session
from services.testbed.localstack.engine import DatabaseAddress
from services.trade.domain.filing import Phase
from services.trade.domain.in_step_filings import assemble
from services.trade.store.filings import stated_filings
from tests.support.api import cast
from tests.support.databases import migrated_database

pytestmark = pytest.mark.integration
_OBJECT = {"objects": f"declaration {cast.DECLARATION}", "jurisdiction": "CN"}


def _values(gross: str) -> dict[str, object]:
    return {"kind": "CN_DECLARATION", "lines": [{"number": "1", "gross": gross}]}


MORE = (
    {"id": "amend-1", "by": "silk", "at": "2026-03-01T11:30+08:00", "type": "customs.amended.v2",
     "says": {**_OBJECT, "amendment": "A-1", "classes": ["QUANTITY"], "declared": _values("12.000001")}},
    {"id": "amend-2", "by": "toys", "at": "2026-03-01T11:40+08:00", "type": "customs.amended.v2",
     "says": {**_OBJECT, "amendment": "A-2", "classes": ["OTHER"], "declared": _values("1")}},
    {"id": "wrong", "by": "silk", "at": "2026-03-01T11:45+08:00", "type": "customs.cancelled.v2",
     "says": {**_OBJECT, "ground": "none"}},
    {"id": "not-wrong", "by": "silk", "at": "2026-03-01T11:50+08:00", "type": "correction.retracted",
     "says": {"of": "wrong", "reason": "DID_NOT_HAPPEN"}},
    {"id": "lodge-2", "by": "silk", "at": "2026-03-01T12:00+08:00", "type": "customs.export_lodged.v2",
     "says": {**_OBJECT, "happened": "2026-03-01T11:10+08:00", "declared": _values("12"),
              "dataset": {"owner": "optic", "reference": "T-1", "version": cast.digest_of(cast.FIRST)}}},
)  # fmt: skip


def test_filings_of_a_trade(postgres: DatabaseAddress) -> None:
    dsn = migrated_database(postgres, "filings")
    cast.play(dsn, cast.case(MORE))
    with open_session(dsn, "lianyun-test") as session:
        registry = store.read_snapshot(session)
        at = cast.micros("2026-12-31T00:00Z")
        stated = stated_filings(session, "optic", "T-1", registry, at)
        assert stated_filings(session, "textil", "TX-1", registry, at) == ((), (), {}, {})
    (current,), issues = assemble(stated.filings, stated.corrections)
    assert stated.lodged_by == {cast.DECLARATION: {"silk"}}
    assert issues == ()
    assert current.filing.declaration == cast.DECLARATION
    assert current.version == cast.digest_of(cast.FIRST)
    assert current.filing.phase is Phase.RELEASED
    assert [each.number for each in current.applied] == ["A-1"]
    assert [str(line.gross and line.gross.value) for line in current.declared.lines] == ["12.000001"]
