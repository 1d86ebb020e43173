"""Reads the stories: YAML written for people becomes the signed events that partners would publish.

A story is one file ``NN_slug.yaml``. Its shorthand is small and fixed (README.md explains it for readers):

- an object is ``kind id`` (``container TBJU 700001 0``, ``train cr/X8024/2026-03-02/xian``), a list of boxes may be a
  range ``TBJU 700001-700050`` (check digits are computed);
- a place is a railnet name (``dostyk``) or a full ``scheme:code``;
- a time may leave out seconds; ``happened`` (or a link's ``from``) may be left out where it equals ``at``;
- ``classifier`` is ACT unless written;
- ``of`` in a correction names the short id of the event that it targets, ``restriction`` that of a restriction.

Everything else (salt, source, CloudEvents id) is filled in from the story's own text, so that the same file always
gives the same bytes. ``scope`` moves a story into a universe of its own: every party and every object gets that mark,
so that all stories can be told into one database without meeting.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from schemas.envelope import Envelope, content_digest, event_id, signed_bytes
from schemas.events.base import Role
from schemas.events.decode import decode_payload
from services.core.facts import Facts
from services.core.interpretation import Statement, interpret
from services.core.publisher import Publisher

FOLDER = Path(__file__).parent
NETWORK = "demo"
PLACED = ("place", "next_place", "place_of_receipt", "place_of_delivery", "carrier_acceptance_place")
PARTIES = ("counterparty", "authority", "consignee", "party")


@dataclass(frozen=True)
class Told:
    """One event of a story as it would be admitted: its envelope, the bytes as published, and what they state."""

    short: str
    party: str
    envelope: Envelope
    payload: bytes
    publisher: Publisher

    @property
    def event(self) -> bytes:
        return event_id(self.envelope.source, self.envelope.id)

    @property
    def content(self) -> bytes:
        return content_digest(signed_bytes(NETWORK, self.envelope, self.payload))

    def facts(self) -> Facts:
        """Decode and interpret the bytes anew: two calls share no object."""
        envelope = self.envelope
        statement = Statement(self.event, envelope.source, self.publisher, envelope.published_micros)
        return interpret(statement, self.content, decode_payload(envelope.type, self.payload))


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

    @cached_property
    def told(self) -> tuple[Told, ...]:
        """The events in the order of the file."""
        return tuple(_tell(self, event) for event in self.events)

    def scoped(self, mark: str) -> Story:
        """The same story in a universe of its own."""
        return Story(
            self.slug, self.title, self.why, self.parties, self.events, self.as_of, self.expect, scope=mark
        )

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

    def event_of(self, short: str) -> bytes:
        """The identity of the event with that short id."""
        return next(told.event for told in self.told if told.short == short)


def stories() -> tuple[Story, ...]:
    """All stories by file name."""
    return tuple(_read(path) for path in sorted(FOLDER.glob("[0-9][0-9]_*.yaml")))


class _Text(yaml.SafeLoader):
    """YAML in which times stay text and no key may stand twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key) for key, _ in node.value]
        twice = {key for key in keys if keys.count(key) > 1}
        if twice:
            raise ValueError(f"{node.start_mark}: {sorted(twice)} stands twice")
        return super().construct_mapping(node, deep)


