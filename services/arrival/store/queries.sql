-- The SQL of arrival times, by name.

-- name: advance
-- ``whole``: nothing further was visible.
UPDATE lianyun.arrival_cursor
SET xid = %(xid)s::text::xid8, no = %(no)s, aside_xid = %(aside_xid)s::text::xid8, aside_no = %(aside_no)s,
    whole_at = CASE WHEN %(whole)s THEN now() ELSE whole_at END

-- name: again_drop
DELETE FROM lianyun.arrival_again WHERE cons = ANY (%(ids)s::uuid[])

-- name: again_due
SELECT cons FROM lianyun.arrival_again
WHERE mark < coalesce((SELECT id FROM lianyun.pending ORDER BY id LIMIT 1), 9223372036854775807)

-- name: again_put
-- What was evaluated while something waited to be settled is evaluated once more when all that waited then is done.
INSERT INTO lianyun.arrival_again (cons, mark) SELECT n.cons, %(mark)s FROM unnest(%(ids)s::uuid[]) AS n (cons)
ON CONFLICT (cons) DO UPDATE SET mark = excluded.mark

-- name: begin
INSERT INTO lianyun.arrival_cursor (version) VALUES (%(version)s) ON CONFLICT (single) DO NOTHING

-- name: border_cells
SELECT c.kind, c.stage, c.first, c.last, c.by, c.week, c.hours, c.trains FROM lianyun.arrival_count c
WHERE c.kind = 1 AND c.stage IN (6, 7)
ORDER BY c.stage, c.first, c.last, c.by, c.week, c.hours

-- name: broken
SELECT cons FROM lianyun.arrival_broken ORDER BY cons

-- name: broken_drop
DELETE FROM lianyun.arrival_broken WHERE cons = ANY (%(ids)s::uuid[])

-- name: broken_put
INSERT INTO lianyun.arrival_broken (cons, fault) SELECT * FROM unnest(%(ids)s::uuid[], %(faults)s::text[])
ON CONFLICT (cons) DO UPDATE SET fault = excluded.fault

-- name: cells
-- What is counted of legs, of gaps after them, and of estimates of an arrival.
SELECT c.kind, c.stage, c.first, c.last, c.by, c.week, c.hours, c.trains
FROM unnest(%(stages)s::smallint[], %(firsts)s::text[], %(lasts)s::text[]) AS n (stage, first, last)
JOIN lianyun.arrival_count c ON (c.stage, c.first, c.last) = (n.stage, n.first, n.last)
ORDER BY c.stage, c.first, c.last, c.kind, c.by, c.week, c.hours

-- name: cursor
SELECT version, xid::text, no, aside_xid::text, aside_no FROM lianyun.arrival_cursor

-- name: forget
WITH legs AS (DELETE FROM lianyun.arrival_leg), counts AS (DELETE FROM lianyun.arrival_count),
     again AS (DELETE FROM lianyun.arrival_again), broken AS (DELETE FROM lianyun.arrival_broken),
     -- Whoever follows habits sees that they are gone.
     habits AS (UPDATE lianyun.arrival_habit SET publishers = '{}', normal = 0, alarming = 0, seen = 0, xid = pg_current_xact_id()
                WHERE seen > 0)
UPDATE lianyun.arrival_cursor
SET version = %(version)s, xid = '0', no = 0, aside_xid = '0', aside_no = 0, whole_at = NULL

-- name: habits
SELECT h.stage, h.first, h.last, h.publishers, h.normal, h.alarming, h.seen
FROM unnest(%(stages)s::smallint[], %(firsts)s::text[], %(lasts)s::text[]) AS n (stage, first, last)
JOIN lianyun.arrival_habit h ON (h.stage, h.first, h.last) = (n.stage, n.first, n.last)
WHERE h.seen > 0

-- name: judgment_number
SELECT nextval('lianyun.arrival_judgment_number')

-- name: lasting
-- The legs that last to one of these places, or between these two sides of a border.
SELECT DISTINCT l.stage, l.first, l.last, l.by, l.began, l.present FROM lianyun.arrival_leg l
WHERE l.ended IS NULL AND l.last = ANY (%(lasts)s::text[])
ORDER BY l.stage, l.first, l.last, l.by, l.began, l.present

-- name: latest_judgments
SELECT j.cons, j.number, j.consignment, j.subject, j.before, j.at, j.position, j.due, j.due_event, j.lateness, j.p10, j.p50, j.p90, j.model,
       j.evidence
FROM lianyun.arrival_judged l JOIN lianyun.arrival_judgment j ON j.number = l.last
WHERE l.cons = ANY (%(ids)s::uuid[])
ORDER BY j.cons, j.subject

-- name: passed
-- When trains were handed over at these borders, both ways, since a moment.
SELECT DISTINCT l.first, l.last, l.ended
FROM unnest(%(firsts)s::text[], %(lasts)s::text[]) AS n (first, last)
JOIN lianyun.arrival_leg l ON (l.first, l.last) = (n.first, n.last)
WHERE l.kind = 1 AND l.stage = 6 AND l.ended IS NOT NULL AND l.ended >= %(since)s
ORDER BY l.first, l.last, l.ended

