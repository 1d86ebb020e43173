-- Trains that arrived beside a crossing as the last thing said of where they are, and the announcements of that which were published
-- before, the latest first.
SELECT a.place, a.arrived, e.events, e.expected
FROM (
    SELECT h.train, h.position[1] AS arrived, h.position[6] AS place
    FROM lianyun.train_head h
    WHERE h.position[1] >= %(since)s AND h.position[5] = %(arrived)s AND h.position[6] = ANY (%(places)s::bigint[])
) AS a
CROSS JOIN LATERAL (
    SELECT array_agg(n.no ORDER BY n.place) AS events, array_agg(n.happened ORDER BY n.place) AS expected
    FROM (
        SELECT c.no, c.happened,
               row_number() OVER (ORDER BY c.published DESC, c.event_hi DESC, c.event_lo DESC) AS place
        FROM lianyun.claim c
        WHERE c.object = a.train AND c.milestone = %(arrived)s AND c.part = 0 AND NOT c.dead AND c.place = a.place
          AND c.published < a.arrived
    ) AS n
    WHERE n.place <= %(most)s
) AS e
