"""Filings read from the store: from events in any order, of those who are named with the trade's owner and of customs, and of nobody else."""

from __future__ import annotations

import pytest

from services.ledger.registry import store
from services.ledger.storage.session import open_session
from services.testbed.localstack.engine import DatabaseAddress
from services.trade.domain.filing import Phase
from services.trade.domain.in_step_filings import assemble
from services.trade.store.filings import stated_filings
from services.trade.store.source import TradeSource
from services.trade.store.trades import read_trade, trades_over
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
        assert stated_filings(session, "textil", "TX-1", registry, at)[:3] == ((), (), {})
    (current,), issues = assemble(stated.filings, stated.corrections)
    assert stated.lodged_by == {cast.DECLARATION: {"silk"}}
    assert issues == ()
    assert current.filing.declaration == cast.DECLARATION
    assert current.version == cast.digest_of(cast.FIRST)
    assert current.filing.phase is Phase.RELEASED
    assert [each.number for each in current.applied] == ["A-1"]
    assert [str(line.gross and line.gross.value) for line in current.declared.lines] == ["12.000001"]


_OWN = "CN/LRN/91610131MA6TXXXX00/SILK-7"
_OTHER = "CN/222920260000054321"
_LODGED = {"id": "lodge-own", "by": "silk", "at": "2026-03-01T12:00+08:00", "type": "customs.export_lodged.v2",
           "says": {"objects": f"declaration {_OWN}", "jurisdiction": "CN", "happened": "2026-03-01T11:10+08:00",
                    "declared": _values("12"), "dataset": {"owner": "optic", "reference": "T-1"}}}  # fmt: skip
_ACCEPTED = {"id": "accepted", "by": "gacc", "at": "2026-03-01T12:10+08:00", "type": "customs.accepted.v2",
             "says": {"objects": [f"declaration {_OWN}", f"declaration {cast.DECLARATION}"], "jurisdiction": "CN"}}  # fmt: skip


def _same(id: str, by: str, *numbers: str) -> dict[str, object]:
    return {"id": id, "by": by, "at": "2026-03-01T12:20+08:00", "type": "link.declarations_same",
            "says": {"jurisdiction": "CN", "declarations": list(numbers)}}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "told", "known", "unclear"),
    [
        ("apart", (), {_OWN}, ()),
        ("accepted", (_ACCEPTED,), {cast.DECLARATION}, ()),
        ("linked", (_same("same", "silk", _OWN, cast.DECLARATION),), {cast.DECLARATION}, ()),
        ("by_a_stranger", (_same("same", "toys", _OWN, cast.DECLARATION),), {_OWN}, ()),
        (
            "twice",
            (_ACCEPTED, _same("same", "silk", _OWN, _OTHER)),
            {_OWN},
            (tuple(sorted((_OWN, _OTHER, cast.DECLARATION))),),
        ),
    ],
)
def test_a_declaration_under_its_own_number_is_found_under_that_of_customs(
    postgres: DatabaseAddress,
    name: str,
    told: tuple[dict[str, object], ...],
    known: set[str],
    unclear: tuple[tuple[str, ...], ...],
) -> None:
    """Where customs' acceptance, or a link of somebody who counts, states both numbers; two numbers of customs for one are a question."""
    dsn = migrated_database(postgres, f"numbers_{name}")
    cast.play(dsn, cast.case((_LODGED, *told)))
    with open_session(dsn, "lianyun-test") as session:
        registry = store.read_snapshot(session)
        stated = stated_filings(session, "optic", "T-1", registry, cast.micros("2026-12-31T00:00Z"))
    currents, issues = assemble(stated.filings, stated.corrections)
    assert issues == ()
    assert {each.filing.declaration for each in currents} == known
    assert stated.numbers.unclear == unclear
    if known == {cast.DECLARATION}:
        assert [each.filing.phase for each in currents] == [Phase.RELEASED], (
            "customs released it under theirs"
        )
        assert stated.lodged_by == {cast.DECLARATION: {"silk"}}


def test_every_version_of_a_forwarder_counts_and_not_only_its_last(postgres: DatabaseAddress) -> None:
    third = cast.trade("T-1", "7391.27", cast.SECOND)
    stated = {"id": "trade-3", "by": "silk", "at": "2026-03-02T10:30+08:00", "type": "trade.dataset_stated",
              "says": {"objects": "consignment xaport/XA-1", "owner": "optic", "dataset": third}}  # fmt: skip
    dsn = migrated_database(postgres, "versions_of_forwarder")
    cast.play(dsn, cast.case((stated,)))
    with open_session(dsn, "lianyun-test") as session:
        source = TradeSource(session, store.read_snapshot(session), cast.micros("2026-12-31T00:00Z"))
        trade = read_trade(source, "optic", "T-1")
    assert [each.dataset.version for each, _ in trade.counting] == [1, 2, 3]
    (known,) = trade.views
    (over,) = trades_over(known)
    assert (over.name, {each.dataset.version for each, _ in over.counting}) == ("optic/T-1", {1, 2, 3})
