"""Corrections and retractions (numbers 5000 to 5099): new events that point to an older one of the same source."""

from __future__ import annotations

from functools import partial
from typing import Any, Literal

from pydantic import PrivateAttr

from schemas.events.base import EventId, Payload, Wire
from schemas.events.declare import event
from schemas.events.vocabulary import ObjectKind, Region, Role
from schemas.events.wire import EventType

Reason = Literal[
    "WRONG_OBJECT",
    "WRONG_TIME",
    "WRONG_PLACE",
    "WRONG_CLASSIFIER",
    "DID_NOT_HAPPEN",
    "DUPLICATE",
    "INCOMPLETE",
    "OTHER",
]

_correction = partial(event, region=Region.CORRECTION, by=frozenset(Role), about=frozenset(ObjectKind))


class Replacement(Wire):
    """What the corrected event should have said: a type and its whole payload, read by ``schemas.events.decode``."""

    type: EventType
    data: dict[str, Any]
    _payload: Payload | None = PrivateAttr(default=None)

    @property
    def payload(self) -> Payload:
        """``data`` as a payload of ``type``; only where the correction was decoded, not merely validated."""
        if self._payload is None:
            raise ValueError("the replacement was not decoded: use schemas.events.decode")
        return self._payload

    def settle(self, payload: Payload) -> None:
        """Keep ``data`` as decoded; called once by the decoder."""
        self._payload = payload


@_correction("correction.corrected.v1", 5000)
class Corrected(Payload):
    """The publisher replaces what an earlier event of its source said; the replacement stands under this event's id."""

    target: EventId
    reason: Reason
    replacement: Replacement


@_correction("correction.retracted.v1", 5001)
class Retracted(Payload):
    """The publisher takes back an earlier event of its source; retracting a correction revives what it corrected."""

    target: EventId
    reason: Reason
