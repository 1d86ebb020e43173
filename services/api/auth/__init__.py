"""Who calls: access tokens and their proofs, registered clients, permissions, and the built-in authorization server."""
