"""W3C Trace Context on the wire: which trace an event belongs to. It is not signed and decides nothing.

Source: W3C Trace Context, 3.2 (the form of ``traceparent``); CloudEvents, extension Distributed Tracing (``ce_traceparent``).
A value that is none is as good as absent: never a reason to refuse an event.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, NamedTuple, Self

TRACEPARENT: Final = "traceparent"
"""The header that whoever sent the message last set; on HTTP as on Kafka."""
CE_TRACEPARENT: Final = "ce_traceparent"
"""The attribute with which the event was made; read where the message has no ``traceparent``."""
TRACE_HEADERS: Final = frozenset({TRACEPARENT, CE_TRACEPARENT})

_SAMPLED = 0x01
# Later versions may add to the end; of version 00 nothing may follow. "ff" is no version.
_FORM = re.compile(r"(?!ff)([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-[!-~]*)?", re.ASCII)
_LONGEST = 256


class TraceContext(NamedTuple):
    """One place in one trace: 16 bytes of trace id, 8 bytes of the id of the span that caused what follows."""

    trace: bytes
    span: bytes
    sampled: bool

    @classmethod
    def of(cls, text: str) -> Self | None:
        """The context in a value of ``traceparent``; None where it is invalid."""
        found = _FORM.fullmatch(text) if len(text) <= _LONGEST else None
        if found is None or (found[1] == "00" and found[5] is not None):
            return None
        trace, span = bytes.fromhex(found[2]), bytes.fromhex(found[3])
        if not any(trace) or not any(span):
            return None
        return cls(trace, span, bool(int(found[4], 16) & _SAMPLED))

    def text(self) -> str:
        """The value of ``traceparent``, in version 00."""
        return f"00-{self.trace.hex()}-{self.span.hex()}-{_SAMPLED if self.sampled else 0:02x}"


def trace_of(headers: Iterable[tuple[str, bytes | None]]) -> TraceContext | None:
    """The context of a message; None where it carries none, none that can be read, or the same header twice.

    About 0.2 us where there is none.
    """
    header = event = None
    for name, value in headers:
        if name not in TRACE_HEADERS:
            continue
        if value is None:
            return None
        if name == TRACEPARENT:
            if header is not None:
                return None
            header = value
        elif event is not None:
            return None
        else:
            event = value
    value = event if header is None else header
    return None if value is None else TraceContext.of(value.decode("latin-1"))


def trace_id(headers: Iterable[tuple[str, bytes | None]]) -> str:
    """The trace id of a message with ``headers``, 32 hex digits; "" where it carries none."""
    context = trace_of(headers)
    return "" if context is None else context.trace.hex()
