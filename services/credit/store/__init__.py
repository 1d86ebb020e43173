"""Storage of credit signals: the projection of observations and counts, records, and their faults."""
