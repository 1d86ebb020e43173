"""What the API hands out and wants back unchanged: cursors and nonces, sealed with a key that its processes share."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from typing import Any

import orjson

_MAC = 16
_NONCE_SECONDS = 120


class Seal:
    """Signs short texts with ``key`` (32 bytes); pure."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def cursor(self, purpose: str, party: str, place: Any) -> str:
        """An opaque cursor: ``place`` is JSON-ready; it opens only for the same ``purpose`` and ``party``."""
        body = orjson.dumps(place)
        return _text(self._mac(f"cursor\0{purpose}\0{party}\0".encode() + body) + body)

    def place(self, purpose: str, party: str, cursor: str) -> Any:
        """What ``cursor`` holds; ValueError where it is not one of ours for that purpose and party."""
        raw = _bytes(cursor)
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
