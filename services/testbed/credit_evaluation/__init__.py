"""Does the scorer tell good from bad, and is it fair? Asked of a SIMULATED population, which tests the code and nothing else."""
