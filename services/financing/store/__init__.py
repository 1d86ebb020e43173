"""Storage of financing: decisions, entries under fingerprints, the transaction that decides, and reads for banks."""

from services.runtime.named_sql import Queries

statement = Queries(__file__)
