"""Operators' changes of the registry, each in the caller's transaction."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn

from schemas import railnet
from schemas.events.keys import canonical_place
from schemas.identifiers import country
from services.ledger.registry import store
from services.ledger.registry.events import (
    Event,
    KeyAdded,
    KeyRevoked,
    KeyRotated,
    NewKey,
    PartyAdded,
    PartyAmended,
)
from services.ledger.registry.party import Key, quarantined_from
from services.ledger.registry.possession import require_proof
from services.ledger.registry.registry import Registry, RegistryError
from services.ledger.registry.signed import SignedStatement, Statement
from services.ledger.registry.store import Session

Quarantine = Callable[[Session, str, int], int]
"""(session, key id, append time in UTC microseconds) -> the number of stored events that no longer count.

Supplied by the store: it marks the events of that key appended at or after the moment as dead with the reason QUARANTINED,
and refolds what they reached, in the same transaction. Repeating it changes nothing.
"""


@dataclass(frozen=True, slots=True)
class Revocation:
    """The result of a revocation: the registry after it, the ids of the revoked keys and the number of quarantined events."""

    registry: Registry
    keys: tuple[str, ...]
    quarantined: int


def add_party(session: Session, party: PartyAdded, *, at: int, by: str) -> Registry:
    """Register a party; raises RegistryError where its code, a source or a topic is taken. ``at`` UTC microseconds.

    Its places are recorded in their canonical spelling. A manager that railnet does not know, and a country that is none, are
    refused: such a territory would silently cover nothing.
    """
    _require_territory(party.managers, party.countries)
    known = party.model_copy(update={"places": frozenset(map(canonical_place, party.places))})
    return store.append(session, known, at=at, by=by)


def amend_party(session: Session, change: PartyAmended, *, at: int, by: str) -> Registry:
    """Amend a party for records appended from ``change.since`` on; its earlier shapes stay for records appended before.

    Raises RegistryError for an unknown party, a source of another party, an amendment without change, and where ``since``
    lies before ``at`` or the last amendment: it would change the admission of records that were admitted or refused already.
    """
    _require_amendment(change, at)
    if change.places is not None:
        change = change.model_copy(update={"places": frozenset(map(canonical_place, change.places))})
    return store.append(session, change, at=at, by=by)


def _require_amendment(change: PartyAmended, at: int) -> None:
    if change.since < at:
        raise RegistryError(
            "The amendment would count from a moment in the past, whose records were judged already.",
            "Let it count from now on; what was refused before can be published again.",
        )
    _require_territory(change.managers or frozenset(), change.countries or frozenset())


def _require_territory(managers: frozenset[str], countries: frozenset[str]) -> None:
    for code in sorted(countries):
        if remedy := country.instead(code):
            raise RegistryError(f"The country {code} is none.", remedy)
    unknown = sorted(managers - railnet.companies().keys())
    if unknown:
        raise RegistryError(
            f"No company {unknown[0]} manages a station of railnet.",
            f"Known are {', '.join(sorted(railnet.companies()))}.",
        )


def add_key(
    session: Session, party: str, key: NewKey, *, at: int, by: str, in_place_of: str | None = None
) -> Registry:
    """Add a key to ``party``; raises RegistryError for a weak, known or malformed key, and for one without proof of possession.

    ``in_place_of`` is the id of a revoked key of the party that this one replaces.
    """
    added = KeyAdded(party=party, key=key, in_place_of=in_place_of)
    return store.append(session, added, at=at, by=by, require=require_proof)


def rotate_key(
    session: Session, party: str, old: str, key: NewKey, *, old_until: int, at: int, by: str
) -> Registry:
    """Replace the key ``old`` of ``party``, which stays valid until ``old_until`` (UTC microseconds); both keys have signed.

    Raises RegistryError also where ``old_until`` lies before ``at``: ending a key in the past is a revocation.
    """
    _require_end(old_until, at)
    rotated = KeyRotated(party=party, old=old, old_until=old_until, key=key)
    return store.append(session, rotated, at=at, by=by, require=require_proof)


def _require_end(old_until: int, at: int) -> None:
    if old_until < at:
        raise RegistryError(
            "The old key would end in the past, and what it has signed since would be in doubt.",
            "Rotate with an end from now on, or revoke the key.",
        )


def revoke_key(
    session: Session,
    key: str,
    quarantine: Quarantine,
    *,
    at: int,
    by: str,
    compromised_since: int | None = None,
    cause: str = "",
) -> Revocation:
    """Revoke a key at ``at`` and quarantine all that it signed from ``compromised_since`` (else ``at``) on.

    Times are UTC microseconds and are compared with append times, never with publishers' times. No batch runs
    meanwhile: the registry is locked before ``quarantine`` reads stored events.
    """
    event = KeyRevoked(key=key, revoked_at=at, compromised_since=compromised_since, cause=cause)
    return _revocation(session, store.append(session, event, at=at, by=by), key, quarantine)


def _revocation(session: Session, registry: Registry, key: str, quarantine: Quarantine) -> Revocation:
    pair = registry.keys[key].public.raw
    ended = [known for known in registry.keys.values() if known.public.raw == pair]
    quarantined = sum(_quarantine(session, known, quarantine) for known in ended)
    return Revocation(registry, tuple(sorted(known.key_id for known in ended)), quarantined)


def propose(session: Session, change: Event, *, at: int) -> NoReturn:
    """Raise ``store.Unsigned`` with what two administrators have to sign for ``change``; RegistryError where it is not allowed."""
    match change:
        case PartyAdded():
            add_party(session, change, at=at, by="")
        case PartyAmended():
            amend_party(session, change, at=at, by="")
        case KeyAdded():
            add_key(session, change.party, change.key, at=at, by="", in_place_of=change.in_place_of)
        case KeyRotated():
            rotate_key(
                session, change.party, change.old, change.key, old_until=change.old_until, at=at, by=""
            )
        case KeyRevoked():
            store.append(session, change, at=at, by="")
    raise RegistryError("The registry has no root: the change was not proposed but would be made at once.")


def apply_signed(session: Session, signed: SignedStatement, quarantine: Quarantine, *, at: int) -> Revocation:
    """Make the change of a signed statement, with the rules of the command that proposed it, judged ``at`` (UTC microseconds).

    RegistryError where its signatures do not lead to the root, or it does not follow the statements that there are.
    """
    change = Statement.parse(signed.text).change
    match change:
        case PartyAdded():
            _require_territory(change.managers, change.countries)
        case PartyAmended():
            _require_amendment(change, at)
        case KeyRotated():
            _require_end(change.old_until, at)
    registry = store.append_signed(session, signed)
    if isinstance(change, KeyRevoked):
        return _revocation(session, registry, change.key, quarantine)
    return Revocation(registry, (), 0)


def _quarantine(session: Session, key: Key, quarantine: Quarantine) -> int:
    start = quarantined_from(key)
    return 0 if start is None else quarantine(session, key.key_id, start)
