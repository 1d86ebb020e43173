-- The keys of a client that may act now, and the certificate that it may log in with instead.
SELECT c.scopes, c.purposes, c.certificate, k.kid, k.jwk
FROM lianyun.api_client c
LEFT JOIN lianyun.api_client_key k
    ON k.client = c.id AND (k.not_after IS NULL OR k.not_after > (extract(epoch FROM clock_timestamp()) * 1000000)::bigint)
WHERE c.id = %(client)s AND c.revoked IS NULL
