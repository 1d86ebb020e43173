-- The same for an identity, whoever brought it where: an accepted event, else the letter that was seen last.
WITH RECURSIVE found (no) AS MATERIALIZED (
    SELECT i.no FROM lianyun.identity i WHERE i.id = %(id)s::uuid
), start (id, lo, hi) AS (
    SELECT s.id, s.lo, s.hi
    FROM found f
    CROSS JOIN LATERAL (
        SELECT c.object, c.happened, c.happened + 1 FROM lianyun.claim c WHERE c.no = f.no
        UNION ALL
        SELECT n.id, l.start_at, l.until FROM lianyun.link l CROSS JOIN LATERAL (VALUES (l.left_id), (l.right_id)) AS n (id)
        WHERE l.no = f.no
        UNION ALL
        SELECT g.cons, -4611686018427387904, 4611686018427387904 FROM lianyun.founding g WHERE g.no = f.no
    ) AS s (id, lo, hi)
), down (id, lo, hi) AS (
    SELECT * FROM start
    UNION
    SELECT l.right_id, greatest(d.lo, l.start_at), least(d.hi, l.until)
    FROM down d JOIN lianyun.link l ON l.left_id = d.id
    WHERE l.kind <> 8 AND NOT l.dead AND l.start_at < d.hi AND l.until > d.lo
), letter AS (
    SELECT e.reason, e.detail, e.pointer, e.remedy FROM lianyun.dead_letter e
    WHERE e.event = %(id)s::uuid AND e.publisher = %(publisher)s
    ORDER BY e.last_append DESC, e.digest
    LIMIT 1
)
SELECT f.no IS NOT NULL,
       f.no IS NOT NULL AND EXISTS (SELECT FROM lianyun.variant v WHERE v.id = %(id)s::uuid),
       true,
       EXISTS (SELECT FROM lianyun.quarantine q WHERE q.no = f.no),
       EXISTS (SELECT FROM start) AND NOT EXISTS (
           SELECT FROM down d JOIN lianyun.founding g ON g.cons = d.id AND NOT g.dead
       ),
       e.reason, e.detail, e.pointer, e.remedy
FROM (SELECT 1) AS one
LEFT JOIN found f ON true
LEFT JOIN letter e ON true
WHERE f.no IS NOT NULL OR e.reason IS NOT NULL
