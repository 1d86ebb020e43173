-- The oldest first, by one process at a time, so that none is left of before the latest that was forgotten.
WITH turn AS MATERIALIZED (
    SELECT pg_try_advisory_xact_lock(hashtextextended('lianyun.api_answer', 7000)) AS mine
), gone AS (
    DELETE FROM lianyun.api_answer
    WHERE (party, key) IN (
        SELECT party, key FROM lianyun.api_answer
        WHERE given < (extract(epoch FROM clock_timestamp()) * 1000000)::bigint - %(kept)s::bigint * 1000000
          AND (SELECT mine FROM turn)
        ORDER BY given LIMIT 5000 FOR UPDATE
    )
    RETURNING given
)
UPDATE lianyun.api_answer_purge AS p SET given = greatest(p.given, g.given)
FROM (SELECT max(given) AS given FROM gone) AS g
WHERE g.given IS NOT NULL
