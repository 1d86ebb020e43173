-- One round trip at the start of every request: use up the proof, and look at the client, the registry and the clock.
WITH used AS (
    INSERT INTO lianyun.api_proof (digest, expires)
    SELECT %(digest)s::bytea, %(expires)s::bigint * 1000000 WHERE %(digest)s::bytea IS NOT NULL
    ON CONFLICT DO NOTHING
    RETURNING 1
)
SELECT
    %(digest)s::bytea IS NULL OR EXISTS (SELECT FROM used),
    c.party,
    c.scopes,
    c.purposes,
    (SELECT version FROM lianyun.registry_version),
    (extract(epoch FROM clock_timestamp()) * 1000000)::bigint
FROM lianyun.api_client c
WHERE c.id = %(client)s AND c.revoked IS NULL
