"""Trades as a party sees them whole, and which trades' goods travel in a consignment; each part by the one rule of its own module."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from services.api.access.consignment import grants_of
from services.api.access.datasets import sees_goods, source_of, trade_of, versions_of
from services.api.access.declarations_in_step import concerned_by, statuses_of
from services.api.access.matrix import Field, Shown
from services.api.access.reader import LoggedReader
from services.api.access.trade_findings import findings_shown
from services.domain.objects import trade_data
from services.query.views import SourcedView
from services.trade.store.filings import filings_by
from services.trade.store.findings import findings_of
from services.trade.store.source import TradeSource
from services.trade.store.trades import Trade, trades_over

Json = dict[str, Any]


class WholeTrade(NamedTuple):
    """A trade as a party sees it: its versions, the statuses of its declarations and the findings of the checks, None of what it may not see.

    ``consignments`` are those of its goods that the party may see.
    """

    name: str
    owner: str
    versions: Json | None
    statuses: Json | None
    findings: Json | None
    consignments: tuple[str, ...]


def whole_trade(reader: LoggedReader, name: str) -> WholeTrade | None:
    """What the reader may see of the trade ``owner/reference``; None where that is nothing. Notes the read."""
    return next(iter(whole_trades(reader, [name])), None)


def whole_trades(reader: LoggedReader, names: Sequence[str]) -> list[WholeTrade]:
    """What the reader may see of the trades ``owner/reference``, read together; those of which that is nothing are left out. Notes the reads."""
    source = source_of(reader)
    source.prepare(of for each in names if (of := name_of(each))[1])
    trades = (trade_of(source, each) for each in names)
    return [seen for each in trades if (seen := _seen(reader, source, each)) is not None]


def name_of(name: str) -> tuple[str, str]:
    """Owner and reference; no reference where there is no slash."""
    owner, _, reference = name.partition("/")
    return owner, reference


def _seen(reader: LoggedReader, source: TradeSource, trade: Trade) -> WholeTrade | None:
    filings = filings_by(source, trade.owner, trade.reference)
    versions, statuses = versions_of(reader, trade), statuses_of(reader, trade, filings)
    about = source.about(trade_data(trade.owner, trade.reference))
    findings = findings_shown(reader, findings_of(trade, filings, about))
    if versions is None and statuses is None and findings is None:
        return None
    reader.reads("dataset", trade.name, concerned_by(trade, filings))
    seen = [
        each.view.consignment.key
        for each in trade.views
        if grants_of(reader, each)[1][Field.MOVEMENT] is Shown.FULL
    ]
    return WholeTrade(trade.name, trade.owner, versions, statuses, findings, tuple(seen))


def visible_trades_over(reader: LoggedReader, known: SourcedView) -> list[str]:
    """The trades whose goods travel in a consignment, as far as the reader may see those or their declarations. Notes the reads."""
    declarations = grants_of(reader, known)[1][Field.DECLARATION_STATUS] is Shown.FULL
    found = []
    for trade in trades_over(known):
        if declarations or sees_goods(reader, trade):
            reader.reads("dataset", trade.name, trade.publishers)
            found.append(trade.name)
    return found
