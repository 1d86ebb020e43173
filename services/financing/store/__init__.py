"""Where financing is kept: decisions, entries under their keys, and the one transaction that checks and reserves."""
