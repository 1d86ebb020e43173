INSERT INTO lianyun.api_proof (digest, expires) VALUES (%(digest)s, %(expires)s::bigint * 1000000)
ON CONFLICT DO NOTHING
RETURNING true
