-- The SQL of the statistics, by name.

-- name: aside_since
-- What was put aside with its key after a publication; it counted then.
SELECT q.no FROM lianyun.quarantine q WHERE q.xid >= %(xid)s::text::xid8

-- name: batches
-- Which transaction made which events visible, and when.
SELECT b.first_no, b.xid::text::bigint, (extract(epoch FROM b.at) * 1000000)::bigint FROM lianyun.batch b ORDER BY b.first_no

-- name: bounds
-- The first departure and pledge of all; one reading of the claims, for whoever publishes.
SELECT least(
    (SELECT min(c.happened) FROM lianyun.claim c WHERE c.milestone = %(departed)s),
    (SELECT min(d.at) FROM lianyun.financing_decision d WHERE d.action = 'PLEDGE' AND d.outcome = 'DONE')
)

-- name: departed
-- The trains, wagons, boxes and papers of which a signed event says that they left in the month, dead events included; and with that the
-- consignments that may have left in it. Which have, and all else, is derived from the events.
SELECT DISTINCT c.object FROM lianyun.claim c
WHERE c.milestone = %(departed)s AND c.happened >= %(since)s AND c.happened < %(until)s

-- name: figures
SELECT f.month, f.revision, f.definition, f.corridor, f.part, f.counted, f.low, f.middle, f.high, f.events, f.inputs
FROM lianyun.statistics_figure f
WHERE (%(month)s::integer IS NULL OR f.month = %(month)s) AND (%(revision)s::smallint IS NULL OR f.revision = %(revision)s)
ORDER BY f.month, f.revision, f.definition, f.part, f.corridor

-- name: horizon
-- Below it no transaction can store an event any more.
SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint, (extract(epoch FROM now()) * 1000000)::bigint

-- name: pledges
-- The platform's signed decisions on every financing that was pledged in the month, as they stood at a publication.
SELECT d.headers, d.payload FROM lianyun.financing_decision d
WHERE d.outcome = 'DONE' AND d.xid < %(xid)s::text::xid8 AND d.financing IN (
    SELECT p.financing FROM lianyun.financing_decision p
    WHERE p.action = 'PLEDGE' AND p.outcome = 'DONE' AND p.at >= %(since)s AND p.at < %(until)s
)
ORDER BY d.number

-- name: publications
SELECT p.month, p.revision, p.final, p.as_of, p.xid::text::bigint, p.definitions FROM lianyun.statistics_publication p
ORDER BY p.month, p.revision

-- name: put_figures
INSERT INTO lianyun.statistics_figure (month, revision, definition, corridor, part, counted, low, middle, high, events, inputs)
SELECT %(month)s, %(revision)s, n.* FROM unnest(
    %(definition)s::text[], %(corridor)s::text[], %(part)s::text[], %(counted)s::bigint[], %(low)s::bigint[], %(middle)s::bigint[],
    %(high)s::bigint[], %(events)s::bigint[], %(inputs)s::bytea[]
) AS n

-- name: put_publication
INSERT INTO lianyun.statistics_publication (month, revision, final, as_of, xid, definitions)
VALUES (%(month)s, %(revision)s, %(final)s, %(as_of)s, %(xid)s::text::xid8, %(definitions)s)

-- name: turn
-- One publisher at a time; no row is locked.
SELECT pg_try_advisory_lock(7001, 4)
