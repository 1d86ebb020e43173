"""Key files of logs and witnesses, and the log that is made with its key: once, and never under a second one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from schemas.schemes import Scheme
from schemas.signing_key import SigningKey
from services.domain.facts import Micros
from services.ledger.storage.session import Session
from services.runtime.private_file import read_or_create
from services.transparency.domain.keys import Cosigner, LogSigner
from services.transparency.hsm import HsmKey
from services.transparency.store import log


def make_key(path: Path, origin: str) -> LogSigner:
    """The key of the log of this origin, in a file that only its owner reads, made where there is none; OSError, ValueError.

    ValueError where the file holds the key of another log.
    """
    read_or_create(path, lambda: _made("origin", origin))
    signer = read_key(path)
    if signer.verifier.name != origin:
        raise ValueError(f"{path} holds the key of {signer.verifier.name}, not of {origin}")
    return signer


def read_key(path: Path) -> LogSigner:
    """The log's key in the file, or in the module that the file names; OSError, ValueError where it is none."""
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
        return LogSigner(held["origin"], HsmKey(**held["pkcs11"]) if "pkcs11" in held else _key(held))
    except (KeyError, TypeError) as fault:
        raise ValueError(f"{path} is no key of a transparency log: {fault}") from None


def name_hsm_key(path: Path, origin: str, module: str, token: str, label: str) -> LogSigner:
    """Write the file that names the log's key in a module by PKCS#11; ValueError where there is no such key, or another file."""
    signer = LogSigner(origin, HsmKey(module, token, label))
    named = {"origin": origin, "pkcs11": {"module": module, "token": token, "label": label}}
    read_or_create(path, lambda: json.dumps(named, indent=1) + "\n")
    if read_key(path).verifier != signer.verifier:
        raise ValueError(f"{path} names another key")
    return signer


def make_witness_key(path: Path, name: str) -> Cosigner:
    """The key of the witness of this name, made where there is no file; OSError, ValueError where the file holds another."""
    try:
        held = json.loads(read_or_create(path, lambda: _made("name", name)))
        if held["name"] != name:
            raise ValueError(f"it is the key of {held['name']}")
        return Cosigner(name, _key(held))
    except (KeyError, TypeError, ValueError) as fault:
        raise ValueError(f"{path} is no key of this witness: {fault}") from None


def _made(named: str, name: str) -> str:
    return json.dumps({named: name, "seed": SigningKey.generate(Scheme.ED25519).seed.hex()}, indent=1) + "\n"


def _key(held: dict[str, Any]) -> SigningKey:
    return SigningKey.from_seed(Scheme.ED25519, bytes.fromhex(held["seed"]))


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
    signer = read_key(path)
    if signer.verifier != head.key:
        raise log.LogRefused(f"{path} holds {signer.verifier}, and the log of this database is {head.key}")
    return signer
