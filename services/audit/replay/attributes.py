"""What the facts of a stored message depend on among its headers: who published it, as what, and when.

Only of messages that were admitted. All attributes were judged then; of the others nothing is read.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from schemas.envelope import HEADERS, Envelope
from schemas.rfc3339 import parse_micros
from services.ledger.admission.raw_bytes import frame, unframe


class Told(NamedTuple):
    """The attributes of one message that its facts depend on; ``published`` is its time in UTC microseconds."""

    source: str
    type: str
    published: int


def _framed(attribute: str) -> bytes:
    """The pattern of an attribute in its frame: no admitted one holds a NUL, and all are shorter than 64 KiB."""
    name = HEADERS[attribute].encode()
    return re.escape(len(name).to_bytes(4, "big") + name) + b"\x00\x00..([^\x00]+)"


_USUAL = re.compile(
    re.escape(frame([(HEADERS["specversion"], b"1.0")]))
    + b"".join(map(_framed, ("source", "id", "type", "time"))),
    re.DOTALL,
)
"""The headers as every publisher that follows our examples sends them: the attributes first, in the order of signing."""


def told(framed: bytes) -> Told:
    """The attributes in the ``framed`` headers of an admitted message; Refusal or ValueError where they are damaged."""
    usual = _USUAL.match(framed)
    if usual is None:
        envelope = Envelope.from_headers(unframe(framed))
        return Told(envelope.source, envelope.type, envelope.published_micros)
    source, _, type_, time = usual.groups()
    return Told(source.decode(), type_.decode(), parse_micros(time.decode(), "header:ce_time"))
