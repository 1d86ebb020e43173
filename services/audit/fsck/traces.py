"""The traces of events: each row belongs to a stored event and says what that event's own headers say.

That a row is missing is no damage: it decides nothing, and events of before the table have none.
"""

from __future__ import annotations

from schemas.trace_context import TraceContext, trace_of
from services.audit.fsck.snapshot import Snapshot
from services.audit.report import Damage, Notebook
from services.ledger.admission.raw_bytes import unframe

_TRACES = """
SELECT t.no, uuid_send(t.trace), int8send(t.span), t.sampled, b.headers
FROM lianyun.event_trace t LEFT JOIN lianyun.body b ON b.no = t.no
"""
_DELETE = "Delete the row: it only helps to find events by their trace."


def check_traces(snapshot: Snapshot, notebook: Notebook) -> None:
    """Stream all rows; finds one without its event, and one that says another trace than its event does."""
    for no, trace, span, sampled, framed in snapshot.stream(_TRACES):
        where = f"event_trace {no}"
        notebook.counts["event_traces"] += 1
        if framed is None:
            notebook.add(Damage.TRACE, where, "no", no, "no row", f"{_DELETE} There is no such event.")
            continue
        stored, said = TraceContext(bytes(trace), bytes(span), sampled), _said(framed)
        if stored != said:
            right = "no row" if said is None else said.text()
            notebook.add(Damage.TRACE, where, "trace", stored.text(), right, _DELETE)


def _said(framed: bytes) -> TraceContext | None:
    try:
        return trace_of(unframe(framed))
    except ValueError:
        return None  # the pass over the events finds what is wrong with the message
