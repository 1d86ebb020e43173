"""The findings of a trade as a party may see them: the verdict to whom it concerns, values and arithmetic to whoever may read all of them.

A version of the data is read whole with its price, a declaration by who alone lodged it, a rail note where the matrix shows goods and numbers whole. Of
a finding of which one value is not the reader's, only check, verdict and lines are shown, whether it is explained, and a digest from which nothing
can be guessed. The work is the same for every reader.
"""

from __future__ import annotations

from collections.abc import Container
from typing import Any

from schemas.rfc3339 import format_micros
from services.api.access.consignment import grants_of
from services.api.access.datasets import priced_events
from services.api.access.matrix import Field, Shown
from services.api.access.reader import LoggedReader, Reader
from services.ledger.storage.event_reader import events_by_id
from services.query.stored_events import SourcedEvents
from services.query.views import EVENTS
from services.trade.domain.crosswalk import TableRow
from services.trade.domain.finding import Tolerance
from services.trade.domain.paper import Kind
from services.trade.domain.trade_findings import TradeFinding, checks_version
from services.trade.store.findings import DATASET, TradeFindings, read_findings

Json = dict[str, Any]


def visible_findings(reader: LoggedReader, name: str) -> Json | None:
    """The findings of the trade ``owner/reference``; None where the reader may see none. Notes the read."""
    owner, _, reference = name.partition("/")
    if not reference:
        return None
    found = read_findings(reader.session, owner, reference, reader.registry, reader.now, reader.views)
    body = findings_shown(reader, found)
    if body is not None:
        reader.reads("dataset", name, found.concerned)
    return body


def findings_shown(reader: Reader, found: TradeFindings) -> Json | None:
    """The findings of a trade as the reader may see them; None where it may see none."""
    trade = found.trade
    grants = [grants_of(reader, known)[1] for known in trade.views]
    concerned = reader.party.code in found.concerned
    if found.as_of is None or not (concerned or any(each[Field.FINDING] is Shown.FULL for each in grants)):
        return None
    whole = any(each[Field.GOODS] is Shown.FULL and each[Field.IDS] is Shown.FULL for each in grants)
    readable = priced_events(reader, trade) | _own(found, reader.party.code, notes=whole)
    shown = _Shown(reader, found, readable, lines=concerned or whole)
    return {
        "dataset": trade.name,
        "as_of": found.as_of.isoformat(),
        "checks": checks_version(),
        "findings": [shown.finding(each) for each in found.findings],
    }


def _own(found: TradeFindings, party: str, *, notes: bool) -> frozenset[str]:
    """The events of declarations that the party alone lodged, and those of rail notes where it reads them."""
    lodged = {of for of, parties in found.filings.lodged_by.items() if parties == {party}}
    return frozenset(
        event
        for event, source in found.stated_by.items()
        if source.name in lodged or (notes and source.kind == Kind.RAIL_NOTE)
    )


class _Shown:
    """What a reader is shown of findings."""

    def __init__(
        self, reader: Reader, found: TradeFindings, readable: Container[str], *, lines: bool
    ) -> None:
        self._party, self._found, self._readable, self._lines = reader.party.code, found, readable, lines
        ids = sorted({bytes.fromhex(event) for each in found.findings for event in each.events})
        self._events = SourcedEvents(
            EVENTS(each, reader.registry) for each in events_by_id(reader.session, ids)
        )

    def finding(self, each: TradeFinding) -> Json:
        """One finding; what is not the reader's is null."""
        finding = each.finding
        whole = self._lines and all(event in self._readable for event in self._compared(each))
        return {
            "check": finding.check,
            "verdict": finding.verdict,
            "lines": finding.line if self._lines else "",
            "explained": each.explained,
            "digest": each.digest or None,
            "reason": finding.reason if whole else None,
            "values": [self._value(value) for value in finding.values] if whole else None,
            "arithmetic": finding.arithmetic if whole else None,
            "tolerance": _tolerance(finding.tolerance) if whole and finding.tolerance else None,
            "table": _table(finding.table) if whole and finding.table else None,
            "explanations": [
                {
                    "by": said.by,
                    "at": format_micros(said.at),
                    "text": said.text if whole or said.by == self._party else None,
                }
                for said in each.explanations
            ],
        }

    def _compared(self, each: TradeFinding) -> set[str]:
        """The events of all papers that the finding compares, also of those whose values it leaves out of a long sum."""
        stated_by = self._found.stated_by
        kinds = {stated_by[event].kind for event in each.events} - {DATASET}
        return {*each.events, *(event for event, source in stated_by.items() if source.kind in kinds)}

    def _value(self, value: Any) -> Json:
        source = self._found.stated_by[value.place.file]
        return {
            "written": value.written,
            "paper": source.kind,
            "event": self._events.named(bytes.fromhex(value.place.file)),
            "at": value.place.at,
        }


def _tolerance(tolerance: Tolerance) -> Json:
    return {
        "name": tolerance.name,
        "value": format(tolerance.value, "f"),
        "unit": tolerance.unit,
        "source": tolerance.source,
        "valid_from": tolerance.valid_from.isoformat(),
    }


def _table(row: TableRow) -> Json:
    return {
        "name": row.table,
        "row": row.row,
        "source": row.source,
        "valid_from": row.valid_from.isoformat(),
    }
