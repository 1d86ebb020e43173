-- When the first fact on the way and the first one behind it happened to what reaches each consignment by other ways than a train.
SELECT n.cons,
       min(c.happened) FILTER (WHERE c.milestone < %(at_destination)s),
       min(c.happened) FILTER (WHERE c.milestone >= %(at_destination)s)
FROM unnest(%(consignments)s::uuid[]) AS n (cons)
JOIN lianyun.reach r ON r.cons = n.cons
CROSS JOIN LATERAL unnest(r.objects, r.starts, r.untils) AS way (object, start_at, until)
CROSS JOIN LATERAL (
    SELECT s.happened, s.milestone FROM lianyun.claim s
    WHERE s.object = way.object AND s.happened >= way.start_at AND s.happened < way.until AND NOT s.dead
      AND s.part = 1 AND s.milestone >= %(on_the_way)s AND (s.territorial OR s.publisher = ANY (r.engaged))
    OFFSET 0
) AS c
GROUP BY n.cons
