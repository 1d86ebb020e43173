"""The trace context decides nothing: not the sameness of a letter, not what a log line may do."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from services.ledger.admission.raw_bytes import digest, message_labels, whole_digest

HEADERS = [("ce_id", b"a-1"), ("ce_source", b"urn:cre:ktz"), ("ce_type", b"cre.x.v1")]
TRACE = ("traceparent", b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")


def test_a_repetition_in_another_trace_is_the_same_letter() -> None:
    for name in ("traceparent", "ce_traceparent"):
        traced = [HEADERS[0], (name, TRACE[1]), *HEADERS[1:]]
        assert digest(traced, b"{}") == digest(HEADERS, b"{}")
        assert whole_digest(traced, b"{}") != digest(HEADERS, b"{}")
    assert digest([*HEADERS, ("other", b"x")], b"{}") != digest(HEADERS, b"{}")


def test_a_line_names_the_event_and_its_trace() -> None:
    assert message_labels([*HEADERS, TRACE]) == {
        "event_id": "a-1",
        "event_source": "urn:cre:ktz",
        "event_type": "cre.x.v1",
        "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
    }
    assert message_labels([]) == {}


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["ce_id", "ce_source", "traceparent"]), st.none() | st.binary(max_size=2_000)
        )
    )
)
def test_what_a_stranger_sends_cannot_make_a_line_of_its_own(headers: list[tuple[str, bytes | None]]) -> None:
    for value in message_labels(headers).values():
        assert value.isprintable()
        assert len(value) <= 256
