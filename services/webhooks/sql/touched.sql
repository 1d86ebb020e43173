-- The founded consignments that the events of each batch reach by the links of their time. What an event withdraws
-- counts as touched too, and so do both ends of a link.
WITH RECURSIVE batch (xid, first_no) AS MATERIALIZED (
    SELECT * FROM unnest(%(xids)s::text[], %(nos)s::bigint[])
), told (xid, no) AS (
    SELECT b.xid, y.no
    FROM batch b
    CROSS JOIN LATERAL (
        SELECT e.no FROM lianyun.body e WHERE e.no >= b.first_no AND e.no < b.first_no + 4096
    ) AS y
    UNION
    SELECT b.xid, i.no
    FROM batch b
    CROSS JOIN LATERAL (
        SELECT e.id FROM lianyun.body e WHERE e.no >= b.first_no AND e.no < b.first_no + 4096
    ) AS y
    JOIN lianyun.withdrawal w ON w.event = y.id
    JOIN lianyun.identity i ON i.id = w.target
), down (xid, id, lo, hi) AS (
    SELECT t.xid, s.id, s.lo, s.hi
    FROM told t
    CROSS JOIN LATERAL (
        SELECT c.object, c.happened, c.happened + 1 FROM lianyun.claim c WHERE c.no = t.no
        UNION ALL
        SELECT n.id, l.start_at, l.until FROM lianyun.link l CROSS JOIN LATERAL (VALUES (l.left_id), (l.right_id)) AS n (id)
        WHERE l.no = t.no
        UNION ALL
        SELECT f.cons, -4611686018427387904, 4611686018427387904 FROM lianyun.founding f WHERE f.no = t.no
    ) AS s (id, lo, hi)
    UNION
    SELECT d.xid, l.right_id, greatest(d.lo, l.start_at), least(d.hi, l.until)
    FROM down d JOIN lianyun.link l ON l.left_id = d.id
    WHERE l.kind <> 8 AND NOT l.dead AND l.start_at < d.hi AND l.until > d.lo
)
SELECT DISTINCT d.xid, d.id
FROM down d
WHERE EXISTS (SELECT FROM lianyun.founding f WHERE f.cons = d.id)
