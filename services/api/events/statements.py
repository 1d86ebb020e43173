"""The SQL of posted events, by name."""

from services.named_sql import statements_beside

statement = statements_beside(__file__)
