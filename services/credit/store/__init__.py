"""The store of credit signals: observations and counts in Postgres, changed by differences in one transaction."""

from services.runtime.named_sql import Queries

statement = Queries(__file__)
