"""Posting events: what a request brings, how it goes to the broker, and what its caller is told."""
