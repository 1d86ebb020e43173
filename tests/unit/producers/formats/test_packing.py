"""What is packed is what everybody's gunzip gives back, and the same bytes on every machine."""

from __future__ import annotations

import gzip
import hashlib
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.events.customs_whole import unpacked
from services.producers.formats.gzip_file import pack

texts = st.one_of(
    st.binary(max_size=2_000),
    st.builds(lambda part, times: part * times, st.binary(min_size=1, max_size=40), st.integers(0, 900)),
    st.lists(st.sampled_from((b"<a>", b"</a>", b"12", b"item ", b"\x00\xff")), max_size=600).map(b"".join),
)


@given(raw=texts)
def test_it_unpacks_to_the_same(raw: bytes) -> None:
    assert gzip.decompress(pack(raw)) == raw


@pytest.mark.parametrize("length", [3, 4, 10, 11, 257, 258, 259, 516, 517])
@pytest.mark.parametrize("distance", [1, 2, 4, 5, 1_024, 24_577, 32_768, 32_769])
def test_every_length_and_distance(length: int, distance: int) -> None:
    some = random.Random(distance)
    first = some.randbytes(distance)
    raw = first + (first * (length // distance + 1))[:length] + b"end"
    assert gzip.decompress(pack(raw)) == raw


def test_the_bytes_never_change() -> None:
    # They are signed: another spelling of the same content under the same id would be an equivocation.
    raw = b"".join(
        b"<item><number>%d</number><mass>%d</mass></item>" % (n, n * 7_919 % 1_000) for n in range(2_000)
    )
    packed = pack(raw)
    assert len(packed) < len(raw) / 5
    assert (
        hashlib.sha256(packed).hexdigest()
        == "fe6fdc551dc16e4462c40a62061a34df72fab9249396208b05e22bf66c88733b"
    )


@pytest.mark.parametrize(
    ("packed", "length", "problem"),
    [
        (b"no gzip at all", 3, "no gzip file"),
        (pack(b"abc"), 2, "does not hold 2 bytes"),
        (pack(b"abc"), 4, "does not hold 4 bytes"),
        (pack(b"abc")[:-1], 3, "does not end"),
        (pack(b"abc") + b"x", 3, "does not end"),
        (pack(b"abc") + pack(b"d"), 3, "does not end"),
        (pack(bytes(300_000)), 1_000, "does not hold 1000 bytes"),
    ],
)
def test_what_does_not_unpack_to_what_was_said(packed: bytes, length: int, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        unpacked(packed, length)
