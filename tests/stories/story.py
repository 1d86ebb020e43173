"""Reads the stories: YAML written for people becomes the signed events that partners would publish.

A story is one file ``NN_slug.yaml``. Its shorthand is small and fixed (README.md explains it for readers):

- an object is ``kind id`` (``container TBJU 700001 0``, ``train cr/X8024/2026-03-02/xian``), a list of boxes may be a
  range ``TBJU 700001-700050`` (check digits are computed);
- a place is a railnet name (``dostyk``) or a full ``scheme:code``;
- a time may leave out seconds; ``happened`` (or a link's ``from``) may be left out where it equals ``at``;
- ``classifier`` is ACT unless written;
- ``remarked`` lists the codes that the publisher of an accepted event is told, ``refused`` points to what an event is refused for;
- ``of`` in a correction names the short id of the event that it targets, ``restriction`` that of a restriction.

Everything else (salt, source, CloudEvents id) is filled in from the story's own text, so that the same file always
gives the same bytes. ``scope`` moves a story into a universe of its own: every party and every object gets that mark,
so that all stories can be told into one database without meeting.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import yaml

from schemas.envelope import Envelope, content_digest, event_id, signed_bytes
from schemas.events.base import ObjectKind, Role
from schemas.events.decode import decode_payload
from schemas.events.keys import canonical_key
from services.domain.facts import Facts, GroupedFacts
from services.domain.interpretation import Attribution, grouped
from services.domain.objects import Thing
from services.domain.publisher import Publisher

from .shorthand import full_type, instant, payload_of, place, refs

FOLDER = Path(__file__).parent
NETWORK = "demo"


@dataclass(frozen=True)
class Told:
    """One event of a story as it would be admitted: its envelope, the bytes as published, and what they state."""

    short: str
    party: str
    envelope: Envelope
    payload: bytes
    publisher: Publisher
    remarked: tuple[str, ...] | None = None
    """The codes that its publisher is told, where the story says."""

    @property
    def event(self) -> bytes:
        return event_id(self.envelope.source, self.envelope.id)

    @property
    def content(self) -> bytes:
        return content_digest(signed_bytes(NETWORK, self.envelope, self.payload))

    def facts(self) -> Facts:
        """Decode and interpret the bytes anew: two calls share no object."""
        return self.grouped().facts()

    def grouped(self) -> GroupedFacts:
        envelope = self.envelope
        statement = Attribution(self.event, envelope.source, self.publisher, envelope.published_micros)
        return grouped(statement, self.content, decode_payload(envelope.type, self.payload))


@dataclass(frozen=True)
class Story:
    """A story as written: who takes part, what they publish, and what people must see at ``as_of``."""

    slug: str
    title: str
    why: str
    parties: dict[str, dict[str, Any]]
    events: tuple[dict[str, Any], ...]
    as_of: str
    expect: dict[str, dict[str, Any] | None]
    scope: str = ""
    unreached: dict[str, dict[str, list[str]]] = field(default_factory=dict)

    @cached_property
    def told(self) -> tuple[Told, ...]:
        """The accepted events in the order of the file."""
        return tuple(_tell(self, event) for event in self.events if "refused" not in event)

    @cached_property
    def refused(self) -> tuple[tuple[Told, str], ...]:
        """The events that admission refuses, with the pointer to what is wrong."""
        return tuple((_tell(self, event), event["refused"]) for event in self.events if "refused" in event)

    def scoped(self, mark: str) -> Story:
        """The same story in a universe of its own."""
        return replace(self, scope=mark)

    def publisher(self, code: str) -> Publisher:
        return _publisher(self, code)

    def party(self, code: str) -> str:
        return f"{self.scope}-{code}" if self.scope else code

    def source(self, code: str) -> str:
        return f"//{self.party(code)}.example"

    def consignment(self, name: str) -> str:
        """The full id of a consignment that the story calls ``founder/reference``."""
        founder, _, reference = name.partition("/")
        return f"{self.party(founder)}/{reference}"

    def thing(self, text: str) -> Thing:
        """The object that the story writes ``kind id``."""
        (reference,) = refs(self, text)
        kind = ObjectKind[reference["kind"].upper()]
        return Thing(kind, canonical_key(kind, reference["id"]))

    def event_of(self, short: str) -> bytes:
        """The identity of the event with that short id."""
        return next(told.event for told in self.told if told.short == short)


@cache
def stories() -> tuple[Story, ...]:
    """All stories by file name; read once, and shared: nobody changes what they hold."""
    return tuple(_read(path) for path in sorted(FOLDER.glob("[0-9][0-9]_*.yaml")))


class Text(yaml.CSafeLoader):
    """YAML in which times stay text and no key may stand twice. Read by libyaml: the stories are many, and read by many."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key) for key, _ in node.value]
        twice = {key for key in keys if keys.count(key) > 1}
        if twice:
            raise ValueError(f"{node.start_mark}: {sorted(twice)} stands twice")
        return super().construct_mapping(node, deep)


