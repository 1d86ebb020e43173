"""Storage of people and of what they may do."""

from services.runtime.named_sql import Queries

statement = Queries(__file__)
