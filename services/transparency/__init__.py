"""The transparency log: an append-only Merkle tree over what the platform accepted, signed, and cosigned by partners.

``domain`` holds the formats and rules, pure: signed notes, checkpoints, cosignatures, tiles, proofs, policies and the decision of a
witness, as specified by C2SP (signed-note, tlog-checkpoint, tlog-cosignature, tlog-tiles, tlog-witness, tlog-proof, tlog-policy)
over the trees of RFC 6962.
"""
