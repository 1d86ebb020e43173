-- The SQL of the line, by name.

-- name: carried
-- The consignments in each box, as their groups are called, when, and who is engaged in them.
SELECT b.id, r.cons, l.start_at, l.until, r.engaged
FROM unnest(%(boxes)s::uuid[]) AS b (id)
CROSS JOIN LATERAL (
    SELECT n.right_id, n.right_kind, n.start_at, n.until FROM lianyun.link n
    WHERE n.left_id = b.id AND n.kind = 1 AND NOT n.dead AND n.start_at <= %(until)s AND n.until > %(since)s
    OFFSET 0
) AS l
LEFT JOIN lianyun.link g ON l.right_kind <> 1 AND g.left_id = l.right_id AND g.kind = 3 AND NOT g.dead
LEFT JOIN lianyun.canonical k ON k.cons = CASE WHEN l.right_kind = 1 THEN l.right_id ELSE g.right_id END
JOIN lianyun.reach r ON r.cons = coalesce(k.canonical, CASE WHEN l.right_kind = 1 THEN l.right_id ELSE g.right_id END)

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

-- name: composed
-- The wagons of each train and when they were in it.
SELECT n.id, l.right_id, l.start_at, l.until, l.publisher, l.territorial
FROM unnest(%(trains)s::uuid[]) AS n (id)
CROSS JOIN LATERAL (
    SELECT * FROM lianyun.link t WHERE t.left_id = n.id AND t.kind = 7 AND NOT t.dead OFFSET 0
) AS l

-- name: last_sign
-- When any train was last heard of.
SELECT max(greatest(h.milestone[1], h.position[1])) FROM lianyun.train_head h
WHERE greatest(h.milestone[1], h.position[1]) <= %(now)s

-- name: loaded
-- The boxes on each wagon and when they were on it, and on which other wagons the same boxes were.
WITH box AS MATERIALIZED (
    SELECT DISTINCT l.right_id AS id
    FROM unnest(%(wagons)s::uuid[]) AS n (id)
    CROSS JOIN LATERAL (
        SELECT t.right_id FROM lianyun.link t
        WHERE t.left_id = n.id AND t.kind = 6 AND NOT t.dead AND t.start_at <= %(until)s AND t.until > %(since)s
        OFFSET 0
    ) AS l
)
SELECT l.left_id, b.id, l.start_at, l.until, l.publisher, l.territorial
FROM box b
CROSS JOIN LATERAL (
    SELECT * FROM lianyun.link t
    WHERE t.right_id = b.id AND t.kind = 6 AND NOT t.dead AND t.start_at <= %(until)s AND t.until > %(since)s
    OFFSET 0
) AS l

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

-- name: same
-- The other names of the trains, and who says so.
SELECT s.left_id, s.right_id, s.publisher, s.territorial
FROM unnest(%(trains)s::uuid[]) AS n (id)
JOIN lianyun.link s ON s.left_id = n.id AND s.kind = 9 AND NOT s.dead
