"""Second versions of customs decisions whose message may be large: the relayed message may be packed.

A release for transit repeats the whole declaration and is often larger than 16 KiB. Packed by gzip it fits an event, and
its digest and length are still those of the message as customs sent it, so that anyone can unpack and compare it.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import replace
from typing import Annotated, Any, Literal, TypeVar

from pydantic import Field, StringConstraints

from schemas.events.base import CustomsMilestone, Payload, Relay
from schemas.events.customs import Held, TransitClosed, TransitOpened, UnloadingPermitted
from schemas.events.customs_control import InspectionFinding, InspectionPassed

P = TypeVar("P", bound=Payload)

LARGEST = 1_048_576
"""Bytes of a message that may be relayed packed; nothing larger is ever unpacked."""
PACKED_AT_MOST = 36_864
"""Bytes that it may have when packed, so that the event with its objects stays below 64 KiB."""

PackedBase64 = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9+/]+={0,2}$", min_length=4, max_length=PACKED_AT_MOST // 3 * 4),
]


class WholeRelay(Relay):
    """The message of an authority that the publisher relays, whole, perhaps packed.

    ``message_sha256`` and ``message_length`` are those of the message as the authority sent it; ``message_b64`` holds it
    so (``NONE``) or as a gzip file of one member (RFC 1952, ``GZIP``).
    """

    message_b64: PackedBase64
    message_length: Annotated[int, Field(ge=1, le=LARGEST)]
    packing: Literal["NONE", "GZIP"]


def unpacked(packed: bytes, length: int) -> bytes:
    """The ``length`` bytes that the gzip file ``packed`` holds; ValueError where it is none, or holds another number.

    Never unpacks more than ``length`` bytes and one.
    """
    reader = zlib.decompressobj(wbits=31)
    try:
        raw = reader.decompress(packed, length + 1)
    except zlib.error as problem:
        raise ValueError(f"it is no gzip file ({problem})") from None
    if len(raw) != length:
        raise ValueError(f"it does not hold {length} bytes")
    if not reader.eof or reader.unused_data:
        raise ValueError("it does not end with its one member")
    return raw


def _second(first: type[CustomsMilestone]) -> Callable[[type[P]], type[P]]:
    """Declare the decorated model as version 2 of ``first``: it folds alike and is said by the same."""

    def fix(model: type[P]) -> type[P]:
        model.spec = replace(first.spec, type=f"{first.spec.type.removesuffix('.v1')}.v2")
        return model

    return fix


@_second(TransitOpened)
class TransitOpenedWhole(TransitOpened):
    """A customs transit procedure was opened."""

    relay: WholeRelay | None = None


@_second(TransitClosed)
class TransitClosedWhole(TransitClosed):
    """A customs transit procedure was closed at its destination."""

    relay: WholeRelay | None = None


@_second(UnloadingPermitted)
class UnloadingPermittedWhole(UnloadingPermitted):
    """Customs at the destination permitted to unload goods in transit."""

    relay: WholeRelay | None = None


@_second(InspectionPassed)
class InspectionPassedWhole(InspectionPassed):
    """An inspection ended without a finding."""

    relay: WholeRelay | None = None


@_second(InspectionFinding)
class InspectionFindingWhole(InspectionFinding):
    """An inspection found something; it stays open until the finding is settled."""

    relay: WholeRelay | None = None


@_second(Held)
class HeldWhole(Held):
    """Customs holds the goods until something is supplied or decided."""

    relay: WholeRelay | None = None


def whole(value: dict[str, Any]) -> dict[str, Any]:
    """The value of a first version as one of the second: its relayed message is not packed."""
    relay = value.get("relay")
    if relay is None:
        return value
    text = relay["message_b64"]
    length = max(1, len(text) * 3 // 4 - text.count("="))
    return {**value, "relay": {**relay, "message_length": length, "packing": "NONE"}}
