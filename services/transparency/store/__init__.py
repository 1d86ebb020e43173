"""The log in the database: what joins it, its sequencer, its tiles."""
