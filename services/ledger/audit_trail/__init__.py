"""The audit trail: chains of digests over registers and the access log, computed by the processes that write them.

Each change of a register is entered with its values in the transaction that makes it (lianyun.audit_trail, one chain per register,
its head in lianyun.audit_head), so a row changed by other means no longer agrees with the fold of its entries, which fsck compares.
Lines of the access log, messages and deliveries carry seals of their own. ``digests`` is pure and shared by writers and fsck.
"""

from services.runtime.named_sql import Queries

statement = Queries(__file__)
