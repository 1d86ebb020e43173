"""The platform's own keys for financing, in one file readable by its owner only, and their registration.

The file is JSON: ``source``, ``seed`` (the signing key of decisions, case steps, answers and documents) or ``pkcs11`` that names that key in a
module, ``salt_secret``, and ``registry_keys`` for fingerprints, the newest last. Without it no further decision can be signed and no fingerprint compared: back it up apart. Nothing of it is stored
in the database.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from psycopg import Connection

from schemas.events.base import Role
from schemas.schemes import Scheme
from schemas.signing_key import PrivateKey, SigningKey
from services.domain.facts import Micros
from services.financing.domain.fingerprints import NEWEST
from services.financing.store import fingerprint_versions
from services.financing.store.decision_service import DecisionService
from services.financing.store.fingerprint_versions import KeyRing
from services.ledger.platform_signature import Signer
from services.ledger.registry import commands, store
from services.ledger.registry.events import PartyAdded
from services.ledger.registry.possession import proven
from services.runtime.hsm import HsmFailed, held_key, named_key
from services.runtime.private_file import read_or_create, replace

Session = Connection[Any]
CODE = "lianyun"
"""The platform's own code in the registry of parties."""
SOURCE = "urn:lianyun:platform"


class KeysMissing(Exception):
    """There is no usable file of keys; the text names the remedy."""


@dataclass(frozen=True, slots=True)
class PlatformKeys:
    """The contents of the file; secrets never show."""

    source: str
    key: PrivateKey
    salt_secret: bytes
    registry_keys: tuple[bytes, ...]

    def __repr__(self) -> str:
        return f"PlatformKeys({self.source}, {self.key.key_id}, {len(self.registry_keys)} registry keys)"

    def decision_service(self, network: str, required: frozenset[str] = frozenset()) -> DecisionService:
        """The decision service on ``network``; ``required`` are registries that must be clear before money is paid."""
        return DecisionService(KeyRing(self.registry_keys), self.signer(network), required)

    def signer(self, network: str) -> Signer:
        """The platform as publisher on ``network``."""
        return Signer(network, self.source, self.key, self.salt_secret)


def read_keys(path: Path) -> PlatformKeys:
    """The keys in the file at ``path``; raises KeysMissing."""
    try:
        held = _read(path)
        return PlatformKeys(
            held["source"],
            held_key(held),
            bytes.fromhex(held["salt_secret"]),
            tuple(bytes.fromhex(key) for key in held["registry_keys"]),
        )
    except HsmFailed as problem:
        raise KeysMissing(str(problem)) from None
    except (OSError, ValueError, KeyError, TypeError) as problem:
        raise KeysMissing(
            f"{path} holds no keys of financing ({type(problem).__name__}); make them with `lianyun bank prepare`"
        ) from None


def make_keys(path: Path, hsm: tuple[str, str, str] | None = None) -> PlatformKeys:
    """The keys in the file at ``path``, made there (mode 600) where there is none; raises KeysMissing, OSError.

    With ``hsm`` (library, token, label) the platform signs from now on by the key in that module, and the file holds no other.
    """
    try:
        named = None if hsm is None else named_key(*hsm)
    except HsmFailed as problem:
        raise KeysMissing(str(problem)) from None
    seed = {"seed": SigningKey.generate(Scheme.ED25519).seed.hex()}
    made = {"source": SOURCE, "salt_secret": secrets.token_hex(32), "registry_keys": [secrets.token_hex(32)]}
    read_or_create(path, lambda: _file({**made, **(named or seed)}))
    if named is not None:
        held = _read(path)
        held.pop("seed", None)
        replace(path, _file({**held, **named}))
    return read_keys(path)


def add_registry_key(path: Path) -> PlatformKeys:
    """Add a further registry key to the file; processes that are to decide by it have to be started again."""
    read_keys(path)
    held = _read(path)
    replace(path, _file({**held, "registry_keys": [*held["registry_keys"], secrets.token_hex(32)]}))
    return read_keys(path)


def prepare(session: Session, keys: PlatformKeys, network: str, now: Micros, by: str) -> list[str]:
    """Register the platform and its key on ``network`` and open a fingerprint version where there is none; returns what was done, as text.

    Runs in the caller's transaction; idempotent.
    """
    done = []
    known = store.load(session)
    if known.party(CODE) is None:
        party = PartyAdded(
            code=CODE,
            name="Lianyun",
            roles=frozenset({Role.PLATFORM}),
            sources=frozenset({keys.source}),
        )
        commands.add_party(session, party, at=now, by=by)
        done.append(f"registered the platform as {CODE}")
    if known.key(keys.key.key_id) is None:
        new = proven(keys.key, network, CODE, not_before=now)
        commands.add_key(session, CODE, new, at=now, by=by)
        done.append(f"registered its key {keys.key.key_id}")
    row = session.execute("SELECT 1 FROM lianyun.financing_version LIMIT 1").fetchone()
    if row is None:
        number = fingerprint_versions.begin(session, keys.registry_keys[-1], NEWEST)
        done.append(f"opened version {number} of the fingerprints")
    return done


def _read(path: Path) -> dict[str, Any]:
    held: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return held


def _file(content: dict[str, Any]) -> str:
    return json.dumps(content, indent=1)
