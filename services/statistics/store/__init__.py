"""Storage of the statistics: what was published, and the ledger as of a publication."""

from services.runtime.named_sql import Queries

statement = Queries(__file__)
"""A statement of ``queries.sql`` by its name."""
