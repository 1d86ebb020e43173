-- The customs facts that count for each consignment, among those that decide whether a box is ready; and whether trouble is open.
SELECT r.cons, h.exceptions,
       array_agg(DISTINCT ARRAY[c.milestone::integer, c.jurisdiction::integer]) FILTER (WHERE c.milestone IS NOT NULL)
FROM lianyun.reach r
JOIN lianyun.head h ON h.cons = r.cons
LEFT JOIN LATERAL (
    SELECT n.milestone, n.jurisdiction
    FROM unnest(r.objects, r.starts, r.untils) AS way (object, start_at, until)
    CROSS JOIN LATERAL (
        SELECT m.milestone, m.jurisdiction FROM lianyun.claim m
        WHERE m.object = way.object AND m.happened >= way.start_at AND m.happened < least(way.until, %(now)s + 1)
          AND NOT m.dead AND m.part <> 0 AND (m.territorial OR m.publisher = ANY (r.engaged))
          AND m.milestone = ANY (%(milestones)s::smallint[])
        OFFSET 0
    ) AS n
) AS c ON true
WHERE r.cons = ANY (%(ids)s::uuid[])
GROUP BY r.cons, h.exceptions
