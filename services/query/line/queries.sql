-- The SQL of the line, by name.

-- name: claims
-- What is stated about the trains that were heard of in the period: movements that happened, and what sets a train aside or lets
-- it go on. At most so many trains, those first that were heard of last.
SELECT c.object, c.happened, c.published, c.event_hi, c.event_lo, c.slot, c.place, c.stop, c.publisher, c.milestone, c.assurance,
       c.territorial, c.no
FROM (
    SELECT h.train FROM lianyun.train_head h
    WHERE greatest(h.milestone[1], h.position[1]) >= %(since)s
    ORDER BY greatest(h.milestone[1], h.position[1]) DESC
    LIMIT %(limit)s
) AS t
CROSS JOIN LATERAL (
    SELECT * FROM lianyun.claim n
    WHERE n.object = t.train AND n.happened BETWEEN %(since)s AND %(until)s AND NOT n.dead
      AND (n.part = 1 OR n.milestone = ANY (%(aside)s::smallint[]) AND n.episode <> 0)
    OFFSET 0
) AS c

-- name: last_sign
-- When any train was last heard of.
SELECT max(greatest(h.milestone[1], h.position[1])) FROM lianyun.train_head h
WHERE greatest(h.milestone[1], h.position[1]) <= %(now)s

-- name: moved
-- What is stated of the boxes and takes them over a border, by event: hand-overs and loading on vessels.
SELECT c.event_hi, c.event_lo, c.happened, c.published, c.slot, c.place, c.stop, c.publisher, c.milestone, c.assurance,
       bool_or(c.territorial), array_agg(c.object)
FROM unnest(%(boxes)s::uuid[]) AS b (id)
CROSS JOIN LATERAL (
    SELECT * FROM lianyun.claim n
    WHERE n.object = b.id AND n.happened BETWEEN %(since)s AND %(until)s AND NOT n.dead
      AND n.part = 1 AND n.milestone = ANY (%(over)s::smallint[])
    OFFSET 0
) AS c
GROUP BY c.event_hi, c.event_lo, c.happened, c.published, c.slot, c.place, c.stop, c.publisher, c.milestone, c.assurance

-- name: rides
-- The boxes of each train and when they were on it, by links of authorities and of whoever is engaged in the cargo; who that is; and
-- whether any of the cargo is among the given consignments.
SELECT r.train, array_agg(r.box ORDER BY r.box, r.start_at), array_agg(r.start_at ORDER BY r.box, r.start_at),
       array_agg(r.until ORDER BY r.box, r.start_at),
       ARRAY(
           -- As text, since arrays of different lengths make no array.
           SELECT DISTINCT e FROM unnest(array_agg(DISTINCT r.engaged::text)) AS p (packed) CROSS JOIN LATERAL unnest(p.packed::bigint[]) AS e
       ),
       bool_or(r.cons && %(cargo)s::uuid[])
FROM (
    SELECT t.train, t.box, t.start_at, t.until, c.engaged, c.cons
    FROM (
        SELECT n.id AS train, w.right_id AS box, greatest(t.start_at, w.start_at) AS start_at, least(t.until, w.until) AS until,
               t.publisher AS composed_by, t.territorial AS composed_at, w.publisher AS loaded_by, w.territorial AS loaded_at
        FROM unnest(%(trains)s::uuid[]) AS n (id)
        CROSS JOIN LATERAL (
            SELECT l.* FROM lianyun.link l WHERE l.left_id = n.id AND l.kind = 7 AND NOT l.dead OFFSET 0
        ) AS t
        CROSS JOIN LATERAL (
            SELECT l.* FROM lianyun.link l
            WHERE l.left_id = t.right_id AND l.kind = 6 AND NOT l.dead AND l.start_at < t.until AND l.until > t.start_at
            OFFSET 0
        ) AS w
    ) AS t
    CROSS JOIN LATERAL (
        SELECT coalesce(array_agg(DISTINCT o.cons), '{}') AS cons, coalesce(array_agg(DISTINCT e), '{}') AS engaged
        FROM (
            SELECT coalesce(k.canonical, b.cons) AS cons
            FROM (
                SELECT CASE WHEN l.right_kind = 1 THEN l.right_id ELSE g.right_id END AS cons
                FROM lianyun.link l
                LEFT JOIN lianyun.link g ON l.right_kind <> 1 AND g.left_id = l.right_id AND g.kind = 3 AND NOT g.dead
                WHERE l.left_id = t.box AND l.kind = 1 AND NOT l.dead AND l.start_at < t.until AND l.until > t.start_at
                OFFSET 0
            ) AS b
            LEFT JOIN lianyun.canonical k ON k.cons = b.cons
            WHERE b.cons IS NOT NULL
            OFFSET 0
        ) AS o
        JOIN lianyun.reach r ON r.cons = o.cons
        LEFT JOIN LATERAL unnest(r.engaged) AS e ON true
    ) AS c
    WHERE (t.composed_at OR t.composed_by = ANY (c.engaged)) AND (t.loaded_at OR t.loaded_by = ANY (c.engaged))
) AS r
GROUP BY r.train

-- name: same
-- The other names of the trains, and who says so.
SELECT s.left_id, s.right_id, s.publisher, s.territorial
FROM unnest(%(trains)s::uuid[]) AS n (id)
JOIN lianyun.link s ON s.left_id = n.id AND s.kind = 9 AND NOT s.dead
