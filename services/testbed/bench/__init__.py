"""The benchmark: a fixed mix of signed events through the real pipeline on this machine, and what it is compared with."""
