"""Proof of possession of the private key: made by its holder, verified before the key is registered."""

from __future__ import annotations

from schemas.possession import Statement
from schemas.schemes import PublicKey
from schemas.signing_key import PrivateKey, SigningKey
from services.ledger.registry.events import KeyAdded, KeyRotated, NewKey, Proof
from services.ledger.registry.registry import Registry, RegistryError

_HOW = "The holder of the private key makes the proof (`lianyun key prove`, or signing.md for any language)."


def proven(
    key: PrivateKey,
    network: str,
    party: str,
    *,
    not_before: int = 0,
    not_after: int | None = None,
    replaces: SigningKey | str | None = None,
) -> NewKey:
    """``key`` of ``party`` for registration, with the proof signed by ``key`` and by the key that it replaces.

    Where the latter is lost or compromised, ``replaces`` is its id alone. Window in UTC microseconds.
    """
    old = replaces if isinstance(replaces, SigningKey) else None
    named = replaces.key_id if isinstance(replaces, SigningKey) else replaces
    statement = Statement(network, party, key.public, not_before, not_after, named)
    return NewKey(
        scheme=key.scheme,
        public_key=key.public_key.hex(),
        not_before=not_before,
        not_after=not_after,
        proof=Proof(
            network=network,
            signature=statement.signed_by(key),
            replaced_signature=None if old is None else statement.signed_by(old),
        ),
    )


def possession_fault(event: KeyAdded | KeyRotated, registry: Registry) -> str:
    """Why ``event`` does not prove possession of its key, "" where it does; ``registry`` is the state before it.

    On a rotation the replaced key has to sign too. A key in the place of a revoked one only names it, since that one may be
    lost or compromised.
    """
    new, proof = event.key, event.key.proof
    if proof is None:
        return f"There is no proof that {event.party} holds the private half of the key."
    try:
        public = PublicKey(new.scheme, bytes.fromhex(new.public_key))
    except ValueError as problem:
        return f"The public key is not acceptable: {problem}."
    replaces = event.old if isinstance(event, KeyRotated) else event.in_place_of
    statement = Statement(proof.network, event.party, public, new.not_before, new.not_after, replaces)
    wrong = statement.fault(proof.signature, public)
    if wrong:
        return f"The proof is not a signature by the key over what is to be registered. {wrong}"
    if isinstance(event, KeyRotated):
        old = registry.key(event.old)
        if old is None or proof.replaced_signature is None:
            return f"The key {event.old}, which is to be replaced, has not signed."
        wrong = statement.fault(proof.replaced_signature, old.public)
        if wrong:
            return f"The signature of the key {event.old}, which is to be replaced, is not good. {wrong}"
    return ""


def require_proof(event: KeyAdded | KeyRotated, registry: Registry) -> None:
    """Raise RegistryError with the remedy where ``event`` does not prove possession."""
    wrong = possession_fault(event, registry)
    if not wrong:
        return
    if isinstance(event, KeyRotated):
        raise RegistryError(
            wrong,
            f"{_HOW} Where the old key is lost or in other hands: revoke it, then add the new one in its place.",
        )
    raise RegistryError(wrong, _HOW)
