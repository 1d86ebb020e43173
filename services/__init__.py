"""Lianyun services."""
