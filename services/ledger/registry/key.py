"""A party's key and the judgement of it at a moment: pure functions of its window, never of a clock.

The moment is always the broker's append time of the record. The publisher's own time is a claim, and the time of
processing would make the outcome depend on how busy we were.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from schemas.schemes import PublicKey, Scheme

Micros = int


class KeyState(StrEnum):
    """What a key is worth at a moment; only under VALID is a message admitted."""

    VALID = "VALID"
    NOT_YET_VALID = "NOT_YET_VALID"
    EXPIRED = "EXPIRED"
    REVOKED = "REVOKED"
    COMPROMISED = "COMPROMISED"


@dataclass(frozen=True, slots=True)
class Key:
    """One public key of one party under one scheme, valid in [not_before, not_after) unless revoked.

    ``party`` is the owner's code. Times are UTC microseconds. ``revoked_at`` is when its party or the platform withdrew it; ``compromised_since``
    the earlier moment from which somebody else may have used it. Both only ever move earlier.
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
    """Judge ``key`` for a record appended at ``append_time`` (UTC microseconds).

    A compromise speaks before everything else, then the revocation, then the window: the gravest reason is the one
    that a partner has to see.
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

    It is the earlier of revocation and compromise, so that an event has the same fate whether it or the revocation
    reached us first.
    """
    moments = [moment for moment in (key.revoked_at, key.compromised_since) if moment is not None]
    return min(moments, default=None)


def is_quarantined(key: Key, append_time: Micros) -> bool:
    """Whether an event that ``key`` signed, stored with ``append_time``, counts as if it had never been accepted.

    Such an event is not live, targets nothing and is no second variant of another: a stolen key can neither say
    something nor take something back.
    """
    start = quarantined_from(key)
    return start is not None and append_time >= start
