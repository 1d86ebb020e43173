DELETE FROM lianyun.api_proof
WHERE digest = ANY (
    SELECT digest FROM lianyun.api_proof
    WHERE expires < (extract(epoch FROM clock_timestamp()) * 1000000)::bigint
    ORDER BY expires LIMIT 20000 FOR UPDATE SKIP LOCKED
)
