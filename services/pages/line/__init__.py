"""The drawn line: where stations stand on it, and the still picture of a film."""
