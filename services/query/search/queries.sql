-- The SQL of the search, by name.

-- name: add_names
INSERT INTO lianyun.object_name (spelled, kind, key)
SELECT n.spelled, n.kind, n.key FROM unnest(%(spelled)s::text[], %(kinds)s::smallint[], %(keys)s::text[]) AS n (spelled, kind, key)
ON CONFLICT DO NOTHING

-- name: begun_names
-- The first names in the order of their spelling from each of the given texts to its last.
SELECT b.spelled, n.kind, n.key, n.spelled
FROM unnest(%(beginnings)s::text[], %(lasts)s::text[]) AS b (spelled, last)
CROSS JOIN LATERAL (
    SELECT o.spelled, o.kind, o.key FROM lianyun.object_name o
    WHERE o.spelled >= b.spelled AND o.spelled <= b.last
    ORDER BY o.spelled, o.kind, o.key
    LIMIT %(most)s
) AS n

-- name: reached
-- The founded consignments (as their groups are called) that facts about each object reach by live links, at any time, and
-- whether a party is engaged in them: these first.
WITH RECURSIVE down (root, id, kind, lo, hi) AS (
    SELECT n.id, n.id, n.kind, -4611686018427387904, 4611686018427387904
    FROM unnest(%(ids)s::uuid[], %(kinds)s::smallint[]) AS n (id, kind)
    UNION
    SELECT d.root, l.right_id, l.right_kind, greatest(d.lo, l.start_at), least(d.hi, l.until)
    FROM down d CROSS JOIN LATERAL (
        SELECT n.right_id, n.right_kind, n.start_at, n.until FROM lianyun.link n
        WHERE n.left_id = d.id AND n.kind <> 8 AND n.kind < 11 AND NOT n.dead AND n.start_at < d.hi AND n.until > d.lo
        OFFSET 0
    ) AS l
    WHERE d.kind <> 1
), found (root, cons) AS (
    SELECT DISTINCT d.root, h.cons
    FROM down d
    LEFT JOIN lianyun.canonical k ON k.cons = d.id
    JOIN lianyun.head h ON h.cons = coalesce(k.canonical, d.id)
    WHERE d.kind = 1 AND h.founded
)
SELECT f.root, f.cons, coalesce(%(party)s::bigint = ANY (r.engaged), false) AS engaged
FROM found f LEFT JOIN lianyun.reach r ON r.cons = f.cons
ORDER BY f.root, engaged DESC, f.cons
