"""What the tests share: worlds, casts, processes and the ways to compare."""
