"""Opaque values that callers send back unchanged: cursors, nonces and numbers, under a key that all processes share."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from typing import Any

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

_MAC = 16
_NONCE_SECONDS = 120
_HALF, _TURNS = 26, 10  # a Feistel network over 52 bits, as FF1 (NIST SP 800-38G) is one
_LOW, _SHOWN = (1 << _HALF) - 1, 1 << 2 * _HALF


class Seal:
    """Encrypts and signs short texts with ``key`` (32 bytes); pure.

    What a cursor or a number stands for counts what others did too, so neither shows it.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._cursors = AESSIV(hashlib.sha256(b"cursors\0" + key).digest())

    def cursor(self, purpose: str, party: str, place: Any) -> str:
        """An opaque cursor: ``place`` is JSON-ready; it opens only for the same ``purpose`` and ``party``."""
        return _text(self._cursors.encrypt(orjson.dumps(place), [purpose.encode(), party.encode()]))

    def place(self, purpose: str, party: str, cursor: str) -> Any:
        """What ``cursor`` holds; ValueError where it is not one of ours for that purpose and party."""
        raw = _bytes(cursor)
        try:
            return orjson.loads(self._cursors.decrypt(raw, [purpose.encode(), party.encode()]))
        except InvalidTag:
            return self._readable(purpose, party, raw)

    def number(self, purpose: str, party: str, number: int) -> int:
        """``number`` (0 to 2**52 - 1) as ``party`` is shown it: another number, which says nothing of what was counted.

        The same one always gives the same, from 2**52 to 2**53 - 1, so that every reader of JSON holds it exactly.
        """
        left, right = number >> _HALF, number & _LOW
        for turn in range(_TURNS):
            left, right = right, left ^ self._mixed(purpose, party, turn, right)
        return _SHOWN | left << _HALF | right

    def number_of(self, purpose: str, party: str, shown: int) -> int | None:
        """The number that ``party`` was shown as ``shown``; None where that is none of ours."""
        if shown >> (2 * _HALF) != 1:
            return None
        left, right = shown >> _HALF & _LOW, shown & _LOW
        for turn in reversed(range(_TURNS)):
            left, right = right ^ self._mixed(purpose, party, turn, left), left
        return left << _HALF | right

    def _mixed(self, purpose: str, party: str, turn: int, half: int) -> int:
        message = f"{purpose}\0{party}\0{turn}\0{half}".encode()
        return int.from_bytes(hashlib.blake2b(message, digest_size=4, key=self._key).digest()) & _LOW

    def _readable(self, purpose: str, party: str, raw: bytes) -> Any:
        """What a cursor of the form before this one holds: signed, and not encrypted."""
        mac, body = raw[:_MAC], raw[_MAC:]
        if not hmac.compare_digest(mac, self._mac(f"cursor\0{purpose}\0{party}\0".encode() + body)):
            raise ValueError("not a cursor of this list")
        return orjson.loads(body)

    def nonce(self, now: float) -> str:
        """The nonce of the present two minutes."""
        return self._nonce(int(now) // _NONCE_SECONDS)

    def fresh(self, nonce: str | None, now: float) -> bool:
        """Whether a nonce is the present or the last one."""
        if nonce is None:
            return False
        step = int(now) // _NONCE_SECONDS
        return any(
            hmac.compare_digest(nonce.encode(), self._nonce(each).encode()) for each in (step, step - 1)
        )

    def _nonce(self, step: int) -> str:
        return _text(self._mac(b"nonce\0" + str(step).encode()))

    def _mac(self, message: bytes) -> bytes:
        return hmac.new(self._key, message, hashlib.sha256).digest()[:_MAC]


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        raise ValueError("not base64url") from None
    if _text(raw) != text:  # several spellings of the same bytes are not the same cursor
        raise ValueError("not base64url as written here")
    return raw
