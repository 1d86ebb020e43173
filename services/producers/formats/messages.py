"""What the readers of messages (TAF, NCTS, DCSA) share: locating messages in a file, notes on them, ids, relays and remarks."""

from __future__ import annotations

import base64
import hashlib
import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from schemas.envelope import Envelope
from schemas.events.customs_whole import LARGEST, PACKED_AT_MOST
from schemas.events.decode import decode_payload
from schemas.jurisdiction import require_jurisdiction
from schemas.legibility import require_legible
from schemas.reasons import Reason, Refusal
from schemas.remarks import remarks_on
from services.producers.formats import instants
from services.producers.formats.gzip_file import pack
from services.producers.formats.instants import Instant
from services.producers.formats.markup import Node, folded, root_name
from services.producers.formats.model import (
    EventDraft,
    Interpretation,
    Position,
    Record,
    Remark,
    Settings,
    Unread,
)
from services.producers.formats.text import decode

MOST_OBJECTS = 256
"""Objects that one event may name."""
RELAYED_AT_MOST = 16_384
"""Bytes of an authority's message that an event can carry as they are (the ``relay`` of a milestone)."""
_UNKNOWN_AT_MOST = 50
_TURNING = re.compile(
    r"cancel|retract|revok|annul|invalid|void|delet|withdraw|obsolete|negat|rejected|test(?:indicator|flag|message)|^istest",
    re.IGNORECASE,
)
_UNSET = frozenset({"", "0", "false", "n", "no", "none"})


@dataclass(slots=True)
class Notes:
    """The notes on one file: interpretations and remarks; ``format`` is the key of its choices in ``settings``."""

    format: str
    settings: Settings
    interpretations: list[Interpretation] = field(default_factory=list)
    remarks: list[Remark] = field(default_factory=list)
    _seen: set[tuple[str, str]] = field(default_factory=set)

    def interpret(self, where: str, label: str, meaning: str, certainty: str = "read") -> None:
        """Note once per label and meaning that ``label`` was interpreted as ``meaning``."""
        if (label, meaning) not in self._seen:
            self._seen.add((label, meaning))
            self.interpretations.append(Interpretation(Position(path=where), label, meaning, certainty))

    def choice(self, label: str) -> str | None:
        """The meaning that the partner declared for ``label`` in this format, None where nothing is declared."""
        return self.settings.choices.get(self.format, {}).get(label)

    def made_at(self, at: Node, column: str) -> Instant:
        """When the message was made, on the clock declared for ``column``, with remarks on how it was read. Raises Refusal."""
        instant = self.instant(at, column)
        for text in instant.remarks:
            self.remark(at.path, text)
        return instant

    def instant(self, at: Node, column: str = "") -> Instant:
        """The instant in ``at``, on the clock declared for ``column``, by default its own name. Raises Refusal."""
        return instants.read(
            at.text, instants.zone_of(self.settings, self.format, column or at.name), at.path
        )

    def remark(self, where: str, text: str, remedy: str = "") -> None:
        """Note on the file as a whole."""
        self.remarks.append(Remark(Position(path=where), text, remedy))


def remarks_at(where: str, *texts: str, remedy: str = "") -> tuple[Remark, ...]:
    """One remark at ``where`` for each text."""
    return tuple(Remark(Position(path=where), text, remedy) for text in texts)


def doubts(where: str, kind: str, id: str) -> tuple[Remark, ...]:
    """The remarks on an object's id, at its place in the file; a wrong check digit is a doubt, never a reason to refuse."""
    return tuple(Remark.on(Position(path=where), each) for each in remarks_on(kind, id))


def identity(*parts: str) -> str:
    """The id of an event from the parts of the message's own key; long keys are shortened by their digest."""
    whole = ":".join(parts)
    if len(whole.encode()) <= 200:
        return whole
    return f"{parts[0]}:{hashlib.sha256(whole.encode()).hexdigest()}"


def chunks(items: Sequence[str], size: int = MOST_OBJECTS) -> Iterator[Sequence[str]]:
    """``items`` in chunks of ``size``; none where there are no items."""
    return (items[start : start + size] for start in range(0, len(items), size))


def validated(record: Record) -> Record:
    """``record``, or Unread where the event that it makes would be refused at admission for its shape."""
    if not isinstance(record, EventDraft):
        return record
    try:
        envelope = Envelope(
            "1.0", record.id, "urn:lianyun", record.type, record.time, record.subject, "application/json"
        )
        payload = orjson.dumps({"salt": "0" * 32, **record.data})
        decoded = decode_payload(record.type, payload)
        require_legible(envelope, payload)
        require_jurisdiction(decoded)
    except Refusal as refusal:
        return Unread(record.where, refusal)
    return record


