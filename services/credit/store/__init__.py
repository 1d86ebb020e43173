"""The store of credit signals: observations and counts in Postgres, changed by differences in one transaction."""
