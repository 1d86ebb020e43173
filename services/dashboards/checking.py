"""Runs every query of the dashboards against a real Prometheus and Postgres."""
