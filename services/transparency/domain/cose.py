"""COSE receipts (RFC 9942): the inclusion proof of an entry with the log's signature over the root, for readers of COSE.

A receipt is a tagged COSE_Sign1 without its payload: the verifier computes the root from entry and proof. Protected are algorithm
(EdDSA), the id of the log's key, its origin as issuer, and the kind of tree; the proof is not. Cosignatures have no place in it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import cbor2

from services.transparency.domain.encoding import Malformed
from services.transparency.domain.keys import LogSigner
from services.transparency.domain.policy import Policy
from services.transparency.domain.tlog_proof import TlogProof

_SIGN1: Final = 18
_ALGORITHM, _KEY, _CLAIMS, _TREE, _PROOFS = 1, 4, 15, 395, 396
"""Labels of headers (RFC 9052, 9597, 9942)."""
_EDDSA, _ISSUER, _RFC9162_SHA256, _INCLUSION = -8, 1, 1, -1


def cose_receipt(entry: bytes, proof: TlogProof, policy: Policy, signer: LogSigner) -> bytes:
    """The COSE receipt of an entry, signed now; the same checkpoint gives the same bytes.

    The root is signed only if the checkpoint carries this key's own signature and the policy's quorum, and holds the entry: BadSignature,
    NotIncluded, Malformed. Malformed also of a log of one entry, whose empty proof the format does not know.
    """
    own = signer.verifier
    tree = proof.verified(entry, replace(policy, logs=(own,))).checkpoint
    if not proof.proof:
        raise Malformed("a log of one entry has no COSE receipt")
    headers = {_ALGORITHM: _EDDSA, _KEY: own.id, _CLAIMS: {_ISSUER: own.name}, _TREE: _RFC9162_SHA256}
    protected = cbor2.dumps(headers, canonical=True)
    signature = signer.sign_bytes(cbor2.dumps(["Signature1", protected, b"", tree.root]))
    inclusion = cbor2.dumps([tree.size, proof.index, list(proof.proof)])
    return cbor2.dumps(
        cbor2.CBORTag(_SIGN1, [protected, {_PROOFS: {_INCLUSION: [inclusion]}}, None, signature])
    )
