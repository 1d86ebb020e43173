-- The crossing that the route planned last passes, for the consignment itself or for anything that reaches it.
SELECT n.cons, (
    SELECT p.object
    FROM lianyun.reach r
    CROSS JOIN LATERAL unnest(n.cons || r.objects) AS o (id)
    JOIN lianyun.mention m ON m.object = o.id
    JOIN lianyun.passing p ON p.no = m.no AND p.object = ANY (%(crossings)s::uuid[])
    WHERE r.cons = n.cons
    ORDER BY m.no DESC, p.object
    LIMIT 1
)
FROM unnest(%(consignments)s::uuid[]) AS n (cons)
