"""Keys of logs and witnesses: what each type of signature covers, verified and made (C2SP signed-note, tlog-cosignature)."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from enum import IntEnum
from hashlib import sha256
from typing import Final, Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey, MLDSA44PublicKey

from schemas.schemes import PublicKey, Scheme, WeakKeyError, reject_weak_key
from schemas.signing_key import PrivateKey, SigningKey
from services.transparency.domain.checkpoint import Checkpoint
from services.transparency.domain.encoding import LARGEST, Malformed, binary, spelled

KEY_ID_BYTES: Final = 4
_SUBTREE_LABEL: Final = b"subtree/v1\n\x00"


class SignatureType(IntEnum):
    """The type of a signature, a byte of its key's id. A key signs by one type; a note never chooses it."""

    ED25519 = 0x01
    """A log signs the text of a note."""
    COSIGNATURE_ED25519 = 0x04
    """A witness saw no larger consistent tree by the stated time."""
    COSIGNATURE_MLDSA44 = 0x06
    """The same with ML-DSA-44 (FIPS 204); it covers the signer's name, and no extension line. A log signs so too, by its origin."""

    @property
    def key_bytes(self) -> int:
        """The length of a public key."""
        return 1312 if self is SignatureType.COSIGNATURE_MLDSA44 else 32


COSIGNATURES: Final = (SignatureType.COSIGNATURE_ED25519, SignatureType.COSIGNATURE_MLDSA44)
"""The types by which a witness signs."""
OF_LOGS: Final = (SignatureType.ED25519, SignatureType.COSIGNATURE_MLDSA44)
"""The types by which a log signs its checkpoints."""


def key_id(name: str, type_: SignatureType, raw: bytes) -> bytes:
    """The 4 bytes by which a signature names its key."""
    return sha256(name.encode() + b"\n" + bytes([type_]) + raw).digest()[:KEY_ID_BYTES]


