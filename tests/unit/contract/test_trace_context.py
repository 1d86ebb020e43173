"""The trace context on the wire: what is one, what is none, and that nothing in it ever raises."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.trace_context import TraceContext, trace_of

# The example of W3C Trace Context, 3.2.
EXAMPLE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def test_the_example_of_the_standard() -> None:
    found = TraceContext.of(EXAMPLE)
    assert found is not None
    assert (found.trace.hex(), found.span.hex()) == ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7")
    assert found.sampled
    assert found.text() == EXAMPLE


@pytest.mark.parametrize(
    "text",
    [
        "",
        EXAMPLE.upper(),
        EXAMPLE + "-extra",  # nothing may follow in version 00
        EXAMPLE[:-1],
        " " + EXAMPLE,
        EXAMPLE + "\n",
        "ff" + EXAMPLE[2:],
        "00-" + "0" * 32 + EXAMPLE[35:],
        EXAMPLE[:36] + "0" * 16 + "-01",
        EXAMPLE.replace("4", "\u0664"),  # a digit, and none of ASCII's
        "cc" + EXAMPLE[2:] + "-" + "x" * 300,
    ],
)
def test_what_is_none(text: str) -> None:
    assert TraceContext.of(text) is None


def test_a_later_version_is_read_as_far_as_it_is_known() -> None:
    found = TraceContext.of("cc" + EXAMPLE[2:] + "-what-the-future-brings")
    assert found == TraceContext.of(EXAMPLE)
    assert found is not None
    assert not TraceContext.of(EXAMPLE[:-2] + "fe").sampled  # type: ignore[union-attr]


@given(st.binary(min_size=16, max_size=16), st.binary(min_size=8, max_size=8), st.booleans())
def test_what_is_written_is_read(trace: bytes, span: bytes, sampled: bool) -> None:
    context = TraceContext(trace, span, sampled)
    whole = any(trace) and any(span)
    assert TraceContext.of(context.text()) == (context if whole else None)


NAMES = st.sampled_from(["traceparent", "ce_traceparent", "Traceparent", "ce_id"])
VALUES = st.none() | st.binary(max_size=300) | st.just(EXAMPLE.encode())


@given(st.lists(st.tuples(NAMES, VALUES), max_size=6))
def test_no_list_of_headers_raises_and_twice_is_none(headers: list[tuple[str, bytes | None]]) -> None:
    found = trace_of(headers)
    names = [name for name, _ in headers]
    if names.count("traceparent") > 1 or names.count("ce_traceparent") > 1:
        assert found is None
    if found is not None:
        assert EXAMPLE.encode() in [value for _, value in headers]


def test_the_header_of_the_way_comes_before_the_attribute_of_the_event() -> None:
    other = EXAMPLE.replace("4bf9", "4bf8")
    both = [("ce_traceparent", other.encode()), ("ce_id", b"x"), ("traceparent", EXAMPLE.encode())]
    assert trace_of(both) == TraceContext.of(EXAMPLE)
    assert trace_of(both[:1]) == TraceContext.of(other)
