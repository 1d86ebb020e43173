-- The effective ends of the given events' timed links, and of those whose ends these may move: of the live links that
-- start at the greatest earlier start, and of shared ones whose end is at or beyond the start. Shared assignments of a
-- box that start within the time of one filling do not end each other.
WITH seed AS (
    SELECT DISTINCT l.kind, l.carried, l.publisher, l.start_at
    FROM unnest(%(nos)s::bigint[]) AS n (no)
    JOIN link l ON l.no = n.no
    WHERE l.carried IS NOT NULL
), start AS (
    SELECT DISTINCT s.kind, s.carried, s.publisher, x.start_at
    FROM seed s CROSS JOIN LATERAL (
        SELECT s.start_at
        UNION ALL
        (SELECT l.start_at FROM link l
         WHERE l.carried = s.carried AND l.kind = s.kind AND l.publisher = s.publisher
           AND l.start_at < s.start_at AND NOT l.dead
         ORDER BY l.start_at DESC LIMIT 1)
        UNION ALL
        SELECT l.start_at FROM link l
        WHERE s.kind = 1 AND l.carried = s.carried AND l.kind = s.kind AND l.publisher = s.publisher
          AND l.start_at < s.start_at AND l.until >= s.start_at AND l.shared AND NOT l.dead
    ) AS x (start_at)
), stop AS MATERIALIZED (
    SELECT s.*, h.shared, coalesce((
        SELECT l.start_at FROM link l
        WHERE l.carried = s.carried AND l.kind = s.kind AND l.publisher = s.publisher
          AND l.start_at > s.start_at AND NOT l.dead
          AND NOT (h.shared AND l.shared AND l.start_at <= s.start_at + %(filling)s)
        ORDER BY l.start_at LIMIT 1
    ), 4611686018427387904) AS next_start
    FROM start s CROSS JOIN (VALUES (false), (true)) AS h (shared)
    ORDER BY s.kind, s.carried, s.publisher, s.start_at
)
UPDATE link l SET until = coalesce(l.end_at, s.next_start)
FROM stop s
WHERE l.carried = s.carried AND l.kind = s.kind AND l.publisher = s.publisher AND l.start_at = s.start_at
  AND l.shared = s.shared AND l.until <> coalesce(l.end_at, s.next_start)
RETURNING l.no