def fault_of_name(name: str) -> str | None:
    """Why a key cannot have this name; None where it can."""
    if not name or "+" in name or any(each.isspace() or ord(each) < 0x20 for each in name):
        return "the name of a key is not empty and holds no white space and no '+'"
    return None


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A public key under its name; Malformed where the name or the key cannot be, or the key would accept forged signatures."""

    name: str
    type: SignatureType
    raw: bytes
    id: bytes = field(init=False)

    def __post_init__(self) -> None:
        fault = fault_of_name(self.name)
        if fault is None and len(self.raw) != self.type.key_bytes:
            fault = f"a public key of {self.name} has {self.type.key_bytes} bytes, not {len(self.raw)}"
        if fault is not None:
            raise Malformed(fault)
        if self.type is not SignatureType.COSIGNATURE_MLDSA44:
            try:
                reject_weak_key(PublicKey(Scheme.ED25519, self.raw))
            except WeakKeyError as weak:
                raise Malformed(f"the key of {self.name} cannot be trusted: {weak}") from None
        object.__setattr__(self, "id", key_id(self.name, self.type, self.raw))

    @classmethod
    def parse(cls, text: str) -> VerifierKey:
        """The key of a ``vkey``: name, 8 hexadecimal digits of the id, Base64 of type and key, joined by '+'."""
        parts = text.split("+", 2)  # from the left: Base64 holds '+' too
        if len(parts) != 3:
            raise Malformed("a verifier key is NAME+ID+KEY")
        name, stated, encoded = parts
        material = binary(encoded, f"the key of {name}")
        try:
            type_ = SignatureType(material[0])
        except (ValueError, IndexError):
            raise Malformed(f"the key of {name} is of a type that is not known here") from None
        found = cls(name, type_, material[1:])
        if stated != found.id.hex():
            raise Malformed(f"the id of the key of {name} is {found.id.hex()}, not as stated")
        return found

    def __str__(self) -> str:
        return f"{self.name}+{self.id.hex()}+{spelled(bytes([self.type]) + self.raw)}"

    def signed(self, text: str, payload: bytes) -> int | None:
        """The POSIX time that a signature over a note's text states (0 for a log's), or None where this key did not make it."""
        if self.type is SignatureType.ED25519:
            return 0 if PublicKey(Scheme.ED25519, self.raw).signed(payload, text.encode()) else None
        if len(payload) < 8:
            return None
        time, signature = int.from_bytes(payload[:8]), payload[8:]
        if time > LARGEST:
            return None
        if self.type is SignatureType.COSIGNATURE_ED25519:
            good = PublicKey(Scheme.ED25519, self.raw).signed(signature, cosigned_text(text, time))
            return time if good else None
        try:
            covered = cosigned_subtree(self.name, time, Checkpoint.parse(text))
            MLDSA44PublicKey.from_public_bytes(self.raw).verify(signature, covered)
        except (InvalidSignature, Malformed):
            return None
        return time


def cosigned_text(text: str, time: int) -> bytes:
    """What an Ed25519 cosignature covers: header, time, and the whole text of the checkpoint."""
    return f"cosignature/v1\ntime {time}\n{text}".encode()


def cosigned_subtree(name: str, time: int, checkpoint: Checkpoint) -> bytes:
    """What an ML-DSA-44 cosignature of a checkpoint covers; Malformed where name or origin are longer than 255 bytes."""
    cosigner, origin = name.encode(), checkpoint.origin.encode()
    if not 1 <= len(cosigner) <= 255 or not 1 <= len(origin) <= 255:
        raise Malformed("the name of a cosigner and the origin of a log have 1 to 255 bytes")
    return b"".join(
        (
            _SUBTREE_LABEL,
            bytes([len(cosigner)]),
            cosigner,
            struct.pack(">Q", time),
            bytes([len(origin)]),
            origin,
            struct.pack(">QQ", 0, checkpoint.size),
            checkpoint.root,
        )
    )


class Signer(Protocol):
    """Signs the text of a note under its verifier key."""

    @property
    def verifier(self) -> VerifierKey:
        """The public half."""

    def sign(self, text: str, time: int) -> bytes:
        """The payload of a signature; ``time`` is a POSIX time, not used by a log."""


class LogSigner:
    """Signs the checkpoints of a log with an Ed25519 key."""

    def __init__(self, name: str, key: PrivateKey) -> None:
        self._key, self.verifier = key, VerifierKey(name, SignatureType.ED25519, key.public_key)

    def sign(self, text: str, time: int) -> bytes:  # noqa: ARG002 (a log's signature states no time)
        """The 64-byte signature over the text."""
        return self._key.sign_bytes(text.encode())

    def sign_bytes(self, structure: bytes) -> bytes:
        """The 64-byte signature over what no note can be: ValueError where the bytes are UTF-8."""
        try:
            structure.decode()
        except UnicodeDecodeError:
            return self._key.sign_bytes(structure)
        raise ValueError("what is UTF-8 could be a note, which is signed as one only")


class Cosigner:
    """Cosigns checkpoints as a witness with an Ed25519 key; the key signs under this name and nothing else."""

    def __init__(self, name: str, key: SigningKey) -> None:
        self._key, self.verifier = key, VerifierKey(name, SignatureType.COSIGNATURE_ED25519, key.public_key)

    def sign(self, text: str, time: int) -> bytes:
        """Time and signature, 72 bytes."""
        return struct.pack(">Q", time) + self._key.sign_bytes(cosigned_text(text, time))


class QuantumSafeCosigner:
    """Cosigns checkpoints with an ML-DSA-44 key of a 32-byte seed: as a witness, or under a log's origin as its further signature.

    The same text at the same time is signed differently each time, which FIPS 204 prefers.
    """

    def __init__(self, name: str, seed: bytes) -> None:
        self._key = MLDSA44PrivateKey.from_seed_bytes(seed)
        self.verifier = VerifierKey(
            name, SignatureType.COSIGNATURE_MLDSA44, self._key.public_key().public_bytes_raw()
        )

    def sign(self, text: str, time: int) -> bytes:
        """Time and signature, 2,428 bytes; Malformed where the text is no checkpoint."""
        covered = cosigned_subtree(self.verifier.name, time, Checkpoint.parse(text))
        return struct.pack(">Q", time) + self._key.sign(covered)
