"""A seeded small world of the corridor with a truth of its own; every party and every fact in it is simulated."""
