"""Rows of a party's own events and refused messages: what each is, what became of it, what it is about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from schemas.envelope import HEADERS
from schemas.remarks import EventRemark, remarks_of
from services.api.cloudevents.outcomes import Fate, Outcome, fates_of
from services.ledger.admission.raw_bytes import unframe
from services.ledger.dead_letters.letter import DeadLetter
from services.ledger.storage.event_reader import Stored
from services.pages.page import PageRequest
from services.pages.published import words
from services.query.stored_events import Reread
from services.query.views import EVENTS

MOST_OBJECTS = 3
"""Objects of one event in a row."""
_TYPE = HEADERS["type"]


class OwnEvent(NamedTuple):
    """An accepted event with its state (a key of ``words.STATES``) and what is remarked on it."""

    read: Reread
    state: str
    remarks: tuple[EventRemark, ...]


def own_events(request: PageRequest, stored: Sequence[Stored]) -> list[OwnEvent]:
    """``stored`` with their states; one statement beside what is read of them."""
    read = [EVENTS(each, request.registry) for each in stored]
    fates = fates_of(request.session, [each.id for each in stored], request.party.code)
    found = []
    for event, fate in zip(read, fates, strict=True):
        remarks = tuple(remarks_of(event.payload, event.attributes.published))
        found.append(OwnEvent(event, _state(fate, event.stored, bool(remarks)), remarks))
    return found


def _state(fate: Fate | None, stored: Stored, remarked: bool) -> str:
    if stored.quarantined:
        return words.ASIDE
    if fate is not None and fate.outcome is Outcome.EQUIVOCATION:
        return words.CONTRADICTED
    if fate is not None and fate.outcome is Outcome.PARKED:
        return words.PARKED
    return words.REMARKS if remarked else words.ACCEPTED


def event_row(event: OwnEvent) -> dict[str, Any]:
    """The row of an event; times are UTC microseconds."""
    stored, facts = event.read.stored, event.read.facts
    envelope = event.read.envelope
    claims = sorted(facts.claims)
    things = dict.fromkeys(
        [
            *(str(claim.thing) for claim in claims),
            *(str(end) for link in sorted(facts.links, key=str) for end in (link.left, link.right)),
            *(str(founding.consignment) for founding in facts.foundings),
        ]
    )
    more = len(things) - MOST_OBJECTS
    return {
        "appended": stored.append_us,
        "type": envelope.type,
        "id": envelope.id,
        "state": event.state,
        "objects": [*list(things)[:MOST_OBJECTS], *([f"+{more}"] if more > 0 else [])],
        "place": claims[0].place if claims and claims[0].place else None,
        "happened": claims[0].happened if claims else None,
        "remarks": len(event.remarks),
        "href": f"/console/events/{stored.id.hex()}",
    }


def letter_row(letter: DeadLetter) -> dict[str, Any]:
    """The row of a refused message; what its headers say is not verified."""
    headers = dict(header_texts(letter))
    return {
        "appended": letter.last.appended,
        "type": headers.get(_TYPE),
        "id": headers.get(HEADERS["id"]),
        "state": letter.state,
        "reason": letter.reason,
        "to_do": letter.reason,
        "pointer": letter.pointer or None,
        "copies": letter.count,
        "href": f"/console/events/{letter.name}",
    }


def header_texts(letter: DeadLetter, most: int = 1_024) -> list[tuple[str, str]]:
    """The headers of a refused message as text, each of at most ``most`` characters; what is no UTF-8 is escaped."""
    try:
        headers = unframe(letter.headers)
    except ValueError:
        return []
    return [(name[:100], shown(value or b"", most)) for name, value in headers]


def shown(raw: bytes, most: int) -> str:
    """Bytes as text of at most ``most`` characters: what is no UTF-8, and what no line of text may hold, is escaped."""
    text = raw[: 4 * most].decode("utf-8", "backslashreplace")[:most]
    return "".join(
        each if each.isprintable() or each in "\n\t" else each.encode("unicode_escape").decode("ascii")
        for each in text
    )


def own_keys(request: PageRequest) -> list[str]:
    """The ids of all keys that the party has or had."""
    return [key.key_id for key in request.registry.keys_of(request.party.code)]
