"""Witnesses: the service that a partner runs to cosign checkpoints, and the client by which a log asks several of them."""
