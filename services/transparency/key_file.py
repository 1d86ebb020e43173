"""Key files of logs and witnesses, and the log that is made with its key: once, and never under a second one.

The file of a log is JSON: ``origin``, the log's own key, and under ``beside`` the keys that may sign with it. A key is the ``seed`` of
Ed25519, ``pkcs11`` that names one in a module, or the ``mldsa44_seed`` of ML-DSA-44.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from schemas.schemes import Scheme
from schemas.signing_key import SigningKey
from services.domain.facts import Micros
from services.ledger.storage.session import Session
from services.runtime.hsm import held_key, named_key
from services.runtime.private_file import read_or_create, replace
from services.transparency.domain.keys import Cosigner, LogSigner, QuantumSafeCosigner, Signer, VerifierKey
from services.transparency.store import log


def make_key(path: Path, origin: str) -> LogSigner:
    """The key of the log of this origin, in a file that only its owner reads, made where there is none; OSError, ValueError.

    ValueError where the file holds the key of another log.
    """
    read_or_create(path, lambda: _file({"origin": origin, **new_ed25519()}))
    signer = read_key(path)
    if signer.verifier.name != origin:
        raise ValueError(f"{path} holds the key of {signer.verifier.name}, not of {origin}")
    return signer


def read_key(path: Path) -> LogSigner:
    """The log's own key in the file, or in the module that the file names; OSError, ValueError where it is none."""
    return read_keys(path)[0]


def read_keys(path: Path) -> tuple[LogSigner, *tuple[Signer, ...]]:
    """All keys in the file, the log's own first; OSError, ValueError where they are none."""
    held = _read(path)
    try:
        origin = held["origin"]
        return LogSigner(origin, held_key(held)), *(_signer(origin, each) for each in held.get("beside", ()))
    except (KeyError, TypeError, ValueError) as fault:
        raise ValueError(f"{path} is no key of a transparency log: {fault}") from None


def name_hsm_key(path: Path, origin: str, module: str, token: str, label: str) -> LogSigner:
    """Write the file that names the log's key in a module by PKCS#11; ValueError where there is no such key, or another file."""
    named = named_key(module, token, label)
    signer = LogSigner(origin, held_key(named))
    read_or_create(path, lambda: _file({"origin": origin, **named}))
    if read_key(path).verifier != signer.verifier:
        raise ValueError(f"{path} names another key")
    return signer


def new_ed25519() -> dict[str, Any]:
    """A new Ed25519 key, as a file holds it."""
    return {"seed": SigningKey.generate(Scheme.ED25519).seed.hex()}


def new_mldsa44() -> dict[str, Any]:
    """A new ML-DSA-44 key, as a file holds it."""
    return {"mldsa44_seed": secrets.token_hex(32)}


def add_key(path: Path, made: Mapping[str, Any]) -> Signer:
    """Put a further key into the file, as one of the functions above gives it; the key. OSError, ValueError."""
    held = _read(path)
    signer = _signer(held["origin"], made)
    if signer.verifier in {each.verifier for each in read_keys(path)}:
        raise ValueError("it signs the log already")
    replace(path, _file({**held, "beside": [*held.get("beside", ()), dict(made)]}))
    return signer


def drop_key(path: Path, key: VerifierKey) -> None:
    """Take a key out of the file; where it is the log's own, the first Ed25519 key beside it is the log's own from then on. OSError, ValueError."""
    held = _read(path)
    entries = [_only_key(held), *held.get("beside", ())]
    left = [each for each in entries if _signer(held["origin"], each).verifier != key]
    own = next(each for each in left if "mldsa44_seed" not in each)
    beside = [each for each in left if each is not own]
    replace(path, _file({"origin": held["origin"], **own, **({"beside": beside} if beside else {})}))


def make_witness_key(path: Path, name: str) -> Cosigner:
    """The key of the witness of this name, made where there is no file; OSError, ValueError where the file holds another."""
    try:
        held = json.loads(read_or_create(path, lambda: _file({"name": name, **new_ed25519()})))
        if held["name"] != name:
            raise ValueError(f"it is the key of {held['name']}")
        return Cosigner(name, SigningKey.from_seed(Scheme.ED25519, bytes.fromhex(held["seed"])))
    except (KeyError, TypeError, ValueError) as fault:
        raise ValueError(f"{path} is no key of this witness: {fault}") from None


def _file(content: Mapping[str, Any]) -> str:
    return json.dumps(content, indent=1) + "\n"


def _read(path: Path) -> dict[str, Any]:
    held = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(held, dict):
        raise ValueError(f"{path} is no key of a transparency log")
    return held


def _only_key(held: Mapping[str, Any]) -> dict[str, Any]:
    return {name: held[name] for name in ("seed", "pkcs11") if name in held}


def _signer(origin: str, held: Mapping[str, Any]) -> LogSigner | QuantumSafeCosigner:
    if "mldsa44_seed" in held:
        return QuantumSafeCosigner(origin, bytes.fromhex(held["mldsa44_seed"]))
    return LogSigner(origin, held_key(held))


def create_log(session: Session, path: Path, origin: str, now: Micros, *, once: bool = False) -> LogSigner:
    """Make the log of a database and, where there is no file at ``path``, its key. Commits.

    With ``once`` a log that is there with its own key is left as it is. LogRefused where log and key do not belong together:
    a log without its key, which a new one could only fork; with ``once`` also a key without its log, which has signed one that is
    gone. OSError, ValueError where the file is no key of this log.
    """
    try:
        head = log.read_head(session)
    except log.NoLog:
        if once and path.exists():
            raise log.LogRefused(
                f"{path} is the key of a log that is not in this database: restore the database that holds it;"
                " where nobody has seen that log, remove the file"
            ) from None
        signer = make_key(path, origin)
        log.create(session, signer, now)
        return signer
    if not once:
        raise log.LogRefused("there is a log in this database already; a second one would fork it")
    if not path.exists():
        raise log.LogRefused(
            f"the key of {head.key.name} is not at {path}: restore it, a new one would fork the log"
        )
    for held in read_keys(path):
        if isinstance(held, LogSigner) and held.verifier == head.key:
            return held
    raise log.LogRefused(
        f"{path} holds {read_key(path).verifier}, and the log of this database is {head.key}"
    )
