"""Grafana's dashboards as code: their definitions, generated JSON, and a check of their queries."""

from services.runtime.named_sql import Queries

statement = Queries(__file__).text
