-- Of the given events those that say nothing but where a train was running and that their publisher has since said anew:
-- of the same place, and in the same stretch of time. No link that the reader will walk begins or ends inside a stretch,
-- nor does what he looks at (``moments``), so each is reached exactly where its successor is. What somebody took back is
-- not among them: who reads judges that himself.
WITH given AS MATERIALIZED (
    SELECT no FROM unnest(%(nos)s::bigint[]) AS n (no)
), edge AS MATERIALIZED (
    SELECT array_agg(DISTINCT t.at ORDER BY t.at) AS ats FROM (
        SELECT v.at FROM given n JOIN lianyun.link l ON l.no = n.no
        CROSS JOIN LATERAL (VALUES (l.start_at), (l.end_at), (l.until)) AS v (at)
        UNION ALL
        SELECT m.at FROM unnest(%(moments)s::bigint[]) AS m (at)
    ) AS t WHERE t.at IS NOT NULL
), ranked AS (
    SELECT c.no, c.milestone = %(running)s AND NOT c.dead AND row_number() OVER (
        PARTITION BY c.object, c.slot, c.publisher, c.territorial, c.dead, width_bucket(c.happened, e.ats)
        ORDER BY c.published DESC, c.event_hi DESC, c.event_lo DESC
    ) > 1 AS old, c.event_hi, c.event_lo
    FROM given n JOIN lianyun.claim c ON c.no = n.no CROSS JOIN edge e
), old AS MATERIALIZED (
    SELECT r.no, min(r.event_hi) AS hi, min(r.event_lo) AS lo FROM ranked r GROUP BY r.no HAVING bool_and(r.old)
)
SELECT o.no FROM old o
WHERE NOT EXISTS (
    SELECT 1 FROM lianyun.withdrawal w
    WHERE w.target = (
        lpad(to_hex(o.hi # (-9223372036854775808)), 16, '0') || lpad(to_hex(o.lo # (-9223372036854775808)), 16, '0')
    )::uuid
)
AND NOT EXISTS (SELECT 1 FROM lianyun.link l WHERE l.no = o.no)
AND NOT EXISTS (SELECT 1 FROM lianyun.founding f WHERE f.no = o.no)
