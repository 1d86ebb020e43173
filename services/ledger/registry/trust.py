"""Which root a process trusts the registry by, and the chain of signed statements in the database, verified when it has grown.

The root comes from the environment (LIANYUN_REGISTRY_ROOT, a file), never from the database, whose owner is who it is to hold off. Without
one the tables count as they stand: a development profile.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from psycopg import Connection

from schemas.schemes import Scheme
from schemas.signing_key import SigningKey
from services.ledger.registry import statement
from services.ledger.registry.events import RecordedEvent, parse
from services.ledger.registry.registry import RegistryError
from services.ledger.registry.signed import Chain, PublicSigner, Root, SignedStatement
from services.runtime.private_file import read_or_create

ROOT: Final = "LIANYUN_REGISTRY_ROOT"
DEVELOPMENT: Final = "LIANYUN_REGISTRY_DEVELOPMENT_KEYS"
DEVELOPMENT_NETWORK: Final = "demo"
Session = Connection[Any]


@dataclass(frozen=True, slots=True)
class Trust:
    """The root, and in development the keys of administrators that this process signs every change with at once."""

    root: Root
    development: tuple[SigningKey, ...] = ()


_GIVEN: ContextVar[Trust | None] = ContextVar("registry_trust", default=None)
_KNOWN: dict[Root, Chain] = {}
"""The chain of each root as verified last, so that only what is new is verified."""


def trust() -> Trust | None:
    """What this process trusts the registry by; None where no root is configured. RegistryError where its file is none."""
    given = _GIVEN.get()
    if given is not None:
        return given
    path = os.environ.get(ROOT)
    return read_trust(path, os.environ.get(DEVELOPMENT, "")) if path else None


@contextmanager
def trusting(given: Trust | None) -> Iterator[None]:
    """Trust the registry by ``given`` in this thread, for a block; None: as the environment says."""
    token = _GIVEN.set(given)
    try:
        yield
    finally:
        _GIVEN.reset(token)


@lru_cache(maxsize=16)
def read_trust(path: str, keys: str = "") -> Trust:
    """The root in the file ``path``, and the keys of ``keys`` (files, separated by commas); RegistryError."""
    try:
        root = Root.parse(Path(path).read_bytes())
    except OSError as problem:
        raise RegistryError(f"The root of the registry cannot be read: {problem}", f"See {ROOT}.") from None
    if keys and root.network != DEVELOPMENT_NETWORK:
        raise RegistryError(
            f"On the network {root.network} no process holds the administrators' keys.",
            f"Unset {DEVELOPMENT}.",
        )
    return Trust(root, tuple(read_signer(Path(each))[1] for each in keys.split(",") if each))


def make_signer(path: Path, name: str) -> PublicSigner:
    """The signer of a key file that only its owner reads, made where there is none; RegistryError, OSError."""
    PublicSigner(name=name, scheme=Scheme.ED25519, public_key="00" * 32)  # a name that it can have

    def made() -> str:
        return (
            json.dumps({"name": name, "seed": SigningKey.generate(Scheme.ED25519).seed.hex()}, indent=1)
            + "\n"
        )

    read_or_create(path, made)
    return read_signer(path)[0]


def read_signer(path: Path) -> tuple[PublicSigner, SigningKey]:
    """The signer and its private key; RegistryError where the file holds none."""
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
        key = SigningKey.from_seed(Scheme.ED25519, bytes.fromhex(held["seed"]))
        return PublicSigner(name=held["name"], scheme=Scheme.ED25519, public_key=key.public_key.hex()), key
    except (OSError, ValueError, KeyError, TypeError) as problem:
        raise RegistryError(f"{path} holds no key that signs about the registry: {problem}") from None


def stored_events(session: Session, after: int = 0, upto: int = 2**62) -> Iterator[RecordedEvent]:
    """The events above version ``after``, to ``upto``, as they stand in the table."""
    for number, at, by, body in session.execute(
        statement("events"), {"after": after, "upto": upto}
    ).fetchall():
        yield RecordedEvent(number, at, by, parse(body))


def stored_statements(session: Session, first: int = 1) -> list[tuple[int, SignedStatement]]:
    """The statements from number ``first`` on, as they stand in the table."""
    rows = session.execute(statement("statements"), {"first": first}).fetchall()
    return [(number, SignedStatement(text, tuple(signatures))) for number, text, signatures in rows]


def is_signed(session: Session) -> bool:
    """Whether there are statements, whatever this process trusts; False also before the migration that brings their table."""
    (there,) = session.execute("SELECT to_regclass('lianyun.registry_statement') IS NOT NULL").fetchall()
    return bool(there[0]) and bool(stored_statements(session))


def read_chain(session: Session, root: Root) -> Chain:
    """All statements in the database, every one verified; RegistryError at the first that is not good.

    What was verified before is not verified again: one small read then, and two signatures for each new statement.
    """
    chain = _KNOWN.get(root, Chain(root))
    rows = stored_statements(session, max(1, chain.number))
    if chain.number and (not rows or sha256(rows[0][1].text.encode()).hexdigest() != chain.digest):
        chain, rows = Chain(root), stored_statements(session)
    elif chain.number:
        del rows[0]
    for _, signed in rows:
        chain = chain.extended(signed, lambda version: tuple(stored_events(session, upto=version)))
    _KNOWN[root] = chain
    return chain
