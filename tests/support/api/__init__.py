"""A running API over a real database, and callers that are registered with it."""
