"""The contract with partners: what events look like on the wire. No I/O."""
