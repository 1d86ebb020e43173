"""The process that shows what the database says: counts and moments of the whole platform, however many workers there are."""

from services.runtime.named_sql import Queries

statement = Queries(__file__)
