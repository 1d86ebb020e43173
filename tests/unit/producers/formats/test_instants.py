"""Times of messages become instants with an offset; what is missing comes from the declared clock, and is told."""

from __future__ import annotations

import pytest

from schemas import railnet
from schemas.reasons import Reason, Refusal
from services.producers.formats import instants
from tests.support.messages.assembly import settings

BERLIN, MOSCOW = railnet.zone("Europe/Berlin"), railnet.zone("Europe/Moscow")


@pytest.mark.parametrize(
    ("written", "text", "remarked"),
    [
        ("2026-03-12T06:30:00+01:00", "2026-03-12T06:30:00+01:00", False),
        ("2026-03-12T06:30:00Z", "2026-03-12T06:30:00Z", False),
        ("2026-03-12T06:30:00.25Z", "2026-03-12T06:30:00.25Z", False),
        ("2026-03-12T06:30:00", "2026-03-12T06:30:00+01:00", False),
        ("2026-07-12T06:30:00", "2026-07-12T06:30:00+02:00", False),
        ("2026-03-12T24:00:00+01:00", "2026-03-13T00:00:00+01:00", False),
        ("2026-03-12T06:30:00+1:00", "2026-03-12T06:30:00+01:00", True),
        ("2026-03-12T06:30:00+0100", "2026-03-12T06:30:00+01:00", True),
        ("2026-03-12T06:30:00.1234567Z", "2026-03-12T06:30:00.123456Z", True),
        ("2026-03-29T02:30:00", "2026-03-29T02:30:00+01:00", True),  # skipped on this clock
        ("2026-10-25T02:30:00", "2026-10-25T02:30:00+02:00", True),  # twice on this clock
    ],
)
def test_an_instant(written: str, text: str, remarked: bool) -> None:
    found = instants.read(written, BERLIN, "/at")
    assert (found.text, found.written) == (text, written)
    assert bool(found.remarks) is remarked


@pytest.mark.parametrize(
    "written",
    ["", "yesterday", "2026-13-01T00:00:00Z", "2026-02-30T00:00:00", "2026-03-12", "2026-03-12T25:00:00Z",
     "12.03.2026 06:30", "2026-03-12T06:30:60Z", "1026-03-12T06:30:00", "2026-03-12T24:30:00", "2026-03-12T06:30:00+99:00"],
)  # fmt: skip
def test_what_is_no_instant_says_where(written: str) -> None:
    with pytest.raises(Refusal) as refused:
        instants.read(written, BERLIN, "/m/at")
    assert refused.value.reason is Reason.INVALID_TIME
    assert refused.value.pointer == "/m/at"


def test_a_day_is_the_message_of_that_day_or_noon() -> None:
    made = instants.read("2026-03-14T23:30:00Z", BERLIN, "/made")  # the 15th on the publisher's clock
    assert instants.read_day("2026-03-15", BERLIN, "/d", made).text == made.text
    other = instants.read_day("2026-03-14", BERLIN, "/d", made)
    assert (other.text, other.written) == ("2026-03-14T12:00:00+01:00", "2026-03-14")
    assert "noon" in other.remarks[0]
    assert instants.read_day("2026-03-14+05:00", BERLIN, "/d").text == "2026-03-14T12:00:00+05:00"
    assert instants.day_end("2026-03-14", BERLIN, "/d").text == "2026-03-14T23:59:59+01:00"
    with pytest.raises(Refusal):
        instants.read_day("2026-02-30", BERLIN, "/d")


def test_the_clock_of_the_column_comes_before_that_of_the_format_and_the_publisher() -> None:
    plain = settings()
    assert instants.zone_of(plain, "taf") is plain.zone
    declared = settings(zones={"taf": MOSCOW, "taf.LocationDateTime": BERLIN})
    assert instants.zone_of(declared, "taf", "MessageDateTime") is MOSCOW
    assert instants.zone_of(declared, "taf", "LocationDateTime") is BERLIN
    assert instants.zone_of(declared, "ncts") is plain.zone
