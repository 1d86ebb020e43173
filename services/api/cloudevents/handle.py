"""Handles: by which the publisher of an event asks what became of it. They hold all that is needed, so nothing is stored.

The API seals them for the party that posted: a handle of somebody else's, or one made up, is none.
"""

from __future__ import annotations

import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error
from typing import NamedTuple

_FORM = struct.Struct(">B16s16s32sIQ")
_VERSION = 1


class Handle(NamedTuple):
    """One record that the broker took: its event, its content, its letter should it be refused, and its place."""

    identity: bytes
    content: bytes
    letter: bytes
    topic: str
    partition: int
    offset: int

    def text(self) -> str:
        """The handle as text."""
        fixed = _FORM.pack(_VERSION, self.identity, self.content, self.letter, self.partition, self.offset)
        return urlsafe_b64encode(fixed + self.topic.encode()).rstrip(b"=").decode("ascii")

    @classmethod
    def of(cls, text: str) -> Handle:
        """The handle that ``text`` is; ValueError where it is none."""
        try:
            raw = urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
            version, identity, content, letter, partition, offset = _FORM.unpack_from(raw)
            topic = raw[_FORM.size :].decode("ascii")
        except (Error, struct.error, UnicodeError) as problem:
            raise ValueError("not a handle") from problem
        if version != _VERSION or not topic or offset > (1 << 62) or partition > (1 << 30):
            raise ValueError("not a handle")
        found = cls(identity, content, letter, topic, partition, offset)
        if found.text() != text:
            raise ValueError("not a handle")
        return found
