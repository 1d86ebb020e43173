"""The signing keys of a party as its operator sees them: their state, and what has to be done before publishing stops. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from services.domain.facts import Micros
from services.ledger.registry.party import Key, KeyState, key_state, quarantined_from

DAY = 86_400_000_000
AHEAD = 30 * DAY
"""How long before publishing stops it is warned of."""


class Hint(StrEnum):
    """What has to be done about keys, the most urgent first."""

    NONE_VALID = "NONE_VALID"
    """No key is valid now: everything that the party publishes is refused."""
    GAP = "GAP"
    """Between the end of the last valid key and the start of the next one nothing can be published."""
    ENDS = "ENDS"
    """The last valid key ends soon, and none follows it."""
    NOT_CHANGED = "NOT_CHANGED"
    """A key ends soon and is the one that signs, while its successor has signed nothing."""
    UNUSED = "UNUSED"
    """A valid key has never signed what was accepted."""


@dataclass(frozen=True, slots=True)
class KeyHint:
    """One hint: the key that it is about ("" for all), from when on it matters, and until when where that is known."""

    hint: Hint
    key: str = ""
    since: Micros | None = None
    until: Micros | None = None


def end_of(key: Key) -> Micros | None:
    """The append time from which nothing more is accepted under ``key``; None where it has no end."""
    ends = [each for each in (key.not_after, quarantined_from(key)) if each is not None]
    return min(ends, default=None)


def hints(keys: Sequence[Key], used: Mapping[str, Micros], now: Micros) -> list[KeyHint]:
    """What has to be done about the ``keys`` of one party at ``now``; ``used`` is when each signed last."""
    found: list[KeyHint] = []
    valid = [key for key in keys if key_state(key, now) is KeyState.VALID]
    to_come = [key.not_before for key in keys if key_state(key, now) is KeyState.NOT_YET_VALID]
    if not valid:
        return [KeyHint(Hint.NONE_VALID, since=now, until=min(to_come, default=None))]
    covered, open_end = _covered(keys, now)
    if not open_end and covered - now <= AHEAD:
        later = [moment for moment in to_come if moment > covered]
        hint = Hint.GAP if later else Hint.ENDS
        found.append(KeyHint(hint, since=covered, until=min(later, default=None)))
    for key in valid:
        end = end_of(key)
        newer = [other for other in valid if other.not_before > key.not_before and _later(other, end)]
        if end is not None and end - now <= AHEAD and newer and not any(o.key_id in used for o in newer):
            found.append(KeyHint(Hint.NOT_CHANGED, key.key_id, end))
        elif key.key_id not in used and key.not_before + DAY < now and not _superseded(key, valid, used):
            found.append(KeyHint(Hint.UNUSED, key.key_id))
    return found


def _covered(keys: Sequence[Key], now: Micros) -> tuple[Micros, bool]:
    """Until when some key is valid without interruption from ``now`` on; True where that has no end."""
    until = now
    while True:
        ends = [end_of(key) for key in keys if key_state(key, until) is KeyState.VALID]
        if None in ends:
            return until, True
        furthest = max((end for end in ends if end is not None), default=until)
        if furthest <= until:
            return until, False
        until = furthest


def _later(key: Key, end: Micros | None) -> bool:
    own = end_of(key)
    return own is None or (end is not None and own > end)


def _superseded(key: Key, valid: Sequence[Key], used: Mapping[str, Micros]) -> bool:
    """Whether a key that starts later has signed already: nobody needs the older one any more."""
    return any(other.not_before >= key.not_before and other.key_id in used for other in valid)
