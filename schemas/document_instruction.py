"""Instructions on documents: what the acting party signs, with a registered key, before anything is done to a document or its original.

The statement begins with a domain of its own, so that no signature of an event or of another statement is one of an instruction, nor the
other way round. The layout is published in signing.md, with worked vectors.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

from schemas.schemes import PublicKey
from schemas.signing import sign, statement_bytes, statement_fault
from schemas.signing_key import PrivateKey

DOMAIN: Final = b"lianyun-document-instruction-v1\n"


@dataclass(frozen=True, slots=True)
class Instruction:
    """What ``party`` wants done to ``document`` (32 hexadecimal digits) on a network.

    ``action`` is DRAFT, SIGN or what is done to the original; ``version`` and ``content`` are the version of the document that it is about
    and its SHA-256 in lower hex; ``previous`` is the digest of the latest transfer, "" before the first, and for DRAFT and SIGN; ``to`` who receives it,
    "" nobody; ``paper`` the serial number of a paper original, "" none; ``request`` the party's own name of this instruction, new for each.
    """

    network: str
    party: str
    document: str
    action: str
    version: int
    content: str
    request: str
    previous: str = ""
    to: str = ""
    paper: str = ""

    def signed_bytes(self) -> bytes:
        """The domain and the fields as a statement: network, party, document, action, version in decimal digits, content, request, previous, to, paper."""
        fields = (
            self.network,
            self.party,
            self.document,
            self.action,
            str(self.version),
            self.content,
            self.request,
            *(each or None for each in (self.previous, self.to, self.paper)),
        )
        return statement_bytes(DOMAIN, fields)

    @property
    def digest(self) -> str:
        """SHA-256 of the signed bytes, in lower hex: it tells this instruction from any other."""
        return hashlib.sha256(self.signed_bytes()).hexdigest()

    def signed_by(self, key: PrivateKey) -> str:
        """The signature by ``key``, in the form of a signature header."""
        return sign(key, self.signed_bytes())

    def fault(self, signature: str, public: PublicKey) -> str:
        """What is wrong with a ``signature`` that should be of ``public``; "" where it is good."""
        return statement_fault(signature, public, self.signed_bytes())
