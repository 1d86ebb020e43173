"""Partners' spreadsheets: lists of operators, railways and customs as XLSX, XLS or text, each kind a format.

A file is opened under limits (``reader``), its tables are located by their header labels (``tables``), columns get their
meaning (``section``), and each kind of document makes event drafts of its rows.
"""

from __future__ import annotations

from services.producers.formats.model import Format
from services.producers.formats.sheets import (
    booking_list,
    border_handover,
    container_status,
    customs_receipts,
    dislocation,
    gate_list,
    port_order,
    reader,
    tracing_sheet,
    train_consist,
    train_plan,
    wagon_list,
    waybill_list,
)

_KINDS = (
    booking_list.KIND,
    train_plan.KIND,
    wagon_list.DEPARTURE,
    wagon_list.LOADING,
    border_handover.KIND,
    train_consist.CHINA,
    train_consist.BROAD,
    customs_receipts.GACC,
    customs_receipts.EAEU,
    container_status.KIND,
    tracing_sheet.KIND,
    dislocation.KIND,
    gate_list.KIND,
    port_order.KIND,
    waybill_list.KIND,
)
FORMATS: tuple[Format, ...] = tuple(
    reader.format_of(kind, unopened=int(kind is _KINDS[0])) for kind in _KINDS
)
"""Every kind of spreadsheet. The first also takes files that cannot be opened at all, so that one of them says why."""

__all__ = ["FORMATS"]
