"""Storage of cases: the projection of causes, the service that takes steps, and the lists."""

from services.runtime.named_sql import Queries

statement = Queries(__file__)
