"""What attacks and measures the running system: kills, an oracle that knows what is true, reports."""
