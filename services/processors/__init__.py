"""The stream processor: consumes the topics, admits their records and applies them to the ledger, one transaction per batch."""

from services.runtime.named_sql import Queries

statement = Queries(__file__)