def declaration_hint(format_name: str, label: str, meaning: str) -> str:
    """A remedy: how the partner declares in its profile what ``label`` means in a format."""
    return f'Declare it in the profile: [files.choices.{format_name}] "{label}" = {meaning}.'


def time_fields(instant: Instant, classifier: str = "ACT") -> dict[str, Any]:
    """The time of a milestone, with the text that the file had for it."""
    return {"classifier": classifier, "happened": instant.text, "happened_as_written": instant.written}


def relay(raw: bytes, authority: str, may_pack: bool = False) -> dict[str, Any] | None:
    """The relayed message of ``authority``, whole; None where it is larger than an event can carry.

    One that is too large as it is becomes a gzip file where ``may_pack``: for the events whose second version carries one.
    """
    relayed = {"authority": authority, "message_sha256": hashlib.sha256(raw).hexdigest()}
    if len(raw) <= RELAYED_AT_MOST:
        return {**relayed, "message_b64": base64.b64encode(raw).decode()}
    if not may_pack or len(raw) > LARGEST or len(packed := pack(raw)) > PACKED_AT_MOST:
        return None
    text = base64.b64encode(packed).decode()
    return {**relayed, "message_b64": text, "message_length": len(raw), "packing": "GZIP"}


def cancellation(name: str, value: str, where: str) -> Refusal | None:
    """The refusal of an unknown name that may indicate cancellation, deletion or a test; None for any other."""
    if _TURNING.search(name) is None or value.strip().casefold() in _UNSET:
        return None
    return Refusal(
        Reason.INVALID_SCHEMA,
        f"{name[:60]} is {value[:40]!r}, which is not known here and may take the message back.",
        where,
        "Send the message in the schema that is read, with its own status; a message that was taken back is not a fact.",
    )


def require_not_cancelled(root: Node) -> None:
    """Raise Refusal where an element or attribute of ``root`` indicates cancellation, deletion or a test.

    The supported schemas have no such names, so their meaning is not known.
    """
    for node in root.walk():
        for name, value in ((node.name, node.text or "set"), *node.attributes.items()):
            refusal = cancellation(name, value, node.path)
            if refusal is not None:
                raise refusal


def unknown(root: Node, vocabulary: Mapping[str, frozenset[str]]) -> Iterator[Remark]:
    """A remark for each element that is not part of the known message, at most 50.

    ``vocabulary`` maps element names to the names of their known children; other elements are not examined.
    """
    known = {
        folded(name): frozenset(folded(child) for child in children) for name, children in vocabulary.items()
    }
    pending, count = deque((root,)), 0
    while pending and count < _UNKNOWN_AT_MOST:
        node = pending.popleft()
        children = known.get(folded(node.name))
        if children is None:
            continue
        for child in node.children:
            if folded(child.name) in children:
                pending.append(child)
            elif count < _UNKNOWN_AT_MOST:
                count += 1
                yield Remark(
                    Position(path=child.path),
                    f"The element {child.name} is not known here and was not read.",
                    "If it matters, tell the operator of the platform which schema version it is from.",
                )


_HEAD = 65_536
_TAG = re.compile(r"<(?:[^\s<>/:!?=]+:)?([^\s<>/:!?=]+)")


def recognise(raw: bytes, names: Iterable[str]) -> int:
    """95 where the root element has one of ``names``, 60 where one occurs in an envelope, else 0; never raises."""
    known = {folded(name) for name in names}
    root = root_name(raw[:_HEAD])
    if not root:
        return 0
    if folded(root) in known:
        return 95
    try:
        text = decode(raw[:_HEAD], partial=True)
    except Refusal:
        text = raw[:_HEAD].decode("latin-1")
    return 60 if any(folded(found[1]) in known for found in _TAG.finditer(text)) else 0


def find(root: Node, names: Iterable[str]) -> tuple[Node, ...]:
    """The outermost elements that have one of ``names``, in order.

    Raises Refusal where there is none, or where the envelope indicates cancellation, rejection or a test.
    """
    known = {folded(name): name for name in names}
    found = tuple(_outermost(root, known))
    if not found:
        raise Refusal(
            Reason.UNREADABLE_FILE,
            f"The file holds {root.name[:60]}, which is not read.",
            root.path,
            f"The messages that are read: {', '.join(known.values())}.",
        )
    return found


def named(message: Node, names: Iterable[str]) -> str:
    """The one of ``names`` that ``message`` has."""
    return next(name for name in names if folded(name) == folded(message.name))


def _outermost(node: Node, known: Iterable[str]) -> Iterator[Node]:
    if folded(node.name) in known:
        yield node
        return
    for name, value in ((node.name, node.text or "set"), *node.attributes.items()):
        refusal = cancellation(name, value, node.path)
        if refusal is not None:
            raise refusal
    for child in node.children:
        yield from _outermost(child, known)
