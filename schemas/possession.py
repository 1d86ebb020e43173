"""Proof of possession of a private key: a signature by the key over the statement that registers it.

Without it a party could have somebody else's key registered as its own, and a wrong digit would give a key that nobody can use.
The statement begins with a domain of its own, so that no signature of an event is one of a statement, nor the other way round.
The layout is published in signing.md, with worked vectors.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from schemas.schemes import PublicKey
from schemas.signing import sign, statement_bytes, statement_fault
from schemas.signing_key import PrivateKey

DOMAIN: Final = b"lianyun-key-possession-v1\n"
PURPOSE: Final = "events"
"""What the key is registered for: it signs events."""


@dataclass(frozen=True, slots=True)
class Statement:
    """What a key signs about itself: whose it is on which network, and from when to when it counts (UTC microseconds).

    ``replaces`` is the id of the key in whose place it comes, None where it comes beside others.
    """

    network: str
    party: str
    public: PublicKey
    not_before: int
    not_after: int | None = None
    replaces: str | None = None

    def signed_bytes(self) -> bytes:
        """The domain, then each field in this order behind 0x01 and its length in 4 bytes, big-endian; 0x00 for one that is absent.

        Network, party, purpose, scheme, key id, public key in hex, not_before and not_after in decimal digits, replaces.
        """
        fields = (
            self.network,
            self.party,
            PURPOSE,
            str(self.public.scheme),
            self.public.key_id,
            self.public.raw.hex(),
            str(self.not_before),
            None if self.not_after is None else str(self.not_after),
            self.replaces,
        )
        return statement_bytes(DOMAIN, fields)

    def signed_by(self, key: PrivateKey) -> str:
        """The statement's signature by ``key``, the new one or the one that it replaces, in the form of a signature header."""
        return sign(key, self.signed_bytes())

    def fault(self, signature: str, public: PublicKey) -> str:
        """What is wrong with a ``signature`` that should be of ``public``; "" where it is good."""
        return statement_fault(signature, public, self.signed_bytes())