-- name: put
INSERT INTO lianyun.arrival_leg (cons, kind, stage, first, last, by, began, ended, present)
SELECT * FROM unnest(%(conses)s::uuid[], %(kinds)s::smallint[], %(stages)s::smallint[], %(firsts)s::text[], %(lasts)s::text[],
                     %(bys)s::text[], %(begans)s::bigint[], %(endeds)s::bigint[], %(presents)s::boolean[])

-- name: put_habits
-- Of a leg without a habit there is a row only where it had one. How many gaps were seen moves nobody's cases by itself.
INSERT INTO lianyun.arrival_habit AS h (stage, first, last, publishers, normal, alarming, seen)
SELECT n.stage, n.first, n.last, string_to_array(n.publishers, ','), n.normal, n.alarming, n.seen
FROM unnest(%(stages)s::smallint[], %(firsts)s::text[], %(lasts)s::text[], %(publishers)s::text[], %(normals)s::bigint[],
            %(alarmings)s::bigint[], %(seens)s::integer[]) AS n (stage, first, last, publishers, normal, alarming, seen)
WHERE n.seen > 0 OR EXISTS (
    SELECT FROM lianyun.arrival_habit o WHERE (o.stage, o.first, o.last) = (n.stage, n.first, n.last) AND o.seen > 0
)
ON CONFLICT (stage, first, last) DO UPDATE
SET publishers = excluded.publishers, normal = excluded.normal, alarming = excluded.alarming, seen = excluded.seen,
    xid = CASE WHEN (h.publishers, h.normal, h.alarming, h.seen > 0)
                    IS DISTINCT FROM (excluded.publishers, excluded.normal, excluded.alarming, excluded.seen > 0)
               THEN pg_current_xact_id() ELSE h.xid END
WHERE (h.publishers, h.normal, h.alarming, h.seen)
      IS DISTINCT FROM (excluded.publishers, excluded.normal, excluded.alarming, excluded.seen)

-- name: put_judgment
WITH latest AS (
    INSERT INTO lianyun.arrival_judged (cons, subject, last) VALUES (%(cons)s, %(subject)s, %(number)s)
    ON CONFLICT (cons, subject) DO UPDATE SET last = excluded.last
)
INSERT INTO lianyun.arrival_judgment
    (number, cons, consignment, subject, before, at, position, due, due_event, lateness, p10, p50, p90, model, evidence, inputs,
     headers, payload)
VALUES
    (%(number)s, %(cons)s, %(consignment)s, %(subject)s, %(before)s, %(at)s, %(position)s, %(due)s, %(due_event)s, %(lateness)s,
     %(p10)s, %(p50)s, %(p90)s, %(model)s, %(evidence)s::uuid[], %(inputs)s, %(headers)s, %(payload)s)

-- name: recount
-- The counts of the given legs and weeks, made again from their rows.
WITH cell (stage, first, last, kind, by, week) AS MATERIALIZED (
    SELECT DISTINCT * FROM unnest(%(stages)s::smallint[], %(firsts)s::text[], %(lasts)s::text[], %(kinds)s::smallint[],
                                  %(bys)s::text[], %(weeks)s::integer[])
), counted AS MATERIALIZED (
    SELECT l.stage, l.first, l.last, l.kind, l.by, l.week, l.hours, count(DISTINCT (l.began, l.ended))::integer AS trains
    FROM cell n
    JOIN lianyun.arrival_leg l ON (l.stage, l.first, l.last, l.kind, l.by, l.week) = (n.stage, n.first, n.last, n.kind, n.by, n.week)
    WHERE l.ended IS NOT NULL
    GROUP BY l.stage, l.first, l.last, l.kind, l.by, l.week, l.hours
), gone AS (
    DELETE FROM lianyun.arrival_count c USING cell n
    WHERE (c.stage, c.first, c.last, c.kind, c.by, c.week) = (n.stage, n.first, n.last, n.kind, n.by, n.week)
      AND NOT EXISTS (SELECT FROM counted o WHERE (o.stage, o.first, o.last, o.kind, o.by, o.week, o.hours)
                                                 = (c.stage, c.first, c.last, c.kind, c.by, c.week, c.hours))
)
INSERT INTO lianyun.arrival_count AS c (stage, first, last, kind, by, week, hours, trains)
SELECT stage, first, last, kind, by, week, hours, trains FROM counted
ON CONFLICT (stage, first, last, kind, by, week, hours) DO UPDATE SET trains = excluded.trains WHERE c.trains <> excluded.trains

-- name: remove
DELETE FROM lianyun.arrival_leg WHERE cons = ANY (%(ids)s::uuid[])
RETURNING cons, kind, stage, first, last, by, began, ended, present

-- name: turn
-- One follower at a time; no row is locked.
SELECT pg_advisory_xact_lock(7001, 3)

-- name: whole_at
SELECT whole_at FROM lianyun.arrival_cursor
