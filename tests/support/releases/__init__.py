"""What an upgrade is tested with: the release before, as it is in the history, and what a database is compared by."""
