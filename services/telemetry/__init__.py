"""Observability of a process: metrics, health checks, structured logs, traces."""
