"""Faults that somebody could build in tomorrow, each of which the tests must notice."""
