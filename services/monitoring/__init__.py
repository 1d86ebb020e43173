"""What operators watch: the exporter, dashboards, alerts and objectives, and how much capacity a network needs."""
