-- What each train carries at a moment: boxes and consignments (as their groups are called), and the events that load the boxes.
WITH RECURSIVE down (train, id, kind, box, no, at) AS (
    SELECT t.train, t.train, 7::smallint, NULL::uuid, NULL::bigint, t.at
    FROM unnest(%(trains)s::uuid[], %(moments)s::bigint[]) AS t (train, at)
    UNION
    SELECT d.train, l.right_id, l.right_kind, CASE WHEN l.right_kind = 4 THEN l.right_id ELSE d.box END,
           CASE WHEN l.right_kind = 4 THEN l.no ELSE d.no END, d.at
    FROM down d JOIN lianyun.link l ON l.left_id = d.id
    WHERE d.kind <> 1 AND l.kind <> 8 AND NOT l.dead AND l.start_at <= d.at AND l.until > d.at
)
SELECT d.train, d.box, min(d.no), array_agg(DISTINCT h.cons) FILTER (WHERE h.cons IS NOT NULL)
FROM down d
LEFT JOIN lianyun.canonical k ON k.cons = d.id AND d.kind = 1
LEFT JOIN lianyun.head h ON h.cons = coalesce(k.canonical, d.id) AND d.kind = 1 AND h.founded
WHERE d.box IS NOT NULL
GROUP BY d.train, d.box
