"""Where financing is kept: decisions, entries under their keys, and the one transaction that checks and reserves."""

from services.runtime.named_sql import Queries

statement = Queries(__file__)
