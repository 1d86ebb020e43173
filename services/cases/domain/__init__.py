"""Causes and life cycle of cases. Pure."""
