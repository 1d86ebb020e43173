"""The registry as a pure fold of its events, which refuses changes that contradict it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from schemas.schemes import PublicKey, Scheme, WeakKeyError, reject_weak_key
from services.ledger.registry.events import (
    Event,
    KeyAdded,
    KeyRevoked,
    KeyRotated,
    NewKey,
    PartyAdded,
    PartyAmended,
)
from services.ledger.registry.party import Key, Party
from services.ledger.registry.registry import Registry, RegistryError

__all__ = ["EMPTY", "Event", "apply", "fold"]

EMPTY = Registry.of(0)


def fold(events: Iterable[Event], start: Registry = EMPTY) -> Registry:
    """Fold ``events`` in their order onto ``start``; raises RegistryError at the first that is not allowed."""
    registry = start
    for event in events:
        registry = apply(registry, event)
    return registry


def apply(registry: Registry, event: Event) -> Registry:
    """The registry after ``event``, one version on; raises RegistryError where it contradicts the registry."""
    parties, keys = dict(registry.parties), dict(registry.keys)
    match event:
        case PartyAdded():
            parties[event.code] = _new_party(registry, event)
        case PartyAmended():
            parties[event.code] = _amended(registry, event)
        case KeyAdded():
            _require_revoked(registry, event)
            added = _new_key(registry, event.party, event.key)
            keys[added.key_id] = added
        case KeyRotated():
            ended = _ended(registry, event)
            added = _new_key(registry, event.party, event.key)
            keys[ended.key_id], keys[added.key_id] = ended, added
        case KeyRevoked():
            keys |= {revoked.key_id: revoked for revoked in _revoked(registry, event)}
    return Registry.of(registry.version + 1, parties.values(), keys.values())


def _new_party(registry: Registry, event: PartyAdded) -> Party:
    if registry.party(event.code) is not None:
        raise RegistryError(f"The party {event.code} is registered already.", "Choose another code.")
    _require_free(registry, event.sources, event.code)
    return Party(
        no=1 + max(registry.numbered, default=0),
        code=event.code,
        name=event.name,
        roles=event.roles,
        countries=event.countries,
        managers=event.managers,
        places=event.places,
        sources=event.sources,
        topics=event.topics,
        version=registry.version + 1,
    )


def _amended(registry: Registry, event: PartyAmended) -> Party:
    old = registry.party(event.code)
    if old is None:
        raise RegistryError(f"There is no party {event.code}.", "Add the party first.")
    if event.since < old.since:
        raise RegistryError(
            f"The amendment of {event.code} would count from before the last one.",
            f"Let it count from {old.since} (UTC microseconds) on, or later.",
        )
    changes = {name: value for name in _AMENDED if (value := getattr(event, name)) is not None}
    if all(getattr(old, name) == value for name, value in changes.items()):
        raise RegistryError(f"That changes nothing about {event.code}.")
    _require_free(registry, changes.get("sources", ()), event.code)
    before = (replace(old, earlier=()), *old.earlier)
    return replace(old, **changes, since=event.since, version=registry.version + 1, earlier=before)


_AMENDED = ("name", "roles", "countries", "managers", "places", "sources", "topics")


def _require_free(registry: Registry, sources: Iterable[str], code: str) -> None:
    for source in sorted(sources):
        owner = registry.owner(source)
        if owner is not None and owner.code != code:
            raise RegistryError(
                f"The source {source} belongs to {owner.code}.",
                "A source has one owner for ever, so that one message has one speaker.",
            )


def _new_key(registry: Registry, code: str, new: NewKey) -> Key:
    if registry.party(code) is None:
        raise RegistryError(f"There is no party {code}.", "Add the party first.")
    try:
        public = PublicKey(new.scheme, bytes.fromhex(new.public_key))
        reject_weak_key(public)
    except (ValueError, WeakKeyError) as problem:
        raise RegistryError(f"The public key is not acceptable: {problem}.") from problem
    if public.scheme is Scheme.SM2_SM3:
        raise RegistryError(
            "The scheme sm2-sm3 is reserved and has no verifier here.",
            "Register an ed25519, ed25519-batch or ecdsa-p256-sha256 key.",
        )
    known = registry.key(public.key_id)
    if known is not None:
        raise RegistryError(
            f"The key {public.key_id} is registered already, for {known.party}.", "Generate a new key."
        )
    for other in registry.keys.values():
        if other.public.raw == public.raw and (other.party != code or other.revoked_at is not None):
            # A key pair of two parties, or a leaked one under another scheme, would invalidate what a key id proves.
            raise RegistryError(
                f"This public key is registered as {other.key_id} for {other.party}"
                f"{', and revoked' if other.revoked_at is not None else ''}.",
                "Generate a new key.",
            )
    if new.not_after is not None and new.not_after <= new.not_before:
        raise RegistryError("The key's window is empty: not_after does not lie after not_before.")
    return Key(code, public, new.not_before, new.not_after)


def _require_revoked(registry: Registry, event: KeyAdded) -> None:
    if event.in_place_of is None:
        return
    old = _owned(registry, event.in_place_of)
    if old.party != event.party:
        raise RegistryError(f"The key {event.in_place_of} belongs to {old.party}, not to {event.party}.")
    if old.revoked_at is None:
        raise RegistryError(
            f"The key {event.in_place_of} is not revoked.",
            "Rotate it, signed by it too; or revoke it first, where it is lost or in other hands.",
        )


def _ended(registry: Registry, event: KeyRotated) -> Key:
    old = _owned(registry, event.old)
    if old.party != event.party:
        raise RegistryError(f"The key {event.old} belongs to {old.party}, not to {event.party}.")
    if old.revoked_at is not None:
        raise RegistryError(f"The key {event.old} is revoked.", "Add a key instead of rotating.")
    if event.old_until < event.key.not_before:
        raise RegistryError(
            "The old key would end before the new one begins.",
            "Let them overlap, so that messages on their way are accepted.",
        )
    if old.not_after is not None and old.not_after < event.old_until:
        raise RegistryError(
            f"The key {event.old} ends before that already; rotating never lengthens a window."
        )
    return replace(old, not_after=event.old_until)


def _revoked(registry: Registry, event: KeyRevoked) -> list[Key]:
    key = _owned(registry, event.key)
    since = event.compromised_since
    if since is not None and since > event.revoked_at:
        raise RegistryError("The compromise would begin after the revocation.", "Give the earlier moment.")
    known = key.compromised_since
    if key.revoked_at is not None and (since is None or (known is not None and since >= known)):
        raise RegistryError(
            f"The key {event.key} is revoked already.", "Only an earlier moment of compromise can be added."
        )
    # The holder of the private key can sign under each scheme that it is registered for, so all of them are revoked.
    pair = [other for other in registry.keys.values() if other.public.raw == key.public.raw]
    return [
        replace(
            other,
            revoked_at=_earlier(other.revoked_at, event.revoked_at),
            compromised_since=_earlier(other.compromised_since, since),
        )
        for other in pair
    ]


def _earlier(known: int | None, new: int | None) -> int | None:
    """Both moments only move earlier: a second revocation never releases what was quarantined."""
    return min((moment for moment in (known, new) if moment is not None), default=None)


def _owned(registry: Registry, key_id: str) -> Key:
    key = registry.key(key_id)
    if key is None:
        raise RegistryError(f"There is no key {key_id}.", "See the party's keys by showing the party.")
    return key
