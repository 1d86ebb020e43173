"""A small authorization server (RFC 6749 client credentials, private_key_jwt) for demos, tests and small networks."""
