"""Worlds of trade papers with seeded lies, and how many of them the checks find."""
