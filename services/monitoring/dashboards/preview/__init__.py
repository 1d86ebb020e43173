"""The generated dashboards, drawn with Grafana's own open components in a headless browser: a preview, no proof.

What a panel asks is put into words as Grafana's data sources do it (``substitution``), asked of a real Prometheus and a
real Postgres, and handed to the page as frames by a server on loopback.
"""
