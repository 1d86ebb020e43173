"""A preview of the generated dashboards, rendered with Grafana's open components in a headless browser.

Panel queries are interpolated as by Grafana's data sources (``substitution``), run against a Prometheus and a Postgres, and served
to the page as data frames on loopback. Grafana itself may render differently.
"""
