-- The SQL of the credit signals, by name.

-- name: about
SELECT event FROM lianyun.credit_about WHERE key = ANY (%(keys)s)

-- name: advance
-- ``whole``: nothing further was visible, so what stands is what was said by now.
UPDATE lianyun.credit_cursor
SET xid = %(xid)s::text::xid8, no = %(no)s, aside_xid = %(aside_xid)s::text::xid8, aside_no = %(aside_no)s,
    decided_xid = %(decided_xid)s::text::xid8, decided_no = %(decided_no)s,
    whole_at = CASE WHEN %(whole)s THEN now() ELSE whole_at END

-- name: again_drop
DELETE FROM lianyun.credit_again WHERE cons = ANY (%(ids)s::uuid[])

-- name: again_due
SELECT cons FROM lianyun.credit_again
WHERE mark < coalesce((SELECT id FROM lianyun.pending ORDER BY id LIMIT 1), 9223372036854775807)

-- name: again_put
-- What was judged while something waited to be settled is judged once more when all that waited then is done.
INSERT INTO lianyun.credit_again (cons, mark) SELECT n.cons, %(mark)s FROM unnest(%(ids)s::uuid[]) AS n (cons)
ON CONFLICT (cons) DO UPDATE SET mark = excluded.mark

-- name: against
-- What went wrong, and what rests on the given (disputed) events.
SELECT shipper, signal, subject, unit, day, bad, events FROM lianyun.credit_observation
WHERE shipper = %(shipper)s AND (bad > 0 OR events && %(events)s::uuid[])

-- name: begin
INSERT INTO lianyun.credit_cursor (version) VALUES (%(version)s) ON CONFLICT (single) DO NOTHING

-- name: broken
SELECT kind, name, fault FROM lianyun.credit_broken ORDER BY kind, name

-- name: broken_drop
DELETE FROM lianyun.credit_broken b USING unnest(%(kinds)s::text[], %(names)s::text[]) AS n (kind, name)
WHERE (b.kind, b.name) = (n.kind, n.name)

-- name: broken_put
INSERT INTO lianyun.credit_broken (kind, name, fault)
SELECT * FROM unnest(%(kinds)s::text[], %(names)s::text[], %(faults)s::text[])
ON CONFLICT (kind, name) DO UPDATE SET fault = excluded.fault

-- name: change
-- Adds differences to the counts; a count that falls to nothing goes.
WITH change (shipper, signal, day, trials, bad) AS MATERIALIZED (
    SELECT * FROM unnest(%(shippers)s::text[], %(signals)s::smallint[], %(days)s::integer[], %(trials)s::integer[],
                         %(bads)s::bigint[])
), changed AS (
    UPDATE lianyun.credit_count c SET trials = c.trials + n.trials, bad = c.bad + n.bad
    FROM change n WHERE (c.shipper, c.signal, c.day) = (n.shipper, n.signal, n.day)
    RETURNING c.shipper, c.signal, c.day
)
INSERT INTO lianyun.credit_count (shipper, signal, day, trials, bad)
SELECT n.shipper, n.signal, n.day, n.trials, n.bad FROM change n
WHERE NOT EXISTS (SELECT 1 FROM changed c WHERE (c.shipper, c.signal, c.day) = (n.shipper, n.signal, n.day))

-- name: closure
-- The events under the given ids with all that withdraws them, at any depth, and all contents under their ids.
WITH RECURSIVE told (id) AS (
    SELECT id FROM unnest(%(ids)s::uuid[]) AS n (id)
    UNION
    SELECT w.event FROM told t JOIN lianyun.withdrawal w ON w.target = t.id
)
SELECT c.no FROM told t CROSS JOIN LATERAL (
    SELECT i.no FROM lianyun.identity i WHERE i.id = t.id
    UNION ALL
    SELECT v.no FROM lianyun.variant v WHERE v.id = t.id
) AS c

-- name: counts
SELECT shipper, signal, day, trials, bad FROM lianyun.credit_count WHERE shipper = %(shipper)s

-- name: cursor
SELECT version, xid::text, no, aside_xid::text, aside_no, decided_xid::text, decided_no FROM lianyun.credit_cursor

-- name: decided
-- Reservations that were made or refused, in the order in which the decisions became visible.
SELECT d.xid::text, d.number, d.application FROM lianyun.financing_decision d
WHERE d.xid < pg_snapshot_xmin(pg_current_snapshot())
  AND (d.xid, d.number) > (%(xid)s::text::xid8, %(no)s::bigint)
  AND d.action = 'RESERVE' AND d.outcome IN ('DONE', 'REFUSED')
ORDER BY d.xid, d.number
LIMIT %(limit)s

-- name: forget
-- Where events are found by key stays: it only grows, and a reader must not miss a revocation while all is judged anew.
WITH o AS (DELETE FROM lianyun.credit_observation), c AS (DELETE FROM lianyun.credit_count),
     g AS (DELETE FROM lianyun.credit_again), b AS (DELETE FROM lianyun.credit_broken)
