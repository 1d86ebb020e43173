"""Parties and their keys as values, and the state of a key at an append time; pure, no clock.

The time is always the broker's append time of the record: the publisher's own time is a claim, and the time of processing
would make the outcome depend on load.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from schemas.events.base import Role
from schemas.schemes import PublicKey, Scheme
from services.domain.publisher import Publisher

Micros = int


class KeyState(StrEnum):
    """The state of a key at an append time; only under VALID is a message admitted."""

    VALID = "VALID"
    NOT_YET_VALID = "NOT_YET_VALID"
    EXPIRED = "EXPIRED"
    REVOKED = "REVOKED"
    COMPROMISED = "COMPROMISED"


@dataclass(frozen=True, slots=True)
class Key:
    """One public key of one party under one scheme, valid in [not_before, not_after) unless revoked.

    ``party`` is the owner's code. Times are UTC microseconds. ``revoked_at`` is when its party or the platform
    revoked it; ``compromised_since`` the earlier moment from which a third party may have used it. Both only move earlier.
    """

    party: str
    public: PublicKey
    not_before: Micros
    not_after: Micros | None = None
    revoked_at: Micros | None = None
    compromised_since: Micros | None = None

    @property
    def key_id(self) -> str:
        """16 lower-case hex digits, by which messages name the key."""
        return self.public.key_id

    @property
    def scheme(self) -> Scheme:
        """The one scheme that the key signs under."""
        return self.public.scheme


def key_state(key: Key, append_time: Micros) -> KeyState:
    """The state of ``key`` for a record appended at ``append_time`` (UTC microseconds).

    A compromise takes precedence, then the revocation, then the window: the partner sees the gravest reason.
    """
    if key.compromised_since is not None and append_time >= key.compromised_since:
        return KeyState.COMPROMISED
    if key.revoked_at is not None and append_time >= key.revoked_at:
        return KeyState.REVOKED
    if append_time < key.not_before:
        return KeyState.NOT_YET_VALID
    if key.not_after is not None and append_time >= key.not_after:
        return KeyState.EXPIRED
    return KeyState.VALID


def quarantined_from(key: Key) -> Micros | None:
    """The append time from which nothing signed by ``key`` counts, also what was admitted before; None: everything does.

    It is the earlier of revocation and compromise, so that the result does not depend on whether the event or the
    revocation arrived first.
    """
    moments = [moment for moment in (key.revoked_at, key.compromised_since) if moment is not None]
    return min(moments, default=None)


def is_quarantined(key: Key, append_time: Micros) -> bool:
    """Whether an event that ``key`` signed, stored with ``append_time``, counts as if it had never been accepted.

    Such an event is not live, targets nothing and is no variant of another: a stolen key can neither state nor withdraw
    anything.
    """
    start = quarantined_from(key)
    return start is not None and append_time >= start


@dataclass(frozen=True, slots=True)
class Party:
    """One partner of the network in its newest shape, as registered.

    ``no`` is the number that storage uses, given in the order of registration and never reused. ``sources`` are the
    CloudEvents sources that belong to it and to nobody else, compared exactly; ``topics`` the Kafka topics that it
    may write to: its own, or that of the hub which connects it. ``countries`` (ISO 3166 alpha-2), ``managers`` (railnet) and ``places`` are its territory.
    ``publisher`` is its part in the domain. This shape counts for what was appended from ``since`` on (UTC
    microseconds) and was brought by ``version`` of the registry; ``earlier`` are the shapes before it, the newest first.
    """

    no: int
    code: str
    name: str
    roles: frozenset[Role]
    countries: frozenset[str] = frozenset()
    managers: frozenset[str] = frozenset()
    places: frozenset[str] = frozenset()
    sources: frozenset[str] = frozenset()
    topics: frozenset[str] = frozenset()
    since: int = 0
    version: int = 0
    earlier: tuple[Party, ...] = ()
    publisher: Publisher = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(
            self, "publisher", Publisher(self.code, self.roles, self.countries, self.managers, self.places)
        )

    def at(self, appended: int, version: int | None = None) -> Party:
        """The shape for a record appended at ``appended`` (UTC microseconds), as known at ``version`` of the registry.

        With the version of its admission the shape under which a record was admitted is found again after amendments.
        """
        if not self.earlier:
            return self
        for shape in (self, *self.earlier):
            if shape.since <= appended and (version is None or shape.version <= version):
                return shape
        return self.earlier[-1]

    @property
    def owned(self) -> frozenset[str]:
        """Every source that it has or had; no other party may register one of them."""
        return self.sources.union(*(shape.sources for shape in self.earlier))