Text.yaml_implicit_resolvers = {
    letter: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for letter, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _read(path: Path) -> Story:
    told = yaml.load(path.read_text(encoding="utf-8"), Text)
    unknown = set(told) - {"unreached"} ^ {"title", "why", "parties", "events", "as_of", "expect"}
    if unknown:
        raise ValueError(f"{path.name}: missing or unknown {sorted(unknown)}")
    shorts = [event["id"] for event in told["events"] if not event.get("again")]
    if len(set(shorts)) != len(shorts):
        raise ValueError(
            f"{path.name}: an event id stands twice; write `again: true` where that is the point"
        )
    return Story(
        slug=path.stem,
        title=told["title"],
        why=" ".join(told["why"].split()),
        parties=told["parties"],
        events=tuple(told["events"]),
        as_of=instant(told["as_of"]),
        expect=told["expect"],
        unreached=told.get("unreached", {}),
    )


def _publisher(story: Story, code: str) -> Publisher:
    known = story.parties[code]
    unknown = set(known) - {"roles", "countries", "managers", "places", "name"}
    if unknown:
        raise ValueError(f"{story.slug}: party {code} has unknown {sorted(unknown)}")
    return Publisher(
        code=story.party(code),
        roles=frozenset(Role(role) for role in known["roles"]),
        countries=frozenset(known.get("countries", ())),
        managers=frozenset(known.get("managers", ())),
        places=frozenset(place(name) for name in known.get("places", ())),
    )


def _tell(story: Story, event: dict[str, Any]) -> Told:
    unknown = set(event) - {"id", "by", "at", "type", "says", "again", "remarked", "refused"}
    if unknown:
        raise ValueError(f"{story.slug}: event {event['id']} has unknown {sorted(unknown)}")
    if event["by"] not in story.parties:
        raise ValueError(f"{story.slug}: event {event['id']} is by nobody of the story: {event['by']}")
    at, type_ = instant(event["at"]), full_type(event["type"])
    body = payload_of(story, type_, dict(event.get("says") or {}), at)
    text = json.dumps(body, ensure_ascii=False, sort_keys=True)
    salt = hashlib.sha256(f"{story.scope}{story.slug}/{event['id']}/{text}".encode()).hexdigest()[:32]
    payload = json.dumps({"salt": salt, **body}, ensure_ascii=False, separators=(",", ":")).encode()
    envelope = Envelope(
        specversion="1.0",
        id=f"{story.slug}/{event['id']}",
        source=story.source(event["by"]),
        type=type_,
        time=at,
        datacontenttype="application/json",
    )
    remarked = tuple(event["remarked"]) if "remarked" in event else None
    return Told(
        event["id"], story.party(event["by"]), envelope, payload, story.publisher(event["by"]), remarked
    )
