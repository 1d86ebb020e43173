"""The SQL of the store, by name."""

from services.runtime.named_sql import statements_beside

statement = statements_beside(__file__)
