"""Storage of financing: decisions, entries under fingerprints, the transaction that decides, and reads for banks."""
