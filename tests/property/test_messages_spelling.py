"""Prefixes, namespaces, blanks, comments and encodings are spelling: they change no event of a message."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.producers.formats import ncts, taf
from services.producers.formats.model import Format
from tests.messages.assembling import settings as partner
from tests.messages.assembling import tell
from tests.messages.written import composition, life, report, running

LIFE = life()
MESSAGES: dict[str, tuple[Format, bytes]] = {
    "4005": (taf.FORMATS[0], running(report("05"))),
    "4004": (taf.FORMATS[0], running(report("03"), report("01"), forecast=True)),
    "3003": (taf.FORMATS[0], composition()),
    **{number: (ncts.FORMATS[0], raw) for number, raw in LIFE.items()},
}
_TAG = re.compile(r"(</?)(?:[A-Za-z]+:)?([A-Za-z_]+)((?:\s[^<>]*?)?)(/?>)")
PREFIXES = st.sampled_from(["", "a", "ns2", "TAF", "ncts", "_x"])
NAMESPACES = st.sampled_from(
    ["", "urn:x", "http://taf-jsg.info/schemes", "http://www.era.europa.eu/schemes/TAFTSI/3.5"]
)
BLANKS = st.text(" \t\r\n", max_size=3)
BETWEEN = st.sampled_from(["", "\n  ", "<!-- seen -->", "<?note this?>", "\r\n\t"])
ENCODINGS = st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "windows-1251", "gb18030"])


def respelt(raw: bytes, prefix: str, namespace: str, draw: Any) -> bytes:
    """The same message with other prefixes, another namespace, other blanks and another encoding."""
    text = re.sub(r"<\?xml.*?\?>", "", raw.decode(), count=1).strip()
    named = f"{prefix}:" if prefix and namespace else ""
    root = True

    def tag(found: re.Match[str]) -> str:
        nonlocal root
        opening, name, attributes, closing = found.groups()
        attributes = re.sub(r'\sxmlns(:\w+)?="[^"]*"', "", attributes)
        attributes = re.sub(r"\s(?:\w+:)?(\w+)=", lambda a: f" {named}{a[1]}=", attributes)
        if root:
            root = False
            declared = f' xmlns{":" + prefix if named else ""}="{namespace}"' if namespace else ""
            attributes += declared
        inside = draw(BLANKS) if attributes.strip() else ""
        before, after = (draw(BETWEEN), draw(BLANKS))
        if opening == "</":
            return f"{after}</{named}{name}>"
        return (
            f"<{named}{name}{attributes}{inside}{closing}{after}"
            if root
            else f"{before if '<' in before else ''}<{named}{name}{attributes}{inside}{closing}{after}"
        )

    body = _TAG.sub(tag, text)
    encoding = draw(ENCODINGS)
    declared = "UTF-8" if encoding == "utf-8-sig" else encoding
    return f'<?xml version="1.0" encoding="{declared}"?>{body}'.encode(encoding)


def events(format: Format, raw: bytes) -> list[dict[str, Any]]:
    """The events without the relay, which keeps the message's own bytes on purpose."""
    told = tell(format, raw, partner("hanse", ncts={"relay": "none", "DE004605": "locode:DEDUI"}))
    assert told.said
    assert not told.unread
    return [
        {
            "id": said.id,
            "type": said.type,
            "time": said.time,
            "data": dict(said.data),
            "where": str(said.where),
        }
        for said in told.said
    ]


@pytest.mark.parametrize("name", MESSAGES)
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
@given(prefix=PREFIXES, namespace=NAMESPACES, data=st.data())
def test_spelling_changes_no_event(name: str, prefix: str, namespace: str, data: st.DataObject) -> None:
    format, raw = MESSAGES[name]
    written = respelt(raw, prefix, namespace, data.draw)
    assert format.recognise(written) == 95
    assert events(format, written) == events(format, raw)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(name=st.sampled_from(sorted(MESSAGES)), cut=st.integers(0, 4_000), noise=st.binary(max_size=6))
def test_a_damaged_message_is_refused_or_read_and_never_raises_otherwise(
    name: str, cut: int, noise: bytes
) -> None:
    from schemas.reasons import Refusal

    format, raw = MESSAGES[name]
    damaged = raw[: cut % len(raw)] + noise + raw[(cut % len(raw)) + len(noise) :]
    assert 0 <= format.recognise(damaged) <= 100
    try:
        tell(format, damaged)
    except Refusal as refusal:
        assert refusal.detail
        assert refusal.remedy
