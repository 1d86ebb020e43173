"""The ledger: events admitted from the log, stored once with what follows from them, and the registry of who may publish."""
