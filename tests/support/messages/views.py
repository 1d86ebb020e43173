"""What people see of a consignment after the events of several partners' messages, by the one rule of the state."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from schemas.events.base import Payload
from schemas.events.decode import decode_payload
from schemas.rfc3339 import parse_micros
from services.domain.derive import derive
from services.domain.facts import Facts
from services.domain.interpretation import Attribution, interpret
from services.domain.objects import consignment
from services.domain.publisher import Publisher
from services.domain.view import View
from services.producers import unsigned_event
from services.producers.formats.model import EventDraft

from .assembly import Told, profile

FOUNDED = "2026-03-01T00:00:00Z"
REFERENCE = "R-1"


def founded(publisher: Publisher, **content: Any) -> Facts:
    """The facts of a founding by ``publisher`` of the consignment R-1."""
    data = {"reference": REFERENCE, "from": FOUNDED, **content}
    made = unsigned_event.assemble(
        profile(publisher.code), "open", "cre.link.consignment_opened.v1", FOUNDED, data
    )
    return _facts(made, decode_payload(made.envelope.type, made.payload), publisher)


def stated(told: Told, publisher: Publisher) -> Facts:
    """The facts of all events of a file, as said by ``publisher``."""
    return Facts.union(_facts(made, payload, publisher) for _, made, payload in told.events)


def facts_of(record: EventDraft, publisher: Publisher) -> Facts:
    """The facts of one event that a file makes, as said by ``publisher``."""
    made = unsigned_event.assemble(
        profile(publisher.code), record.id, record.type, record.time, dict(record.data), record.subject
    )
    return _facts(made, decode_payload(record.type, made.payload), publisher)


def seen(facts: Iterable[Facts], founder: str, as_of: str) -> View:
    """The view of R-1 after ``facts``, at ``as_of``."""
    view = derive(Facts.union(facts), consignment(founder, REFERENCE), parse_micros(as_of))
    assert view is not None
    return view


def _facts(made: unsigned_event.UnsignedEvent, payload: Payload, publisher: Publisher) -> Facts:
    statement = Attribution(made.identity, made.envelope.source, publisher, made.envelope.published_micros)
    return interpret(statement, made.digest, payload)
