"""Encryption of webhook secrets at rest, under keys outside the database: a copy of the database cannot sign."""

from __future__ import annotations

from base64 import b64decode, b64encode
from binascii import Error
from collections.abc import Sequence

from nacl.exceptions import CryptoError
from nacl.secret import Aead
from nacl.utils import random


class SealError(Exception):
    """A secret cannot be encrypted or decrypted; the text says what to do."""


class Seal:
    """Encrypts with the first of its keys and decrypts with any, so that keys can be rotated.

    XChaCha20-Poly1305, with the subscription as associated data: a ciphertext moved to another row does not decrypt.
    """

    def __init__(self, keys: Sequence[bytes]) -> None:
        """``keys`` of 32 bytes, the present one first; SealError where there is none or one has another length."""
        if not keys or any(len(key) != Aead.KEY_SIZE for key in keys):
            raise SealError(f"give at least one key of {Aead.KEY_SIZE} bytes, in base64")
        self._boxes = tuple(Aead(key) for key in keys)

    @classmethod
    def from_text(cls, text: str) -> Seal:
        """From keys in base64, separated by commas or spaces."""
        try:
            return cls([b64decode(part, validate=True) for part in text.replace(",", " ").split()])
        except Error:
            raise SealError("a key is not base64") from None

    def close(self, secret: bytes, subscription: str) -> bytes:
        """``secret``, encrypted."""
        return bytes(self._boxes[0].encrypt(secret, subscription.encode()))

    def open(self, sealed: bytes, subscription: str) -> bytes:
        """The secret of ``subscription``; SealError where no key decrypts it."""
        for box in self._boxes:
            try:
                return bytes(box.decrypt(sealed, subscription.encode()))
            except CryptoError:
                continue
        raise SealError(f"no key opens the secret of {subscription}; is an earlier key missing?")


def new_key() -> str:
    """A new key, in base64."""
    return b64encode(random(Aead.KEY_SIZE)).decode("ascii")
