-- When each consignment arrived at its destination first, and the announcements of that which were published before, the latest first.
SELECT n.cons, f.arrived, f.events, f.expected
FROM unnest(%(consignments)s::uuid[]) AS n (cons)
CROSS JOIN LATERAL (
    WITH said AS MATERIALIZED (
        SELECT c.no, c.happened, c.published, c.event_hi, c.event_lo, c.part
        FROM lianyun.reach r
        CROSS JOIN LATERAL unnest(r.objects, r.starts, r.untils) AS way (object, start_at, until)
        CROSS JOIN LATERAL (
            SELECT s.* FROM lianyun.claim s
            WHERE s.object = way.object AND s.happened >= way.start_at AND s.happened < way.until AND NOT s.dead
              AND s.milestone = %(arrived)s AND (s.territorial OR s.publisher = ANY (r.engaged))
            OFFSET 0
        ) AS c
        WHERE r.cons = n.cons
    ), came AS (
        SELECT min(s.happened) AS at FROM said s WHERE s.part = 1
    )
    SELECT m.at AS arrived, array_agg(e.no ORDER BY e.place) AS events, array_agg(e.happened ORDER BY e.place) AS expected
    FROM came m
    LEFT JOIN LATERAL (
        SELECT s.no, s.happened,
               row_number() OVER (ORDER BY s.published DESC, s.event_hi DESC, s.event_lo DESC) AS place
        FROM said s WHERE s.part = 0 AND s.published < m.at
    ) AS e ON e.place <= %(most)s
    WHERE m.at IS NOT NULL
    GROUP BY m.at
) AS f
