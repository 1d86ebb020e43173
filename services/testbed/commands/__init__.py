"""The commands of `lianyun` that need the testbed."""
