"""Alerts and service level objectives as typed tables, and the rule files generated from them."""
