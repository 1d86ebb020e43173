"""What is interpreted: an event as far as the heart needs it."""

from __future__ import annotations

from typing import NamedTuple

from services.domain.facts import EventId, Micros
from services.domain.publisher import Publisher


class Statement(NamedTuple):
    """An event as far as interpretation needs it: identity, publisher and time of publication."""

    event: EventId
    source: str
    publisher: Publisher
    published: Micros
