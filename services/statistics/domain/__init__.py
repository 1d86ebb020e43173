"""The rules of the statistics: definitions, observations, publication. Pure."""
