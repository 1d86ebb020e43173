"""The audit trail: what registers and the access log must say, as chains of digests computed by the processes that write."""

from services.runtime.named_sql import Queries

statement = Queries(__file__)
