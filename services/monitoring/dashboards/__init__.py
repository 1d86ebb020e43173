"""Grafana's dashboards as code: what each shows, drawn as JSON, and a check that every query answers."""

from services.runtime.named_sql import Queries

statement = Queries(__file__).text
