-- Trains that arrived beside a crossing as the last thing said of where they are, and when the first of their boxes went on.
SELECT a.place, a.arrived, (
    SELECT min(c.happened)
    FROM lianyun.link t
    JOIN lianyun.link w ON w.left_id = t.right_id AND w.kind = %(wagon_carries)s AND NOT w.dead
        AND w.start_at <= a.arrived AND w.until >= a.arrived
    JOIN lianyun.claim c ON c.object = w.right_id AND c.happened >= a.arrived AND NOT c.dead
        AND c.part = 1 AND c.milestone <> ALL (%(still)s::smallint[])
    WHERE t.left_id = a.train AND t.kind = %(train_carries)s AND NOT t.dead
        AND t.start_at <= a.arrived AND t.until >= a.arrived
)
FROM (
    SELECT h.train, h.position[1] AS arrived, h.position[6] AS place
    FROM lianyun.train_head h
    WHERE h.position[1] >= %(since)s AND h.position[5] = %(arrived)s AND h.position[6] = ANY (%(places)s::bigint[])
) AS a
