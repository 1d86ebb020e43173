"""The ledger: admission of events from the log, the registry of parties and keys, storage of accepted events and refused messages."""