_Text.yaml_implicit_resolvers = {
    letter: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for letter, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _read(path: Path) -> Story:
    told = yaml.load(path.read_text(encoding="utf-8"), _Text)
    unknown = set(told) ^ {"title", "why", "parties", "events", "as_of", "expect"}
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
    unknown = set(event) - {"id", "by", "at", "type", "says", "again"}
    if unknown:
        raise ValueError(f"{story.slug}: event {event['id']} has unknown {sorted(unknown)}")
    if event["by"] not in story.parties:
        raise ValueError(f"{story.slug}: event {event['id']} is by nobody of the story: {event['by']}")
    at, type_ = instant(event["at"]), full_type(event["type"])
    body = _payload(story, type_, dict(event.get("says") or {}), at)
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
    return Told(event["id"], story.party(event["by"]), envelope, payload, story.publisher(event["by"]))


def full_type(short: str) -> str:
    return f"cre.{short}.v1"


def instant(text: str) -> str:
    """A time of a story as RFC 3339: seconds are added where they were left out."""
    return re.sub(r"(T\d\d:\d\d)(Z|[+-])", r"\1:00\2", str(text))


def place(name: str) -> str:
    return name if ":" in name else f"railnet:{name}"


def check_digit(owner: str, serial: str) -> str:
    """The check digit of a container number: letters count 10, 12, 13 ... without multiples of 11 (ISO 6346)."""
    values = dict(zip("ABCDEFGHIJKLMNOPQRSTUVWXYZ", (n for n in range(10, 39) if n % 11), strict=True))
    total = sum((values.get(char) or int(char)) * 2**i for i, char in enumerate(owner + serial))
    return str(total % 11 % 10)


def containers(text: str) -> Iterator[str]:
    """The container numbers that ``text`` names: one number, or a range ``TBJU 700001-700050`` without check digits."""
    ranged = re.fullmatch(r"([A-Z]{4}) (\d{6})-(\d{6})", text)
    if ranged is None:
        yield text
        return
    owner, first, last = ranged.groups()
    for number in range(int(first), int(last) + 1):
        serial = f"{number:06}"
        yield f"{owner} {serial} {check_digit(owner, serial)}"


def _payload(story: Story, type_: str, says: dict[str, Any], at: str) -> dict[str, Any]:
    """The payload's fields from the story's shorthand, without the salt."""
    body = {field: _field(story, field, value) for field, value in says.items()}
    if type_.startswith("cre.correction."):
        body["target"] = f"{story.slug}/{body.pop('of')}"
        body.setdefault("reason", "OTHER")
        if "instead" in says:
            instead = dict(says["instead"])
            kind = full_type(instead.pop("type"))
            data = _payload(story, kind, instead, at)
            body["replacement"] = {"type": kind, "data": {"salt": "00" * 16, **data}}
            del body["instead"]
    elif type_ == "cre.network.restriction_lifted.v1":
        of = next(event for event in story.events if event["id"] == says["restriction"])
        body["restriction"] = {"source": story.source(of["by"]), "id": f"{story.slug}/{of['id']}"}
        body.setdefault("at", at)
    elif type_.startswith(("cre.link.", "cre.network.")):
        body.setdefault("from", at)
    else:
        body.setdefault("classifier", "ACT")
        body.setdefault("happened", at)
    return body


def _field(story: Story, field: str, value: Any) -> Any:
    """One field of the payload from the story's shorthand."""
    match field:
        case "objects" | "carries" | "covers" | "parts":
            return [ref for text in _list(value) for ref in _refs(story, text)]
        case "delivered_train" | "received_train" | "train" if " " in str(value):
            return next(_refs(story, value))
        case "containers":
            return [_mark(story, "container", number) for text in _list(value) for number in containers(text)]
        case "wagons" | "notes" | "bookings" | "replaces" | "consignments":
            kind = {"replaces": "note"}.get(field, field.rstrip("s"))
            return [_mark(story, kind, text) for text in _list(value)]
        case "wagon" | "note" | "booking" | "declaration" | "consignment" | "train":
            return _mark(story, field, value)
        case "occurrence":
            return f"{value}{story.scope}"
        case "places":
            return [place(name) for name in value]
        case "parties":
            return [_party(story, entry) for entry in value]
        case "relay":
            message = str(value["message"]).encode()
            return {
                "authority": story.party(value["authority"]),
                "message_sha256": hashlib.sha256(message).hexdigest(),
                "message_b64": base64.b64encode(message).decode(),
            }
        case "happened" | "from" | "to" | "at" | "time_limit":
            return instant(value)
        case _ if field in PLACED:
            return place(value)
        case _ if field in PARTIES:
            return story.party(value)
        case _:
            return value


def _party(story: Story, entry: Any) -> Any:
    """``code`` (a link names a party) or ``{code: role}`` (a founding names a party and its role)."""
    if isinstance(entry, str):
        return story.party(entry)
    ((code, role),) = entry.items()
    return {"party": story.party(code), "role": role}


def _refs(story: Story, text: str) -> Iterator[dict[str, str]]:
    kind, _, id_ = text.partition(" ")
    for each in containers(id_) if kind == "container" else (id_,):
        yield {"kind": kind, "id": _mark(story, kind, each)}


def _mark(story: Story, kind: str, id_: str) -> str:
    """The id in the story's universe: parties by their codes, everything else by a mark at its end."""
    if kind == "train":
        *front, origin = id_.split("/")
        id_ = "/".join((*front, place(origin)))
    if not story.scope:
        return id_
    if kind in ("consignment", "booking"):
        return story.consignment(id_)
    if kind == "train":
        company, number, *rest = id_.split("/")
        return "/".join((company, f"{number}{story.scope}", *rest))
    return f"{id_}{story.scope}"


def _list(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value]
