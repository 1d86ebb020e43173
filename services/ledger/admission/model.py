"""Input and output of admission: records of the broker, and events that are verified, admitted or refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

from schemas.envelope import Envelope
from schemas.events.base import Payload
from schemas.reasons import Reason, Refusal
from schemas.remarks import EventRemark
from services.domain.facts import Facts
from services.ledger.registry.party import Key, Party

RULES = 3
"""The version of the admission rules, raised on any change of what is admitted; stored with every event beside the registry's version.

1: signatures, roles and the models. 2: also that ids and other texts are legible. 3: also that a customs jurisdiction is a country.
An event is evaluated again under the rules of its admission, never under later ones.
"""
LEGIBLE_SINCE = 2
COUNTRIES_SINCE = 3

Headers = Sequence[tuple[str, bytes | None]]


class Record(NamedTuple):
    """One record of the broker, unchanged; ``append_ms`` is the broker's own time in UTC milliseconds."""

    topic: str
    partition: int
    offset: int
    append_ms: int
    headers: Headers
    value: bytes | None

    @property
    def appended(self) -> int:
        """The append time in UTC microseconds; key windows and clock skew are checked against it, also on redrive."""
        return self.append_ms * 1_000


@dataclass(frozen=True, slots=True)
class AdmissionSettings:
    """Settings that all participants of a network share: its name, its gateway's topics, and the caps.

    ``network`` is part of what is signed. Any party may write through ``gateway_topics``, where the gateway has
    authenticated it. ``clock_ahead_ms`` is how far a publisher's clock may run ahead of the broker's; it may lag
    without limit, since late facts are ordinary. Bytes of headers count names and values.
    """

    network: str
    gateway_topics: frozenset[str] = frozenset()
    clock_ahead_ms: int = 5 * 60 * 1_000
    max_headers: int = 64
    max_header_bytes: int = 16_384


class Verified(NamedTuple):
    """A record whose signature and publisher are verified and whose payload is not parsed yet.

    ``event`` is the 16-byte identity of (source, id), ``content`` the 16-byte digest of the signed bytes, ``payload``
    the signed value.
    """

    record: Record
    envelope: Envelope
    party: Party
    key: Key
    event: bytes
    content: bytes
    payload: bytes


class Admitted(NamedTuple):
    """An event of this network with the facts that it states, and what its publisher is told about it."""

    verified: Verified
    payload: Payload
    facts: Facts
    remarks: tuple[EventRemark, ...] = ()

    @property
    def record(self) -> Record:
        """The record as the broker has it."""
        return self.verified.record

    @property
    def envelope(self) -> Envelope:
        """The attributes as published."""
        return self.verified.envelope

    @property
    def party(self) -> Party:
        """The publisher."""
        return self.verified.party

    @property
    def key(self) -> Key:
        """The key that signed."""
        return self.verified.key

    @property
    def event(self) -> bytes:
        """The 16-byte identity of (source, id)."""
        return self.verified.event

    @property
    def content(self) -> bytes:
        """The 16-byte digest of the signed bytes."""
        return self.verified.content


@dataclass(frozen=True, slots=True)
class Refused:
    """A refused record: the stable reason, the detail, a pointer to the fault, and what its publisher can do.

    ``publisher`` is the code of the party that alone may write to the topic, else of the party whose signature was
    verified, else the topic itself. ``event`` is the event's identity where its signature was verified.
    """

    record: Record
    reason: Reason
    detail: str
    pointer: str
    remedy: str
    publisher: str
    event: bytes | None = None

    @classmethod
    def of(cls, record: Record, refusal: Refusal, publisher: str, event: bytes | None = None) -> Self:
        """The refusal of ``record``, without the exception itself, whose frames would stay alive."""
        return cls(record, refusal.reason, refusal.detail, refusal.pointer, refusal.remedy, publisher, event)

    @classmethod
    def internal(
        cls, record: Record, error: BaseException, publisher: str, event: bytes | None = None
    ) -> Self:
        """The refusal INTERNAL_ERROR of a record on which this program failed; its publisher can correct nothing."""
        return cls(
            record,
            Reason.INTERNAL_ERROR,
            f"{type(error).__name__}: {error}"[:300],
            "",
            "The fault is on our side; the event is redriven when it is mended.",
            publisher,
            event,
        )
