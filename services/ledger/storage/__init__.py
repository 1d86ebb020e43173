"""The store: the batch transaction, the state of the heart in SQL, migrations, and reading it back."""
