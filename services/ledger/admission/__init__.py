"""Whether a record is an event of this network: a pure judgement of its bytes, the registry and its append time."""
