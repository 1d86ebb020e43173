WITH gone AS (
    DELETE FROM lianyun.dead_letter d WHERE d.digest = ANY (%(digests)s::bytea[])
    RETURNING d.publisher, d.state, octet_length(d.headers) + coalesce(octet_length(d.value), 0) AS bytes
),
freed AS (
    INSERT INTO lianyun.dead_letter_usage AS u (publisher, letters, bytes)
    SELECT publisher, -count(*), -sum(bytes) FROM gone GROUP BY publisher ORDER BY publisher
    ON CONFLICT (publisher) DO UPDATE SET letters = u.letters + excluded.letters, bytes = u.bytes + excluded.bytes
)
SELECT state, count(*) FROM gone GROUP BY state
