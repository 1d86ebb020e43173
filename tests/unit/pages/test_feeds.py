"""Calendars, Atom and mail as other readers read them: lines, escapes, intervals, identifiers, pages, and addresses that are none."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import default
from typing import Any

import icalendar
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from services.pages.localization import localizations
from services.pages.rendering import Templates, static_files
from services.pages.subscriptions.atom import PAGE, atom
from services.pages.subscriptions.calendar import calendar, fold
from services.pages.subscriptions.changes import HOUR, Change, Interval, Kind, State, Wanted
from services.pages.subscriptions.mail import Written, compose
from services.pages.subscriptions.store import (
    Channel,
    Notice,
    Status,
    Subscription,
    SubscriptionError,
    require_address,
)

AT = 1_772_500_000_000_000
STEPS = {"departed": ("departed", "xian-intl-port", AT), "booked": ("booked", "", None)}
FOUND = Subscription(
    id="7d1ac1b2-6b9c-4f6e-9d38-5cf7a35d2d11",
    consignment=bytes(16),
    reference="xaport/A, B; 50%\\ 联运",
    party="optic",
    share=None,
    made_by="test",
    channel=Channel.FEED,
    address=None,
    language="zh",
    wanted=Wanted(),
    state=Status.ACTIVE,
    reason="",
    made=AT,
    ended=None,
    told=State(("movement=full",), STEPS, forecast=Interval(AT, AT + HOUR, AT + 30 * HOUR)),
    last_no=3,
)
ATOM = {"a": "http://www.w3.org/2005/Atom"}


def events(found: Subscription, code: str = "en") -> dict[str, Any]:
    """The events of its calendar by their identifiers, as another library reads them."""
    raw = calendar(found, localizations()[code], at=AT, page="https://track.example/track/x")
    assert all(len(line) <= 75 for line in raw.split(b"\r\n"))
    assert raw.count(b"\n") == raw.count(b"\r\n")
    read = icalendar.Calendar.from_ical(raw)
    assert read["METHOD"] == "PUBLISH"
    return {str(each["UID"]): each for each in read.walk("VEVENT")}


def test_a_calendar_holds_what_was_told_under_identifiers_that_stay() -> None:
    for code in localizations():
        read = events(FOUND, code)
        assert set(read) == {f"{name}.{FOUND.id}@lianyun" for name in ("departed", "arrival")}
        arrival = read[f"arrival.{FOUND.id}@lianyun"]
        assert arrival["DTSTART"].dt == datetime.fromtimestamp(AT // 1_000_000, UTC)
        assert (arrival["DTEND"].dt - arrival["DTSTART"].dt).total_seconds() == 30 * 3_600
        assert arrival["SEQUENCE"] == 3
        assert str(arrival["SUMMARY"]).startswith(FOUND.reference)
    moved = replace(FOUND, last_no=4, told=replace(FOUND.told, forecast=Interval(AT + 9 * HOUR, None, None)))
    later = events(moved)[f"arrival.{FOUND.id}@lianyun"]
    assert later["SEQUENCE"] == 4
    assert "nobody has said when the border opens" in str(later["DESCRIPTION"])
    arrived = replace(
        FOUND, told=replace(FOUND.told, steps={**STEPS, "destination": ("destination", "", AT)})
    )
    assert f"arrival.{FOUND.id}@lianyun" not in events(arrived)


@given(st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=300))
def test_folded_lines_are_short_and_unfold_to_what_they_were(line: str) -> None:
    folded = fold(line)
    assert folded.endswith("\r\n")
    assert all(len(each.encode()) <= 75 for each in folded.split("\r\n"))
    assert folded.replace("\r\n ", "").removesuffix("\r\n") == line


def test_atom_is_read_page_by_page() -> None:
    change = Change(Kind.REACHED, "departed", "xian-intl-port", AT)
    listed = [Notice(no, AT + no, frozenset({"movement=full"}), (change,)) for no in range(40, 40 - PAGE, -1)]
    address = "https://track.example/f/t/feed.atom"
    raw = atom(
        FOUND, listed, localizations()["en"], address=address, before=None, page="https://track.example/x"
    )
    root = etree.fromstring(raw)
    entries = root.findall("a:entry", ATOM)
    ids = [each.findtext("a:id", namespaces=ATOM) for each in entries]
    assert len(set(ids)) == PAGE
    assert all(each and each.startswith("urn:uuid:") for each in ids)
    links = {each.get("rel"): each.get("href") for each in root.findall("a:link", ATOM)}
    assert links["next"] == f"{address}?before={listed[-1].no}"
    assert root.findtext("a:title", namespaces=ATOM) == FOUND.reference
    again = atom(FOUND, listed[5:7], localizations()["de"], address=address, before=36, page="")
    known = [
        each.findtext("a:id", namespaces=ATOM) for each in etree.fromstring(again).findall("a:entry", ATOM)
    ]
    assert known == ids[5:7], "an entry keeps its id on whatever page and in whatever language it is read"
    assert b'rel="next"' not in again


@pytest.mark.parametrize(
    "address",
    ["a@b", "a b@example.org", "a@example.org\r\nBcc: b@example.org", "a@example.org\n", "a@example.org,b@example.org",
     "<a@example.org>", "ä@example.org", "", f"{'a' * 250}@example.org"],
)  # fmt: skip
def test_what_is_no_address_gets_no_mail(address: str) -> None:
    with pytest.raises(SubscriptionError):
        require_address(address)


def test_no_header_is_written_by_a_partner() -> None:
    l10n = localizations()["en"]
    written = Written(l10n, Templates(l10n, static_files()))
    found = replace(
        FOUND, channel=Channel.MAIL, address="a@example.org", reference="x/A\r\nBcc: b@example.org"
    )
    change = Change(Kind.REACHED, "departed", "xian-intl-port\r\nBcc: c@example.org", AT)
    raw = bytes(
        compose(
            written,
            "news@example.org",
            found,
            Notice(1, AT, frozenset(), (change,)),
            origin="https://track.example",
            token="t" * 32,
            shared_by="Y\r\nBcc: d@example.org",
        )
    )
    read = message_from_bytes(raw, policy=default)
    assert read["Bcc"] is None
    assert read["Content-Language"] == "en"
    assert read["To"] == "a@example.org"
    assert read["List-Unsubscribe"] == f"<https://track.example/u/{'t' * 32}>"
