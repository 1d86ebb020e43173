"""The five kinds of registry events, append-only, from which every table of the registry can be rebuilt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter

from schemas.events.base import PartyCode, Place, Role
from schemas.events.wire import Country
from schemas.schemes import Scheme

Micros = Annotated[int, Field(ge=0, lt=2**62)]
Source = Annotated[
    str,
    StringConstraints(pattern=r"^[!-~]{1,256}$"),
    Field(description="A CloudEvents source: an absolute or relative URI in ASCII."),
]
Topic = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9._-]{1,249}$")]
Manager = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,39}$")]
KeyId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$")]
Signature = Annotated[str, StringConstraints(pattern=r"^[!-~]{1,1024}$")]
Name = Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True)]


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PartyAdded(_Entry):
    """A party was registered, with its roles, territory, sources and topics."""

    kind: Literal["party_added"] = "party_added"
    code: PartyCode
    name: Name
    roles: Annotated[frozenset[Role], Field(min_length=1)]
    countries: frozenset[Country] = frozenset()
    managers: frozenset[Manager] = frozenset()
    places: frozenset[Place] = frozenset()
    sources: Annotated[frozenset[Source], Field(min_length=1)]
    topics: frozenset[Topic] = frozenset()


class PartyAmended(_Entry):
    """A party was amended from ``since`` on (UTC microseconds, compared with append times); None: unchanged."""

    kind: Literal["party_amended"] = "party_amended"
    code: PartyCode
    since: Micros
    name: Name | None = None
    roles: Annotated[frozenset[Role], Field(min_length=1)] | None = None
    countries: frozenset[Country] | None = None
    managers: frozenset[Manager] | None = None
    places: frozenset[Place] | None = None
    sources: Annotated[frozenset[Source], Field(min_length=1)] | None = None
    topics: frozenset[Topic] | None = None


class Proof(_Entry):
    """Proof of possession: the signature of the statement by the new key, on a rotation also by the one it replaces.

    Both have the form of a signature header, over ``schemas.possession.Statement``.
    """

    network: Annotated[str, StringConstraints(min_length=1, max_length=40)]
    signature: Signature
    replaced_signature: Signature | None = None


class NewKey(_Entry):
    """A public key and its window in UTC microseconds; ``public_key`` in hex, as long as its scheme says.

    Keys that were registered before proofs were demanded have none.
    """

    scheme: Scheme
    public_key: Annotated[str, StringConstraints(pattern=r"^([0-9a-f]{2}){32,65}$")]
    not_before: Micros
    not_after: Micros | None = None
    proof: Proof | None = None


class KeyAdded(_Entry):
    """A key was added to a party; ``in_place_of`` is the revoked key that it replaces and that could not sign for it."""

    kind: Literal["key_added"] = "key_added"
    party: PartyCode
    key: NewKey
    in_place_of: KeyId | None = None


class KeyRotated(_Entry):
    """A key of a party was replaced by another; the old one stays valid until ``old_until`` (UTC microseconds)."""

    kind: Literal["key_rotated"] = "key_rotated"
    party: PartyCode
    old: KeyId
    old_until: Micros
    key: NewKey


class KeyRevoked(_Entry):
    """A key was revoked permanently, under each scheme that it is registered for.

    With ``compromised_since`` what it signed from that append time on is quarantined too.
    """

    kind: Literal["key_revoked"] = "key_revoked"
    key: KeyId
    revoked_at: Micros
    compromised_since: Micros | None = None
    cause: Annotated[str, StringConstraints(max_length=200)] = ""


Event = PartyAdded | PartyAmended | KeyAdded | KeyRotated | KeyRevoked

_ADAPTER: TypeAdapter[Event] = TypeAdapter(Annotated[Event, Field(discriminator="kind")])


@dataclass(frozen=True, slots=True)
class RecordedEvent:
    """A registry event as stored: the version that it made, the time (UTC microseconds) and who registered it."""

    version: int
    at: int
    by: str
    event: Event


def parse(body: str | bytes) -> Event:
    """One stored event from its JSON; raises pydantic.ValidationError for malformed JSON."""
    return _ADAPTER.validate_json(body)
