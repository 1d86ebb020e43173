"""Storage of arrival times: the projection of legs and counts, and what a forecast reads of them."""

from services.runtime.named_sql import Queries

statement = Queries(__file__)
"""A statement of ``queries.sql`` by its name."""
