"""Storage of accepted events and of the state derived from them, in Postgres.

A batch of the log is one transaction (``batch_transaction``, run by ``writer``): it moves the offsets of its partitions under their
claims, stores identities and messages, COPYs facts as rows, derives liveness and structure, and folds heads. Locks are taken in one
order; what concurrent transactions may have missed is settled later (``settlement``). The state belongs to a generation (schema gN),
which replay builds anew beside the current one. Reads go through ``event_reader``; the schema changes by ``migrations/``.
Stored in the schema lianyun: kafka_offset, identity, body, term, batch, generation; in gN: claim, link, dead, reach, head, train_head.
"""

from services.runtime.named_sql import Queries

statement = Queries(__file__)
