"""Discrimination, calibration and fairness of the scorer on a SIMULATED population, which tests the code and nothing else."""
