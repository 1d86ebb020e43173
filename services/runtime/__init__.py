"""What every process and every transaction of the platform has in common: how it starts, repeats, and ends."""
