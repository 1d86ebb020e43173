"""Instants: what is accepted, to the microsecond, and what is refused and why."""

import contextlib
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.reasons import Reason, Refusal
from schemas.rfc3339 import format_micros, parse_micros

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "micros"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T00:00:00.000001Z", 1),
        ("1970-01-01T05:00:00+05:00", 0),
        ("1970-01-01T00:00:00-23:59", (23 * 60 + 59) * 60_000_000),
        ("2024-02-29T23:59:59.5Z", 1_709_251_199_500_000),
        ("2100-12-31T23:59:59.999999Z", 4_133_980_799_999_999),
        ("2026-11-03T10:11:12-00:00", 1_793_700_672_000_000),
    ],
)
def test_reads_instants_exactly(text: str, micros: int) -> None:
    assert parse_micros(text) == micros


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "not an RFC 3339"),
        ("2026-11-03", "not an RFC 3339"),
        ("2026-11-03 10:11:12Z", "not an RFC 3339"),
        ("2026-11-03t10:11:12Z", "not an RFC 3339"),
        ("2026-11-03T10:11:12z", "not an RFC 3339"),
        ("2026-11-03T10:11:12.Z", "not an RFC 3339"),
        ("2026-11-03T10:11:12,5Z", "not an RFC 3339"),
        ("2026-11-03T10:11Z", "not an RFC 3339"),
        ("2026-11-03T10:11:12+0500", "not an RFC 3339"),
        ("2026-11-03T10:11:12+05:00 ", "not an RFC 3339"),
        ("2026-11-03T10:11:12Z\n", "not an RFC 3339"),
        ("2026-W45-2T10:11:12Z", "not an RFC 3339"),
        ("٢٠٢٦-11-03T10:11:12Z", "not an RFC 3339"),
        ("2026-11-03T10:11:12.٥Z", "not an RFC 3339"),
        ("2026-11-03T10:11:12.1_1Z", "not an RFC 3339"),
        ("2026-11-03T10:11:12.+1Z", "not an RFC 3339"),
        ("2026-11-03T10:11:12", "no offset"),
        ("2026-11-03T10:11:12.123456", "no offset"),
        ("0001-01-01T00:00:00Z", "outside 1970 to 2100"),
        ("1969-12-31T23:59:59Z", "outside 1970 to 2100"),
        ("2101-01-01T00:00:00Z", "outside 1970 to 2100"),
        ("9999-12-31T23:59:59Z", "outside 1970 to 2100"),
        ("1970-01-01T00:00:00+00:01", "in UTC"),
        ("2100-12-31T23:59:59-00:01", "in UTC"),
        ("2026-11-03T10:11:12.1234567Z", "finer than microseconds"),
        ("2016-12-31T23:59:60Z", "leap second"),
        ("2026-11-03T10:11:61Z", "no such time of day"),
        ("2026-11-03T24:00:00Z", "no such time of day"),
        ("2026-11-03T10:60:00Z", "no such time of day"),
        ("2026-11-03T10:11:12+24:00", "offset"),
        ("2026-11-03T10:11:12-24:00", "offset"),
        ("2026-11-03T10:11:12+05:60", "offset"),
        ("2026-02-29T10:11:12Z", "no such day"),
        ("2026-13-01T10:11:12Z", "no such day"),
        ("2026-00-10T10:11:12Z", "no such day"),
    ],
)
def test_refuses_what_would_be_a_guess(text: str, says: str) -> None:
    with pytest.raises(Refusal) as refusal:
        parse_micros(text, "/happened")
    assert refusal.value.reason is Reason.INVALID_TIME
    assert refusal.value.pointer == "/happened"
    assert says in refusal.value.detail


moments = st.datetimes(datetime(1970, 1, 2), datetime(2100, 12, 30), timezones=st.just(UTC))
zones = st.integers(-23 * 60 - 59, 23 * 60 + 59).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(moments, zones)
def test_agrees_with_the_standard_library(moment: datetime, zone: timezone) -> None:
    text = moment.astimezone(zone).isoformat()
    assert parse_micros(text) == (moment - EPOCH) // timedelta(microseconds=1)


@given(moments)
def test_formatting_is_the_inverse(moment: datetime) -> None:
    micros = (moment - EPOCH) // timedelta(microseconds=1)
    assert parse_micros(format_micros(micros)) == micros


@given(st.text(alphabet="0123456789-:.TZ+ \u0661", max_size=36))
def test_never_raises_anything_but_a_refusal(text: str) -> None:
    with contextlib.suppress(Refusal):
        assert 0 <= parse_micros(text) < 4_133_980_800_000_000
