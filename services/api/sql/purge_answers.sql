DELETE FROM lianyun.api_answer
WHERE (party, key) IN (
    SELECT party, key FROM lianyun.api_answer
    WHERE given < (extract(epoch FROM clock_timestamp()) * 1000000)::bigint - %(kept)s::bigint * 1000000
    ORDER BY given LIMIT 5000 FOR UPDATE SKIP LOCKED
)
