"""Signing keys of the platform: in a hardware security module by PKCS#11, where they sign and which they never leave, or as a seed in a file."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from schemas.schemes import PublicKey, Scheme
from schemas.signing_key import PrivateKey, SigningKey

PIN: Final = "LIANYUN_HSM_PIN"
"""The variable with the PIN of the token's user."""
_KEY_BYTES: Final = 32


class HsmFailed(ValueError):
    """The module, the token or the key is not there, or does not do its work; the text says which."""


@cache
def _session(module: str, token: str) -> Any:
    """The session of this process on a token: a user logs in once."""
    import pkcs11

    return pkcs11.lib(module).get_token(token_label=token).open(user_pin=os.environ.get(PIN, ""))


class HsmKey(PrivateKey):
    """An Ed25519 key pair of one label on a token, used through one session; for any thread.

    HsmFailed where the module cannot be loaded, or holds no such key that stays in it.
    """

    def __init__(self, module: str, token: str, label: str) -> None:
        try:
            import pkcs11
        except ImportError:
            raise HsmFailed(
                "a key in a module needs the package python-pkcs11: pip install 'lianyun[hsm]'"
            ) from None
        self._lock = threading.Lock()
        kind, classes = pkcs11.KeyType.EC_EDWARDS, pkcs11.ObjectClass
        self._mechanism, self._faults = pkcs11.Mechanism.EDDSA, pkcs11.PKCS11Error
        try:
            opened = _session(module, token)
            self._private: Any = opened.get_key(object_class=classes.PRIVATE_KEY, key_type=kind, label=label)
            public: Any = opened.get_key(object_class=classes.PUBLIC_KEY, key_type=kind, label=label)
            point = bytes(public[pkcs11.Attribute.EC_POINT])
            leaves = (
                self._private[pkcs11.Attribute.EXTRACTABLE] or not self._private[pkcs11.Attribute.SENSITIVE]
            )
        except (pkcs11.PKCS11Error, RuntimeError, OSError) as fault:
            why = str(fault) or type(fault).__name__
            raise HsmFailed(f"the key {label} of token {token} in {module} cannot be used: {why}") from None
        if leaves:
            raise HsmFailed(
                f"the key {label} of token {token} can leave it: make one that is sensitive and not extractable"
            )
        # A DER octet string, or the bytes themselves.
        self.public = PublicKey(Scheme.ED25519, point[-_KEY_BYTES:])

    def sign_bytes(self, message: bytes) -> bytes:
        """The 64-byte signature over exactly these bytes; HsmFailed."""
        with self._lock:
            try:
                return bytes(self._private.sign(message, mechanism=self._mechanism))
            except self._faults as fault:
                raise HsmFailed(f"the module does not sign: {str(fault) or type(fault).__name__}") from None


def named_key(module: str, token: str, label: str) -> dict[str, Any]:
    """A key in a module, as an object of a key file names it; HsmFailed where there is none."""
    HsmKey(module, token, label)
    return {"pkcs11": {"module": module, "token": token, "label": label}}


def held_key(held: Mapping[str, Any]) -> PrivateKey:
    """The Ed25519 key that an object of a key file holds: its ``seed``, or ``pkcs11`` that names one in a module.

    KeyError, TypeError, ValueError where it holds none; HsmFailed where the module does not give it.
    """
    if "pkcs11" in held:
        return HsmKey(**held["pkcs11"])
    return SigningKey.from_seed(Scheme.ED25519, bytes.fromhex(held["seed"]))
