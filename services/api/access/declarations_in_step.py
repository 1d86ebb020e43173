"""Whether the declarations of a trade are in step, as a party may see it: verdicts by the owner, by who lodged one of them, and by whoever sees
declarations whole; values by who lodged them.

No value of one declaration shows to who lodged the other: neither in a status nor in what it is explained by. Of numbers, those are shown that the
matrix shows; digests of versions are not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, NamedTuple

from services.api.access.consignment import grants_of
from services.api.access.datasets import Trade, read_trade, sees_goods, trades_over, versions_of
from services.api.access.matrix import Field, Shown
from services.api.access.reader import LoggedReader, Reader
from services.query.views import SourcedView
from services.trade.domain.in_step import in_step
from services.trade.domain.in_step_pair import PairStatus
from services.trade.domain.in_step_rules import SIDES, step_rules
from services.trade.domain.in_step_words import FINE, plain_status
from services.trade.domain.values import Field as Value
from services.trade.store.filings import StatedFilings, stated_filings

Json = dict[str, Any]


class WholeTrade(NamedTuple):
    """A trade as a party sees it: its versions and the statuses of its declarations, None of what it may not see; the consignments that it may."""

    name: str
    owner: str
    versions: Json | None
    statuses: Json | None
    consignments: tuple[str, ...]


def visible_statuses(reader: LoggedReader, name: str) -> Json | None:
    """The statuses of the declarations of the trade ``owner/reference`` by the tables of today; None where the reader may see none. Notes the read."""
    found, concerned = _statuses(reader, read_trade(reader, name))
    if found is not None:
        reader.reads("dataset", name, concerned)
    return found


def whole_trade(reader: LoggedReader, name: str) -> WholeTrade | None:
    """What the reader may see of the trade ``owner/reference``, read once; None where that is nothing. Notes the read."""
    trade = read_trade(reader, name)
    versions = versions_of(reader, trade)
    statuses, concerned = _statuses(reader, trade)
    if versions is None and statuses is None:
        return None
    reader.reads("dataset", name, trade.publishers | concerned)
    seen = [
        each.view.consignment.key
        for each in trade.consignments
        if _whole([grants_of(reader, each)[1]], Field.MOVEMENT)
    ]
    return WholeTrade(name, trade.owner, versions, statuses, tuple(seen))


def visible_trades_over(reader: LoggedReader, known: SourcedView) -> list[str]:
    """The trades that travel in a consignment, as far as the reader may see their goods or their declarations. Notes the reads."""
    found = []
    for trade in trades_over(known):
        grants = grants_of(reader, known)[1]
        if sees_goods(reader, trade) or _whole([grants], Field.DECLARATION_STATUS):
            reader.reads("dataset", trade.name, trade.publishers)
            found.append(trade.name)
    return found


def _statuses(reader: Reader, trade: Trade) -> tuple[Json | None, frozenset[str]]:
    """The statuses that the reader may see, None where it may see none; and whom they concern."""
    grants = [grants_of(reader, known)[1] for known in trade.consignments]
    if not trade.counting:
        return None, frozenset()
    stated = stated_filings(reader.session, trade.owner, trade.reference, reader.registry, reader.now)
    concerned = trade.publishers.union(*stated.lodged_by.values())
    if reader.party.code not in concerned and not _whole(grants, Field.DECLARATION_STATUS):
        return None, concerned
    day = datetime.fromtimestamp(reader.now / 1_000_000, UTC).date()
    found = in_step(
        (each.dataset for each, _ in trade.counting),
        stated.filings,
        stated.corrections,
        step_rules(day),
        stated.numbers.unclear,
    )
    shown = _Shown(
        reader.party.code,
        stated,
        numbered=_whole(grants, Field.DECLARATION_NUMBER),
        lines=reader.party.code in trade.publishers or _whole(grants, Field.GOODS),
    )
    return {
        "dataset": trade.name,
        "as_of": day.isoformat(),
        "in_step": all(each.status in FINE for each in found),
        "statuses": [shown.status(each) for each in found],
    }, concerned


def _whole(grants: Iterable[Mapping[Field, Shown]], field: Field) -> bool:
    return any(each[field] is Shown.FULL for each in grants)


class _Shown:
    """What a party is shown of statuses."""

    def __init__(self, party: str, stated: StatedFilings, *, numbered: bool, lines: bool) -> None:
        self._kinds = {each.declaration: SIDES.get(each.kind, "OTHER") for each in stated.filings}
        self._own = {of for of, parties in stated.lodged_by.items() if parties == {party}}
        self._numbers, self._numbered, self._lines = stated.numbers, numbered, lines

    def status(self, status: PairStatus) -> Json:
        """One status; the values of a side that is not the party's own are null."""
        # Of versions the lines are their digests.
        lined = self._lines and (status.left or status.right)
        shown = status if lined else replace(status, line="")
        return plain_status(shown, self._declarations, self._values)

    def _values(self, declarations: tuple[str, ...], values: Iterable[Value[Any]]) -> list[str] | None:
        own = bool(declarations) and self._own.issuperset(declarations)
        return list(dict.fromkeys(each.written for each in values)) if own else None

    def _declarations(self, declarations: Iterable[str]) -> list[Json]:
        return [
            {
                "side": self._kinds.get(each, "OTHER"),
                "declaration": each if self._numbered or each in self._own else None,
                "also": list(self._numbers.also(each)) if self._numbered or each in self._own else [],
            }
            for each in declarations
        ]
