"""What plays and attacks: local servers, the simulated corridor, demo, benchmarks and chaos. In no deployment image."""
