"""Access tokens and what binds them to their client: JWTs (RFC 9068), DPoP (RFC 9449), certificates (RFC 8705)."""
