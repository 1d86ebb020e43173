"""The views of the stories as their readers would have them, without a database."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

from schemas.events.base import ObjectKind
from schemas.events.decode import decode_payload
from schemas.rfc3339 import format_micros, parse_micros
from services.domain.derive import derive
from services.domain.facts import Facts
from services.domain.objects import Thing
from services.ledger.admission.raw_bytes import Attributes
from services.query.stored_events import Reread, SourcedEvents
from services.query.view_json import view_json
from services.query.views import SourcedView
from tests.stories.story import Story, Told


def story_views(story: Story) -> Iterator[tuple[SourcedView, dict[str, Any]]]:
    """Each consignment that the story expects, at its end: the view, and what somebody who may see everything is shown."""
    as_of = parse_micros(story.as_of)
    events = [_reread(told) for told in story.told]
    facts = Facts.union(event.facts for event in events)
    for name in story.expect:
        view = derive(facts, Thing(ObjectKind.CONSIGNMENT, story.consignment(name)), as_of)
        if view is None:
            continue
        known = SourcedView(view, as_of, SourcedEvents(events), facts)
        body = view_json(known)
        for item, arrival in zip(body["timeline"], view.arrivals, strict=True):
            item["recorded"] = format_micros(known.sources[arrival.claim.event].stored.append_us)
            item["finding"] = None
        yield known, {**body, "goods": None, "invoices": None}


def _reread(told: Told) -> Reread:
    """The event as if it had been stored when it was published."""
    stored = SimpleNamespace(
        id=told.event, content=told.content, quarantined=False, append_us=told.envelope.published_micros
    )
    party = SimpleNamespace(code=told.publisher.code)
    payload = decode_payload(told.envelope.type, told.payload)
    envelope = told.envelope
    attributes = Attributes(envelope.source, envelope.id, envelope.type, envelope.published_micros)
    read = SimpleNamespace(
        stored=stored,
        envelope=envelope,
        attributes=attributes,
        party=party,
        payload=payload,
        facts=told.facts(),
    )
    return cast(Reread, read)
