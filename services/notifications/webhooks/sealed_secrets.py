"""Secrets at rest: sealed under a key that the database does not hold, so that a copy of the database signs nothing."""

from __future__ import annotations

from base64 import b64decode, b64encode
from binascii import Error
from collections.abc import Sequence

from nacl.exceptions import CryptoError
from nacl.secret import Aead
from nacl.utils import random


class SealError(Exception):
    """A secret cannot be sealed or opened; the text says what to do."""


class Seal:
    """Seals with the first of its keys and opens with any of them, so that a key can be replaced.

    XChaCha20-Poly1305; bound to its subscription, so that a sealed secret put into another row does not open.
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
        """``secret``, sealed."""
        return bytes(self._boxes[0].encrypt(secret, subscription.encode()))

    def open(self, sealed: bytes, subscription: str) -> bytes:
        """What was sealed for ``subscription``; SealError where none of the keys opens it."""
        for box in self._boxes:
            try:
                return bytes(box.decrypt(sealed, subscription.encode()))
            except CryptoError:
                continue
        raise SealError(f"no key opens the secret of {subscription}; is an earlier key missing?")


def new_key() -> str:
    """A new key, in base64."""
    return b64encode(random(Aead.KEY_SIZE)).decode("ascii")
