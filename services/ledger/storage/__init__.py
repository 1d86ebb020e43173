"""The store: the batch transaction, the state of the heart in SQL, migrations, and reading it back."""

from services.runtime.named_sql import Queries

statement = Queries(__file__)
