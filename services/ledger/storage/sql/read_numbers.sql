-- The numbers of all events that may concern the objects of a walk. From objects to events, whatever the planner believes
-- about tables that were empty when it looked: hence the offsets.
WITH way (id, kind, lo, hi) AS MATERIALIZED (
    SELECT * FROM unnest(%(ids)s::uuid[], %(kinds)s::smallint[], %(los)s::bigint[], %(his)s::bigint[])
), object (id) AS MATERIALIZED (
    SELECT DISTINCT id FROM way
), claimed (no) AS MATERIALIZED (
    SELECT n.no FROM way w CROSS JOIN LATERAL (
        SELECT c.no FROM lianyun.claim c WHERE c.object = w.id AND c.happened >= w.lo AND c.happened < w.hi OFFSET 0
    ) AS n
    UNION ALL
    SELECT n.no FROM object o CROSS JOIN LATERAL (
        SELECT c.no FROM lianyun.claim c WHERE c.object = o.id AND c.dead OFFSET 0
    ) AS n
), mentioned (no) AS MATERIALIZED (
    SELECT n.no FROM object o CROSS JOIN LATERAL (
        SELECT m.no FROM lianyun.mention m WHERE m.object = o.id OFFSET 0
    ) AS n
)
SELECT DISTINCT no FROM (
    SELECT no FROM claimed
    UNION ALL SELECT no FROM mentioned
    -- Both sides' lists of the hand-overs.
    UNION ALL SELECT n.no FROM (
        SELECT DISTINCT p.object FROM claimed e CROSS JOIN LATERAL (
            SELECT c.object FROM lianyun.claim c WHERE c.no = e.no AND c.kind = 8 OFFSET 0
        ) AS p
    ) AS meeting CROSS JOIN LATERAL (
        SELECT c.no FROM lianyun.claim c WHERE c.object = meeting.object OFFSET 0
    ) AS n
    UNION ALL SELECT n.no FROM object o CROSS JOIN LATERAL (
        SELECT f.no FROM lianyun.founding f WHERE f.cons = o.id OFFSET 0
    ) AS n
    -- Links into each object as far as their times meet, those that declare consignments the same, and where each box was.
    UNION ALL SELECT n.no FROM way w CROSS JOIN LATERAL (
        SELECT l.no FROM lianyun.link l WHERE l.right_id = w.id AND l.start_at < w.hi AND l.until >= w.lo OFFSET 0
    ) AS n
    UNION ALL SELECT n.no FROM object o CROSS JOIN LATERAL (
        SELECT l.no FROM lianyun.link l WHERE l.right_id = o.id AND l.dead
        UNION ALL
        SELECT l.no FROM lianyun.link l WHERE l.left_id = o.id AND l.kind = 8
        UNION ALL
        SELECT l.no FROM lianyun.link l WHERE l.carried = o.id AND l.kind = 1
        OFFSET 0
    ) AS n
    -- What was handed on to another network before the times met: the way over an open link of a wagon or train ended there.
    UNION ALL SELECT n.no FROM way w CROSS JOIN LATERAL (
        SELECT l.carried, l.kind, l.start_at FROM lianyun.link l
        WHERE l.right_id = w.id AND l.kind IN (6, 7) AND l.start_at < w.lo AND l.until >= w.lo AND l.end_at IS NULL
        OFFSET 0
    ) AS l CROSS JOIN LATERAL (
        SELECT b.no FROM lianyun.link b
        WHERE b.carried = l.carried AND b.kind = l.kind AND b.territorial AND b.start_at > l.start_at AND b.start_at < w.lo
        OFFSET 0
    ) AS n
    -- Restrictions at the places that the routes pass.
    UNION ALL SELECT n.no FROM (
        SELECT DISTINCT p.object FROM mentioned e CROSS JOIN LATERAL (
            SELECT g.object FROM lianyun.passing g WHERE g.no = e.no OFFSET 0
        ) AS p
    ) AS place CROSS JOIN LATERAL (
        SELECT m.no FROM lianyun.mention m WHERE m.object = place.object OFFSET 0
    ) AS n
) AS found
