"""What can be made ready of an event before its transaction begins, so that less is done while others wait for its locks."""

from __future__ import annotations

from services.ledger.storage.batch import Event
from services.ledger.storage.bodies import packed_body
from services.ledger.storage.rows import state_rows


def packed(event: Event) -> Event:
    """The event with its rows and its body packed; pure, for any thread.

    KeyError, ValueError or struct.error where the event does not fit the tables.
    """
    return Event._make((*event[:-2], state_rows(event.facts), packed_body(event)))
