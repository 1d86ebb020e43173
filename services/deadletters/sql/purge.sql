WITH old AS (
    SELECT digest FROM lianyun.dead_letter
    WHERE last_append < %(older_than)s
    ORDER BY last_append, digest
    LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED
),
gone AS (
    DELETE FROM lianyun.dead_letter d USING old WHERE d.digest = old.digest
    RETURNING d.publisher, d.state, octet_length(d.headers) + coalesce(octet_length(d.value), 0) AS bytes
),
freed AS (
    INSERT INTO lianyun.dead_letter_usage AS u (publisher, letters, bytes)
    SELECT publisher, -count(*), -sum(bytes) FROM gone GROUP BY publisher ORDER BY publisher
    ON CONFLICT (publisher) DO UPDATE SET letters = u.letters + excluded.letters, bytes = u.bytes + excluded.bytes
)
SELECT state, count(*) FROM gone GROUP BY state
