"""The transparency log: an append-only Merkle tree over what the platform accepted, signed, and cosigned by partners.

``domain`` holds the formats and rules, pure: entries, and signed notes, checkpoints, cosignatures, tiles, proofs, policies and the
decision of a witness as specified by C2SP (signed-note, tlog-checkpoint, tlog-cosignature, tlog-tiles, tlog-witness, tlog-proof,
tlog-policy) over the trees of RFC 6962. ``store`` moves what was accepted into the log: entries, tiles and the signed head in one
transaction of one sequencer. Tables ``transparency_*``; named statements in ``queries.sql``.
"""

from services.runtime.named_sql import Queries

statement = Queries(__file__)
