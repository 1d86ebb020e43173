-- The SQL of panels, by name.

-- name: border_boxes
SELECT b.crossing, b.train, b.container, b.waits_for AS "waits for"
FROM dashboard.border_box b
WHERE b.waits_for <> '' AND b.crossing ~ '^(${crossing:regex})$' AND strpos(b.train, ${train:sqlstring}) > 0
ORDER BY b.crossing, b.train, b.container
LIMIT 1000

-- name: border_cases
SELECT c.crossing, c.kind, c.what, c.about, c.due, c.owner, c.snoozed_until AS "snoozed until"
FROM dashboard.open_case c
WHERE c.crossing ~ '^(${crossing:regex})$'
ORDER BY c.due
LIMIT 1000

-- name: border_due
SELECT count(*) AS trains FROM dashboard.border_train t WHERE t.phase = 'DUE' AND t.crossing ~ '^(${crossing:regex})$'

-- name: border_handed_over
SELECT count(*) AS trains FROM dashboard.border_train t WHERE t.phase = 'HANDED_OVER' AND t.crossing ~ '^(${crossing:regex})$'

-- name: border_not_ready
SELECT count(*) AS boxes FROM dashboard.border_box b
WHERE b.phase IN ('DUE', 'QUEUED') AND b.waits_for <> '' AND b.crossing ~ '^(${crossing:regex})$'

-- name: border_queued
SELECT count(*) AS trains FROM dashboard.border_train t WHERE t.phase = 'QUEUED' AND t.crossing ~ '^(${crossing:regex})$'

-- name: border_restrictions
SELECT r.place, r.kind, r.direction, r.starts AS "from", r.ends AS "to", r.by, r.in_force AS "in force"
FROM dashboard.restriction r
WHERE coalesce(r.ends, 'infinity') > r.shown_at AND coalesce(r.crossing, '') ~ '^(${crossing:regex})$'
ORDER BY r.starts

-- name: border_trains
SELECT t.crossing, t.phase, t.train, t.bound, t.ready || '/' || t.boxes AS ready, t.waits_for AS "waits for",
       t.beijing AS "Beijing", t.local, t.moscow AS "Moscow", t.expected_by AS "due by", t.last_event AS "last event",
       t.position, t.case_owner AS "case owner", t.cases
FROM dashboard.border_train t
WHERE t.crossing ~ '^(${crossing:regex})$' AND strpos(t.train, ${train:sqlstring}) > 0
ORDER BY t.crossing, array_position('{QUEUED,DUE,HANDED_OVER}', t.phase), t.at

-- name: cases_by_kind
SELECT c.crossing, c.kind, c.what, count(*) AS open, count(*) FILTER (WHERE c.owner IS NULL) AS "nobody's",
       min(c.due) AS "first is due"
FROM dashboard.open_case c
GROUP BY c.crossing, c.kind, c.what
ORDER BY min(c.due)

-- name: cases_open
SELECT count(*) AS "open" FROM dashboard.open_case

-- name: closures
-- Annotations: when a restriction begins and when it ends. As spans they would tint every curve for weeks, one over the other.
SELECT e.at AS time, r.kind || ' ' || r.direction || ' at ' || r.place || ' ' || e.happens AS text,
       concat_ws(',', r.kind, r.crossing) AS tags
FROM dashboard.restriction r, LATERAL (VALUES (r.starts, 'begins'), (r.ends, 'ends')) AS e (at, happens)
WHERE $__timeFilter(e.at)
ORDER BY e.at

-- name: deployments
-- Annotations: when the database was brought to a new release, and when a rebuilt state took over.
SELECT d.at AS time, d.what AS text FROM dashboard.deployment d
WHERE $__timeFilter(d.at)
ORDER BY d.at

-- name: letters
SELECT l.partner, l.reason, l.letters, l.messages, l.first, l.last, l.remedy AS "to do"
FROM dashboard.dead_letter l
WHERE l.partner ~ '^(${partner:regex})$'
ORDER BY l.letters DESC

-- name: partners
SELECT p.partner, p.name, p.roles, p.heard, p.open_letters AS "open letters", p.oldest_open AS "oldest open letter",
       p.key_ends AS "last key ends"
FROM dashboard.partner p
WHERE p.partner ~ '^(${partner:regex})$'
ORDER BY p.open_letters DESC, p.heard NULLS FIRST

-- name: restrictions_in_force
SELECT count(*) AS "in force" FROM dashboard.restriction r WHERE r.in_force
