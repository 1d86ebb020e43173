"""The SQL of following, by name."""

from services.runtime.named_sql import statements_beside

statement = statements_beside(__file__)
