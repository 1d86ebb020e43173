-- The founded consignments (as their groups are called) that facts about an object reach by live links, at any time.
WITH RECURSIVE down (id, kind, lo, hi) AS (
    SELECT %(id)s::uuid, %(kind)s::smallint, -4611686018427387904, 4611686018427387904
    UNION
    SELECT l.right_id, l.right_kind, greatest(d.lo, l.start_at), least(d.hi, l.until)
    FROM down d JOIN lianyun.link l ON l.left_id = d.id
    WHERE d.kind <> 1 AND l.kind <> 8 AND NOT l.dead AND l.start_at < d.hi AND l.until > d.lo
)
SELECT DISTINCT h.cons
FROM down d
LEFT JOIN lianyun.canonical k ON k.cons = d.id
JOIN lianyun.head h ON h.cons = coalesce(k.canonical, d.id)
WHERE d.kind = 1 AND h.founded
ORDER BY h.cons
