-- The SQL of the border board, by name.

-- name: also
-- The other trains that carry the boxes around a moment, and the events that say so: the same cargo under another railway's number.
SELECT a.train, a.other, a.no
FROM lianyun.train_also(%(trains)s::uuid[], %(boxes)s::uuid[], %(moments)s::bigint[], %(around)s) AS a

-- name: announced
-- When each train is expected where: the plan or estimate of its arrival that was published last.
SELECT DISTINCT ON (c.object, c.place) c.object, c.place, c.happened
FROM lianyun.claim c
WHERE c.object = ANY (%(trains)s::uuid[]) AND c.milestone = %(arrived)s AND c.part = 0 AND NOT c.dead
ORDER BY c.object, c.place, c.published DESC, c.event_hi DESC, c.event_lo DESC

-- name: cargo
-- What the links say that each train carries at a moment: boxes and consignments (as their groups are called; without those that
-- are known to have left the box before), and the events that load the boxes.
WITH RECURSIVE down (train, id, kind, box, no, at) AS (
    SELECT t.train, t.train, 7::smallint, NULL::uuid, NULL::bigint, t.at
    FROM unnest(%(trains)s::uuid[], %(moments)s::bigint[]) AS t (train, at)
    UNION
    SELECT d.train, l.right_id, l.right_kind, CASE WHEN l.right_kind = 4 THEN l.right_id ELSE d.box END,
           CASE WHEN l.right_kind = 4 THEN l.no ELSE d.no END, d.at
    FROM down d JOIN lianyun.link l ON l.left_id = d.id
    WHERE d.kind <> 1 AND l.kind < 11 AND l.kind <> 8 AND NOT l.dead AND l.start_at <= d.at AND l.until > d.at
)
SELECT d.train, d.box, min(d.no), array_agg(DISTINCT h.cons) FILTER (WHERE h.cons IS NOT NULL AND NOT EXISTS (
    SELECT FROM lianyun.reach r
    WHERE r.cons = h.cons AND d.box = ANY (r.objects) AND NOT EXISTS (
        SELECT FROM unnest(r.objects, r.starts, r.untils) AS w (object, start_at, until)
        WHERE w.object = d.box AND w.start_at <= d.at AND d.at < w.until)))
FROM down d
LEFT JOIN lianyun.canonical k ON k.cons = d.id AND d.kind = 1
LEFT JOIN lianyun.head h ON h.cons = coalesce(k.canonical, d.id) AND d.kind = 1 AND h.founded
WHERE d.box IS NOT NULL
GROUP BY d.train, d.box

-- name: cases
-- Open cases about trains and places, those first in which somebody has to act first.
SELECT case_id, kind, what, about_kind, about, occurrence, crossing, due, owner_party, owner_desk, snoozed_until
FROM lianyun.case_open WHERE about_kind IN (4, 7, 8) ORDER BY due, case_id

-- name: freed
-- Of boxes that links put on trains at a moment, those that something may have taken off by then: the links, what may have ended
-- them, and whose word counts for the consignments in the box.
SELECT b.train, b.box, array_agg(DISTINCT e.no), (
    SELECT array_agg(DISTINCT n.party)
    FROM lianyun.link c
    LEFT JOIN lianyun.canonical k ON k.cons = c.right_id
    JOIN lianyun.reach r ON r.cons = coalesce(k.canonical, c.right_id)
    CROSS JOIN LATERAL unnest(r.engaged) AS n (party)
    WHERE c.left_id = b.box AND c.kind = 1 AND NOT c.dead AND c.start_at <= b.at AND c.until > b.at
)
FROM unnest(%(trains)s::uuid[], %(boxes)s::uuid[], %(moments)s::bigint[]) AS b (train, box, at)
JOIN lianyun.link w ON w.right_id = b.box AND w.kind = 6 AND NOT w.dead AND w.start_at <= b.at AND w.until > b.at
JOIN lianyun.link t ON t.right_id = w.left_id AND t.kind = 7 AND t.left_id = b.train AND NOT t.dead
    AND t.start_at <= b.at AND t.until > b.at
JOIN lianyun.link f ON f.right_id IN (b.box, w.left_id, b.train) AND f.kind > 10 AND NOT f.dead
    AND f.start_at > least(w.start_at, t.start_at) AND f.start_at <= b.at
CROSS JOIN LATERAL (VALUES (w.no), (t.no), (f.no)) AS e (no)
GROUP BY b.train, b.box, b.at

-- name: known
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

-- name: pipeline
-- How the platform itself is: what it accepted last, what waits, what was refused, who works.
SELECT (SELECT coalesce(sum(events), 0)::bigint FROM lianyun.batch
        WHERE at > now() - interval '1 minute'),
       (SELECT max(at) FROM lianyun.batch),
       (SELECT count(*) FROM lianyun.pending),
       (SELECT count(*) FROM lianyun.dead_letter WHERE state = 'OPEN'),
       (SELECT count(*) FROM lianyun.worker_slot WHERE leased_until > now()),
       (SELECT whole_at FROM lianyun.case_cursor),
       (SELECT whole_at FROM lianyun.credit_cursor)

-- name: restricted
-- The events that restrict the places, and those that lift a restriction.
WITH restricting AS (
    SELECT m.no, i.id FROM lianyun.mention m JOIN lianyun.body i ON i.no = m.no
    WHERE m.object = ANY (%(ids)s::uuid[])
)
SELECT no FROM restricting r WHERE NOT EXISTS (SELECT 1 FROM lianyun.dead d WHERE d.id = r.id)
UNION
SELECT m.no FROM restricting r JOIN lianyun.mention m ON m.object = r.id JOIN lianyun.body i ON i.no = m.no
WHERE NOT EXISTS (SELECT 1 FROM lianyun.dead d WHERE d.id = i.id)

-- name: routes
-- The events that plan a route of the consignments, by consignment.
SELECT r.cons, m.no
FROM lianyun.reach r
JOIN lianyun.mention m ON m.object = ANY (r.objects || r.cons)
JOIN lianyun.body i ON i.no = m.no
WHERE r.cons = ANY (%(ids)s::uuid[]) AND NOT EXISTS (SELECT 1 FROM lianyun.dead d WHERE d.id = i.id)

-- name: trains
-- The trains of which something was heard in the given time, with the latest that was.
SELECT t.train, t.milestone, t.position, t.exceptions
FROM lianyun.train_head t
WHERE greatest(t.milestone[1], t.position[1]) BETWEEN %(since)s AND %(now)s
