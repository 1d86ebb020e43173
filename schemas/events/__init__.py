"""Event types: one frozen model per type, with its permitted publishers and its authorities."""
