"""Storage of cases: the projection of causes, the service that takes steps, and the lists."""
