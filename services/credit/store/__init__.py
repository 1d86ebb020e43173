"""Storage of credit signals: the projection of observations and counts, records, and their faults."""

from services.runtime.named_sql import Queries

statement = Queries(__file__)
