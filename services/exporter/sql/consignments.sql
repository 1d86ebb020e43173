-- One pass over the heads. The route is looked up only of what is under way: that planned last, for the consignment itself or
-- for anything that reaches it.
SELECT h.corridor, h.phase, count(*), count(*) FILTER (WHERE h.disputes > 0),
       count(*) FILTER (WHERE h.exceptions > 0), count(*) FILTER (WHERE h.broken)
FROM (
    SELECT n.disputes, n.exceptions, n.broken, coalesce(n.movement[5] / 100, 0) AS phase, (
        SELECT p.object
        FROM lianyun.reach r
        CROSS JOIN LATERAL unnest(n.cons || r.objects) AS o (id)
        JOIN lianyun.mention m ON m.object = o.id
        JOIN lianyun.passing p ON p.no = m.no AND p.object = ANY (%(crossings)s::uuid[])
        WHERE r.cons = n.cons
        ORDER BY m.no DESC, p.object
        LIMIT 1
    ) AS corridor
    FROM lianyun.head n
    WHERE n.founded AND (n.broken OR coalesce(n.movement[5], 0) < %(delivered)s)
) AS h
GROUP BY h.corridor, h.phase
