"""How many partitions, workers and how much disk so many trains need, computed from what an event was measured to cost."""
