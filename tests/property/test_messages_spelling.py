"""Prefixes, namespaces, blanks, comments and encodings are spelling: they change no event of a message."""

from __future__ import annotations

import random
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.reasons import Refusal
from services.producers.formats import ncts, taf
from services.producers.formats.model import Format
from tests.support.messages.assembly import settings as partner
from tests.support.messages.assembly import tell
from tests.support.messages.documents import composition, life, report, running
from tests.support.profile import rounds

MESSAGES: dict[str, tuple[Format, bytes]] = {
    "4005": (taf.FORMATS[0], running(report("05"))),
    "4004": (taf.FORMATS[0], running(report("03"), report("01"), forecast=True)),
    "3003": (taf.FORMATS[0], composition()),
    **{number: (ncts.FORMATS[0], raw) for number, raw in life().items()},
}
PARTNER = partner("hanse", ncts={"relay": "none", "DE004605": "locode:DEDUI"})
"""Without the relay, which keeps the message's own bytes on purpose."""
PREFIXES = ("", "a", "ns2", "TAF", "ncts", "_x")
NAMESPACES = ("urn:x", "http://taf-jsg.info/schemes", "http://www.era.europa.eu/schemes/TAFTSI/3.5")
BETWEEN = ("", "", "\n  ", "<!-- seen -->", "<?note this?>", "\r\n\t")
ENCODINGS = {
    "utf-8": "UTF-8",
    "utf-8-sig": "utf-8",
    "utf-16": "UTF-16",
    "cp1251": "windows-1251",
    "gb18030": "GB18030",
}
_TAG = re.compile(r"<(/?)(?:[A-Za-z]+:)?([A-Za-z_]+)([^<>]*)>")


def respelt(raw: bytes, chance: random.Random) -> bytes:
    """The same message with another prefix or none, another namespace or none, other blanks and another encoding."""
    prefix, namespace = chance.choice(PREFIXES), chance.choice((*NAMESPACES, ""))
    named = f"{prefix}:" if prefix and namespace else ""
    declared = f' xmlns{":" if named else ""}{prefix if named else ""}="{namespace}"' if namespace else ""
    bound = [declared]  # for the first element only

    def tag(found: re.Match[str]) -> str:
        closing, name, rest = found.groups()
        attributes = re.sub(r'\sxmlns(:\w+)?="[^"]*"', "", rest)
        attributes = re.sub(r"\s+(?:\w+:)?(\w+)=", lambda one: f"  {named}{one[1]}=", attributes)
        blank = chance.choice(("", " ", "\n"))
        written = f"<{closing}{named}{name}{attributes}{bound.pop() if bound else ''}{blank}>"
        if closing:
            return chance.choice(("", " ", "\r\n")) + written
        return written + chance.choice(("", " ", "\n\t"))

    body = _TAG.sub(tag, re.sub(r"<\?xml.*?\?>", "", raw.decode(), count=1).strip())
    body = re.sub(r">(\s*)<", lambda gap: f">{gap[1]}{chance.choice(BETWEEN)}<", body)
    encoding = chance.choice(sorted(ENCODINGS))
    return f'<?xml version="1.0" encoding="{ENCODINGS[encoding]}"?>\n{body}'.encode(encoding)


def events(format: Format, raw: bytes) -> list[dict[str, Any]]:
    told = tell(format, raw, PARTNER)
    assert told.drafts
    assert not told.unread
    return [
        {
            "id": said.id,
            "type": said.type,
            "time": said.time,
            "data": dict(said.data),
            "where": str(said.where),
        }
        for said in told.drafts
    ]


@pytest.mark.parametrize("name", MESSAGES)
@settings(max_examples=rounds(5, 15), deadline=None, derandomize=True)
@given(chance=st.randoms(use_true_random=True))
def test_spelling_changes_no_event(name: str, chance: random.Random) -> None:
    format, raw = MESSAGES[name]
    written = respelt(raw, chance)
    assert format.recognise(written) == 95
    assert events(format, written) == events(format, raw)


@settings(max_examples=rounds(60, 200), deadline=None, derandomize=True)
@given(
    name=st.sampled_from(sorted(MESSAGES)),
    place=st.floats(0, 1),
    noise=st.binary(max_size=6),
    cut=st.booleans(),
)
def test_a_damaged_message_is_read_or_refused_and_never_raises_otherwise(
    name: str, place: float, noise: bytes, cut: bool
) -> None:
    format, raw = MESSAGES[name]
    at = int(place * len(raw))
    damaged = raw[:at] + noise + (b"" if cut else raw[at + len(noise) :])
    assert 0 <= format.recognise(damaged) <= 100
    try:
        told = tell(format, damaged)
    except Refusal as refused:
        assert refused.remedy, refused  # noqa: PT017 - either outcome is right, only silence is not
    else:
        assert told.records
