"""Which trace accepted events belong to: rows for those that came with a trace context, and events by their trace.

Written in the batch's own transaction, and only where a batch has such events: one COPY. Nothing is decided by it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence

from schemas.trace_context import TraceContext, trace_of
from services.ledger.storage.arrays import adapt, bigints
from services.ledger.storage.batch import Event
from services.ledger.storage.session import Session
from services.ledger.storage.work import Work

_COPY = b"COPY lianyun.event_trace (no, trace, span, sampled) FROM STDIN BINARY"
_ROW = struct.Struct(">hiqi16si8si?").pack


def put_traces(work: Work, events: Iterable[tuple[int, Event]]) -> None:
    """Store the trace of each of the numbered ``events`` that carries one."""
    found = ((no, trace_of(event.record.headers)) for no, event in events)
    work.copy(_COPY, (_packed(no, context) for no, context in found if context is not None))


def traces_of(session: Session, firsts: Sequence[int], width: int = 1) -> Mapping[int, TraceContext]:
    """The traces of the events with numbers in [first, first + width) of each of ``firsts``, by number."""
    adapt(session)
    rows = session.cursor(binary=True).execute(
        "SELECT t.no, uuid_send(t.trace), int8send(t.span), t.sampled FROM unnest(%(firsts)s::bigint[]) AS f (no)"
        " CROSS JOIN LATERAL (SELECT * FROM lianyun.event_trace e WHERE e.no >= f.no AND e.no < f.no + %(width)s) AS t",
        {"firsts": bigints(sorted(firsts)), "width": width},
    )
    return {no: TraceContext(bytes(trace), bytes(span), sampled) for no, trace, span, sampled in rows}


def events_in(session: Session, trace: bytes, limit: int) -> Sequence[bytes]:
    """The 16-byte identities of accepted events of the 16-byte ``trace``, in order of their numbers, at most ``limit``."""
    adapt(session)
    rows = session.cursor(binary=True).execute(
        "SELECT b.id FROM lianyun.event_trace t JOIN lianyun.body b ON b.no = t.no"
        " WHERE t.trace = %(trace)s::uuid ORDER BY t.no LIMIT %(limit)s",
        {"trace": trace.hex(), "limit": limit},
    )
    return [row[0] for row in rows]


def _packed(no: int, context: TraceContext) -> bytes:
    return _ROW(4, 8, no, 16, context.trace, 8, context.span, 1, context.sampled)
