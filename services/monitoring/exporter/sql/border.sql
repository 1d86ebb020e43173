-- Trains that arrived beside a crossing as the last thing said of where they are, and when most of their boxes had gone on.
SELECT a.place, a.arrived, g.went
FROM (
    SELECT h.train, h.position[1] AS arrived, h.position[6] AS place
    FROM lianyun.train_head h
    WHERE h.position[1] >= %(since)s AND h.position[5] = %(arrived)s AND h.position[6] = ANY (%(places)s::bigint[])
) AS a
CROSS JOIN LATERAL (
    -- Half of the boxes and one more: a box that was left behind holds no train, one that was wrongly seen elsewhere lets none go.
    SELECT (array_agg(b.went ORDER BY b.went NULLS LAST))[count(*) / 2 + 1] AS went
    FROM (
        SELECT (
            SELECT min(c.happened)
            FROM lianyun.claim c
            WHERE c.object = w.right_id AND c.happened >= a.arrived AND NOT c.dead AND c.part = 1
              AND (c.milestone = ANY (%(over)s::smallint[]) OR c.place <> a.place)
        ) AS went
        FROM lianyun.link t
        JOIN lianyun.link w ON w.left_id = t.right_id AND w.kind = %(wagon_carries)s AND NOT w.dead
            AND w.start_at <= a.arrived AND w.until >= a.arrived
        WHERE t.left_id = a.train AND t.kind = %(train_carries)s AND NOT t.dead
            AND t.start_at <= a.arrived AND t.until >= a.arrived
    ) AS b
) AS g
WHERE g.went IS NOT NULL
