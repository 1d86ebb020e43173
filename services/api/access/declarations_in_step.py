"""Whether the declarations of a trade are in step, as a party may see it: verdicts by the owner, by who lodged one of them, and by whoever sees
declarations whole; values by who lodged them.

No value of one declaration shows to who lodged the other: neither in a status nor in what it is explained by. Of numbers, those are shown that the
matrix shows; digests of versions are not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from services.api.access.consignment import grants_of
from services.api.access.datasets import source_of, trade_of
from services.api.access.matrix import Field, Shown
from services.api.access.reader import LoggedReader, Reader
from services.trade.domain.in_step import in_step
from services.trade.domain.in_step_pair import PairStatus
from services.trade.domain.in_step_rules import SIDES, step_rules
from services.trade.domain.in_step_words import FINE, plain_status
from services.trade.domain.values import Field as Value
from services.trade.store.filings import StatedFilings, filings_by
from services.trade.store.trades import Trade

Json = dict[str, Any]


def visible_statuses(reader: LoggedReader, name: str) -> Json | None:
    """The statuses of the declarations of the trade ``owner/reference`` by the tables of today; None where the reader may see none. Notes the read."""
    source = source_of(reader)
    trade = trade_of(source, name)
    filings = filings_by(source, trade.owner, trade.reference)
    found = statuses_of(reader, trade, filings)
    if found is not None:
        reader.reads("dataset", name, concerned_by(trade, filings))
    return found


def concerned_by(trade: Trade, filings: StatedFilings) -> frozenset[str]:
    """Whose trade it is, whose versions of it count, and who lodged its declarations."""
    return trade.publishers.union(*filings.lodged_by.values())


def statuses_of(reader: Reader, trade: Trade, filings: StatedFilings) -> Json | None:
    """The statuses of the declarations of ``trade`` that the reader may see; None where it may see none."""
    grants = [grants_of(reader, known)[1] for known in trade.views]
    concerned = reader.party.code in concerned_by(trade, filings)
    if not trade.counting or not (concerned or _whole(grants, Field.DECLARATION_STATUS)):
        return None
    day = datetime.fromtimestamp(reader.now / 1_000_000, UTC).date()
    found = in_step(
        (each.dataset for each, _ in trade.counting),
        filings.filings,
        filings.corrections,
        step_rules(day),
        filings.numbers.unclear,
    )
    shown = _Shown(
        reader.party.code,
        filings,
        numbered=_whole(grants, Field.DECLARATION_NUMBER),
        lines=reader.party.code in trade.publishers or _whole(grants, Field.GOODS),
    )
    return {
        "dataset": trade.name,
        "as_of": day.isoformat(),
        "in_step": all(each.status in FINE for each in found),
        "statuses": [shown.status(each) for each in found],
    }


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
