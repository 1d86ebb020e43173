"""Capacity planning: partitions, workers, cores and disk for a number of trains, from the measured cost of an event."""
