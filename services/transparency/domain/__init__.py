"""Formats and rules of a transparency log, computed on values."""
