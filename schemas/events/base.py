"""The shapes that all events share: the payload, the milestone and the reference to an object.

Times stay on the wire as written (RFC 3339 with offset); ``*_micros`` gives them as UTC microseconds since 1970.
Nothing here checks a check digit: a wrong one is a quality flag, never a reason to refuse a fact.
"""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from schemas.events.keys import canonical_key
from schemas.events.spec import EventSpec
from schemas.events.vocabulary import Classifier, Episode, ObjectKind, Region, Role, Territory
from schemas.events.wire import (
    AsWritten,
    Base64,
    Code,
    EventId,
    Free,
    Identifier,
    Jurisdiction,
    Occurrence,
    PartyCode,
    Place,
    Remark,
    Salt,
    Sha256Hex,
    Source,
    Time,
    WireKind,
)
from schemas.reasons import Reason, Refusal
from schemas.rfc3339 import parse_micros

__all__ = [
    "Classifier",
    "Code",
    "CustomsMilestone",
    "Edge",
    "End",
    "EngagingLink",
    "Episode",
    "EventId",
    "EventRef",
    "EventSpec",
    "Free",
    "Interval",
    "LinkPayload",
    "Milestone",
    "ObjectKind",
    "ObjectRef",
    "PartyCode",
    "Payload",
    "Place",
    "PlacedMilestone",
    "Region",
    "Relay",
    "Role",
    "Territory",
    "Time",
]


class Wire(BaseModel):
    """Anything on the wire: frozen, strict, no unknown fields."""

    # A validator is built when it is first used: most processes use few of the models, and none should wait for all of them.
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, defer_build=True)


class ObjectRef(Wire):
    """One object that an event is about: ``kind`` and ``id`` as written; ``key`` is the spelling that identifies it."""

    kind: WireKind
    id: Identifier

    @property
    def key(self) -> str:
        """The id in canonical spelling: what is equal for two partners who write the same object differently."""
        return canonical_key(self.kind, self.id)


class EventRef(Wire):
    """One event, named as its publisher named it."""

    source: Source
    id: EventId


class Relay(Wire):
    """The message of an authority that the publisher relays, kept whole so that anyone can compare it."""

    authority: PartyCode
    message_sha256: Sha256Hex
    message_b64: Base64


End = tuple[ObjectKind, str]
"""An end of a link: kind and canonical key."""
Edge = tuple[End, End]
"""Facts about the left end reach the right one."""


class Payload(Wire):
    """What one event says; every type is a subclass with its ``spec``. ``salt`` hides a guessable payload's digest."""

    spec: ClassVar[EventSpec]

    salt: Salt
    remark: Remark | None = None

    def edges(self, _publisher: str, /) -> tuple[Edge, ...]:
        """What this payload of ``publisher`` says belongs to what, left to right; the kinds tell which link it is."""
        return ()

    def check(self) -> None:
        """Judge what no pattern can (days that exist, kinds of objects); raises Refusal. Called once, at decoding."""

    def check_kinds(self, refs: tuple[ObjectRef, ...], field: str) -> None:
        """Raise Refusal at the first of ``refs`` in ``field`` whose kind this type may not be about."""
        mask = self.spec.kind_mask
        for index, ref in enumerate(refs):
            if not mask >> ref.kind & 1:
                allowed = ", ".join(kind.wire for kind in sorted(self.spec.objects))
                raise Refusal(
                    Reason.INVALID_SCHEMA,
                    f"{self.spec.type} is not about a {ref.kind.wire}.",
                    f"/{field}/{index}/kind",
                    f"Name an object of one of these kinds: {allowed}.",
                )


class Milestone(Payload):
    """Something happened, is expected or is planned for 1 to 256 objects.

    ``occurrence`` names the run or leg, so that a second visit is a second slot. ``happened_as_written`` keeps the
    local time as the source had it.
    """

    classifier: Annotated[Classifier, Field(strict=False)]
    happened: Time
    happened_as_written: AsWritten | None = None
    place: Place | None = None
    occurrence: Occurrence = ""
    objects: Annotated[tuple[ObjectRef, ...], Field(strict=False, min_length=1, max_length=256)]
    relay: Relay | None = None

    @cached_property
    def happened_micros(self) -> int:
        """``happened`` in UTC microseconds; raises Refusal where it is no time that exists."""
        return parse_micros(self.happened, "/happened")

    def check(self) -> None:
        # What the property would keep, without the lock that it takes for every event.
        vars(self)["happened_micros"] = parse_micros(self.happened, "/happened")
        self.check_kinds(self.objects, "objects")

    @property
    def jurisdiction_code(self) -> str:
        """The country of the customs administration (ISO 3166-1 alpha-2), "" outside customs."""
        return ""


class PlacedMilestone(Milestone):
    """A milestone that says nothing without its place."""

    place: Place


class CustomsMilestone(Milestone):
    """A step before one customs administration; ``procedure_office`` is its office in its own numbering."""

    jurisdiction: Jurisdiction
    procedure_office: Code | None = None

    @property
    def jurisdiction_code(self) -> str:
        return self.jurisdiction


class Interval(Payload):
    """Something that holds in [``from``, ``to``); without ``to`` no end is known."""

    from_: Annotated[Time, Field(alias="from")]
    to: Time | None = None

    @cached_property
    def from_micros(self) -> int:
        """``from`` in UTC microseconds; raises Refusal where it is no time that exists."""
        return parse_micros(self.from_, "/from")

    @cached_property
    def to_micros(self) -> int | None:
        """``to`` in UTC microseconds, None where no end is known."""
        return None if self.to is None else parse_micros(self.to, "/to")

    def check(self) -> None:
        start, end = self.from_micros, self.to_micros
        if end is not None and end < start:
            raise Refusal(
                Reason.INVALID_TIME, "The end lies before the start.", "/to", "Give a later end, or none."
            )


class LinkPayload(Interval):
    """What belongs to what in [``from``, ``to``); without ``to`` it stays open until the next start of its kind."""

    place: Place | None = None

    @property
    def names(self) -> frozenset[str]:
        """The party codes that this link engages."""
        return frozenset()

    @property
    def jurisdiction_code(self) -> str:
        """The customs jurisdiction whose word the link is, "" where it is of none."""
        return ""


class EngagingLink(LinkPayload):
    """A link that may name up to 16 ``parties``, who are engaged in the consignments it leads to."""

    parties: Annotated[tuple[PartyCode, ...], Field(strict=False, max_length=16)] = ()

    @property
    def names(self) -> frozenset[str]:
        return frozenset(self.parties)