UPDATE lianyun.credit_cursor
SET version = %(version)s, xid = '0', no = 0, aside_xid = '0', aside_no = 0, decided_xid = '0', decided_no = 0,
    whole_at = NULL

-- name: note
INSERT INTO lianyun.credit_about (key, event)
SELECT n.key, n.event FROM unnest(%(keys)s::text[], %(events)s::uuid[]) AS n (key, event)
ON CONFLICT DO NOTHING

-- name: observations
SELECT shipper, signal, subject, unit, day, bad, events FROM lianyun.credit_observation
WHERE subject = ANY (%(subjects)s) AND (signal = 8) = %(financing)s

-- name: put
INSERT INTO lianyun.credit_observation (shipper, signal, subject, unit, day, bad, events)
VALUES (%(shipper)s, %(signal)s, %(subject)s, %(unit)s, %(day)s, %(bad)s, %(events)s::uuid[])

-- name: record_given
SELECT id, reader, purpose, given, body FROM lianyun.credit_record
WHERE shipper = %(shipper)s AND given = %(given)s AND id = %(id)s AND reader <> shipper
ORDER BY no LIMIT 1

-- name: record_last
SELECT no, id FROM lianyun.credit_record
WHERE reader = %(reader)s AND purpose = %(purpose)s AND shipper = %(shipper)s ORDER BY no DESC LIMIT 1

-- name: record_put
INSERT INTO lianyun.credit_record (id, reader, purpose, shipper, given, body, supersedes)
VALUES (%(id)s, %(reader)s, %(purpose)s, %(shipper)s, %(given)s, %(body)s, %(supersedes)s)
RETURNING no

-- name: record_turn
-- One at a time for each reader, purpose and shipper, so that each record supersedes the one before it.
SELECT pg_advisory_xact_lock(hashtextextended(%(reader)s || '/' || %(purpose)s || '/' || %(shipper)s, 7000))

-- name: records
SELECT no, given, body, supersedes FROM lianyun.credit_record
WHERE reader = %(reader)s AND shipper = %(shipper)s ORDER BY no

-- name: records_given
-- What others were given of a shipper, the latest first.
SELECT id, reader, purpose, given, body FROM lianyun.credit_record
WHERE shipper = %(shipper)s AND reader <> shipper AND (%(before)s::bigint IS NULL OR given < %(before)s)
ORDER BY given DESC, no DESC
LIMIT %(limit)s

-- name: refusals
-- Why reservations for the applicants were refused, where the applicant itself had reserved at another bank before, and the
-- application was refused to the end. A bank that asks again for what it holds, whoever finds his cargo taken by a stranger, and
-- a take-over to which the first bank consents later, have offered nothing twice.
SELECT d.guard, d.at, d.application, d.headers FROM lianyun.financing_decision d
WHERE d.applicant = ANY (%(applicants)s) AND d.action = 'RESERVE' AND d.outcome = 'REFUSED'
  AND EXISTS (SELECT FROM lianyun.financing_decision e
              WHERE e.applicant = d.applicant AND e.number < d.number AND e.action = 'RESERVE' AND e.outcome = 'DONE'
                AND e.asked_by <> d.asked_by)
  AND NOT EXISTS (SELECT FROM lianyun.financing_decision e
                  WHERE e.applicant = d.applicant AND e.application = d.application AND e.action = 'RESERVE'
                    AND e.outcome = 'DONE')
ORDER BY d.number

-- name: remove
DELETE FROM lianyun.credit_observation o
USING unnest(%(subjects)s::text[], %(signals)s::smallint[], %(units)s::text[], %(shippers)s::text[])
    AS n (subject, signal, unit, shipper)
WHERE (o.subject, o.signal, o.unit, o.shipper) = (n.subject, n.signal, n.unit, n.shipper)

-- name: siblings
-- Where the given papers and boxes lead besides: the events of those links, onward to the consignments.
WITH RECURSIVE onward (no, id) AS (
    SELECT l.no, l.right_id FROM unnest(%(ids)s::uuid[]) AS n (id) JOIN lianyun.link l ON l.left_id = n.id
    WHERE l.kind < 6
    UNION
    SELECT l.no, l.right_id FROM onward o JOIN lianyun.link l ON l.left_id = o.id WHERE l.kind < 6
)
SELECT DISTINCT no FROM onward

-- name: sweep
DELETE FROM lianyun.credit_count c
USING unnest(%(shippers)s::text[], %(signals)s::smallint[], %(days)s::integer[]) AS n (shipper, signal, day)
WHERE (c.shipper, c.signal, c.day) = (n.shipper, n.signal, n.day) AND c.trials = 0

-- name: turn
-- One follower at a time. No row is locked: a transaction that writes nothing yet keeps no other from settling.
SELECT pg_advisory_xact_lock(7001, 1)

-- name: whole_at
SELECT whole_at FROM lianyun.credit_cursor
