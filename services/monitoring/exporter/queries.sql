-- The SQL of the exporter, by name.

-- name: archiver
-- Nothing is to be archived where archive_mode is off.
SELECT coalesce(extract(epoch FROM a.last_archived_time), 0), coalesce(extract(epoch FROM a.last_failed_time), 0), a.failed_count
FROM pg_stat_archiver a
WHERE current_setting('archive_mode') <> 'off'

-- name: arrived
-- One pass over the heads: what came to its destination lately, or went on from there lately.
SELECT h.cons FROM lianyun.head h
WHERE h.founded AND NOT h.broken AND h.movement[5] >= %(at_destination)s AND h.movement[1] >= %(since)s

-- name: behind
SELECT EXISTS (
    SELECT FROM lianyun.exporter_cursor c
    CROSS JOIN LATERAL (
        SELECT FROM lianyun.batch b
        WHERE b.xid < pg_snapshot_xmin(pg_current_snapshot()) AND (b.xid, b.first_no) > (c.xid, c.no)
        LIMIT 1
    ) AS n
)

-- name: border
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

-- name: clock
SELECT extract(epoch FROM clock_timestamp())

-- name: corridors
-- The crossing that the route planned last passes, for the consignment itself or for anything that reaches it.
SELECT n.cons, (
    SELECT p.object
    FROM lianyun.reach r
    CROSS JOIN LATERAL unnest(n.cons || r.objects) AS o (id)
    JOIN lianyun.mention m ON m.object = o.id
    JOIN lianyun.passing p ON p.no = m.no AND p.object = ANY (%(crossings)s::uuid[])
    WHERE r.cons = n.cons
    ORDER BY m.no DESC, p.object
    LIMIT 1
)
FROM unnest(%(consignments)s::uuid[]) AS n (cons)

-- name: database
-- Sessions of others are seen with their times by a member of pg_read_all_stats.
SELECT count(*), current_setting('max_connections')::integer, pg_database_size(current_database()),
       min(extract(epoch FROM a.xact_start)) FILTER (WHERE a.backend_xid IS NOT NULL AND a.datname = current_database()),
       (SELECT count(*) FROM lianyun.pending), count(*) FILTER (WHERE a.wait_event_type = 'Lock')
FROM pg_stat_activity a
WHERE a.backend_type = 'client backend'

-- name: decided
-- Further decisions that changed where financings stand, in the order in which they became visible for good.
SELECT d.xid::text, d.number, d.action, d.amount IS NOT NULL, d.financing, d.frees,
       d.outcome = 'DONE' AND d.action <> ALL (%(disposing)s::text[])
FROM lianyun.financing_decision d
WHERE d.xid < pg_snapshot_xmin(pg_current_snapshot()) AND (d.xid, d.number) > (%(xid)s::text::xid8, %(no)s::bigint)
ORDER BY d.xid, d.number
LIMIT %(limit)s

-- name: decided_before
-- The decision that last changed where each financing stood, before a decision; in the order asked. Whoever decides on a financing
-- has seen all earlier decisions on it, so where the later one is visible the earlier one is.
SELECT p.action, p.amount, p.financing
FROM unnest(%(financings)s::uuid[], %(numbers)s::bigint[]) WITH ORDINALITY AS n (financing, number, ordinal)
LEFT JOIN LATERAL (
    SELECT d.action, d.amount IS NOT NULL AS amount, d.financing
    FROM lianyun.financing_touched t
    JOIN lianyun.financing_decision d ON d.number = t.number
    WHERE t.financing = n.financing AND t.number < n.number
      AND d.outcome = 'DONE' AND d.action <> ALL (%(disposing)s::text[])
    ORDER BY t.number DESC
    LIMIT 1
) AS p ON true
ORDER BY n.ordinal

-- name: eta_border
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

-- name: eta_destination
-- When each consignment arrived at its destination first, and the announcements of that which were published before, the latest first.
SELECT n.cons, f.arrived, f.events, f.expected
FROM unnest(%(consignments)s::uuid[]) AS n (cons)
CROSS JOIN LATERAL (
    WITH said AS MATERIALIZED (
        SELECT c.no, c.happened, c.published, c.event_hi, c.event_lo, c.part
        FROM lianyun.reach r
        CROSS JOIN LATERAL unnest(r.objects, r.starts, r.untils) AS way (object, start_at, until)
        CROSS JOIN LATERAL (
            SELECT s.* FROM lianyun.claim s
            WHERE s.object = way.object AND s.happened >= way.start_at AND s.happened < way.until AND NOT s.dead
              AND s.milestone = %(arrived)s AND (s.territorial OR s.publisher = ANY (r.engaged))
            OFFSET 0
        ) AS c
        WHERE r.cons = n.cons
    ), came AS (
        SELECT min(s.happened) AS at FROM said s WHERE s.part = 1
    )
    SELECT m.at AS arrived, array_agg(e.no ORDER BY e.place) AS events, array_agg(e.happened ORDER BY e.place) AS expected
    FROM came m
    LEFT JOIN LATERAL (
        SELECT s.no, s.happened,
               row_number() OVER (ORDER BY s.published DESC, s.event_hi DESC, s.event_lo DESC) AS place
        FROM said s WHERE s.part = 0 AND s.published < m.at
    ) AS e ON e.place <= %(most)s
    WHERE m.at IS NOT NULL
    GROUP BY m.at
) AS f

-- name: financings
SELECT h.pledged, count(*) FROM lianyun.financing_hold h WHERE NOT h.ended GROUP BY h.pledged

-- name: follow
-- Goes on where the last one stopped, over the next batches that are visible for good. One at a time: another one that runs
-- finds the row taken and does nothing.
WITH place AS (
    SELECT c.xid, c.no FROM lianyun.exporter_cursor c FOR UPDATE SKIP LOCKED
), next AS (
    SELECT b.xid, b.first_no
    FROM place p
    CROSS JOIN LATERAL (
        SELECT n.xid, n.first_no
        FROM lianyun.batch n
        WHERE n.xid < pg_snapshot_xmin(pg_current_snapshot()) AND (n.xid, n.first_no) > (p.xid, p.no)
        ORDER BY n.xid, n.first_no
        LIMIT %(batches)s
    ) AS b
), heard AS (
    SELECT k.party, max(y.appended) AS appended
    FROM (
        SELECT e.key_id, max(e.appended) AS appended
        FROM next n
        CROSS JOIN LATERAL (
            SELECT s.key_id, s.appended FROM lianyun.body s
            WHERE s.no >= n.first_no AND s.no < n.first_no + 4096
        ) AS e
        GROUP BY e.key_id
    ) AS y
    JOIN lianyun.party_key k ON k.key_id = lpad(to_hex(y.key_id), 16, '0')
    GROUP BY k.party
), kept AS (
    INSERT INTO lianyun.partner_accepted AS a (party, appended)
    SELECT h.party, h.appended FROM heard h
    ON CONFLICT (party) DO UPDATE SET appended = excluded.appended WHERE excluded.appended > a.appended
)
UPDATE lianyun.exporter_cursor c
SET xid = l.xid, no = l.first_no
FROM (SELECT n.xid, n.first_no FROM next n ORDER BY n.xid DESC, n.first_no DESC LIMIT 1) AS l
RETURNING (SELECT count(*) FROM next)

-- name: judged
-- The moment that the causes of cases are of; null until all that is visible was followed.
SELECT CASE WHEN c.whole_at IS NOT NULL THEN c.as_of END FROM lianyun.case_cursor c

-- name: last_decided
-- Of the financings that hold something: when the one of which nothing was decided for longest was last decided on.
SELECT l.pledged, d.at
FROM (
    SELECT h.pledged, min(t.number) AS number
    FROM lianyun.financing_hold h
    CROSS JOIN LATERAL (
        SELECT max(f.number) AS number FROM lianyun.financing_touched f WHERE f.financing = h.financing
    ) AS t
    WHERE NOT h.ended
    GROUP BY h.pledged
) AS l
JOIN lianyun.financing_decision d ON d.number = l.number

-- name: lateness
-- What consignments are late for or silent about, one row for each announcement and each silence.
SELECT t.cons, t.kind, t.what, t.since FROM lianyun.case_lateness t

-- name: partners
-- Of every party that may publish now: when it was heard, and when its last key ends (null: never).
SELECT p.code, a.appended, k.ends
FROM lianyun.party p
CROSS JOIN LATERAL (
    SELECT CASE WHEN bool_or(s.not_after IS NULL) THEN NULL ELSE max(s.not_after) END AS ends, count(*) AS keys
    FROM lianyun.party_key s
    WHERE s.party = p.no AND s.revoked_at IS NULL
) AS k
LEFT JOIN lianyun.partner_accepted a ON a.party = p.no
WHERE k.keys > 0
ORDER BY p.code

-- name: requests
SELECT a.open, (SELECT b.appended FROM lianyun.body b WHERE b.no = a.first)
FROM (SELECT count(*) AS open, min(no) AS first FROM lianyun.financing_asked WHERE answered IS NULL) AS a

-- name: silent_publishers
-- Since when each publisher is silent on a leg, by its open cases; one whose leg is not known is left out.
SELECT o.what, o.occurrence, min(o.since) FROM lianyun.case_open o
WHERE o.kind = 'SILENT' AND o.occurrence <> '' AND o.stands
GROUP BY o.what, o.occurrence
ORDER BY o.what, o.occurrence

-- name: trade_findings
SELECT f.name, count(*) FROM lianyun.trade_finding t CROSS JOIN LATERAL unnest(t.found) AS f (name) GROUP BY f.name

-- name: transit
-- When the first fact on the way and the first one behind it happened to what reaches each consignment by other ways than a train.
SELECT n.cons,
       min(c.happened) FILTER (WHERE c.milestone < %(at_destination)s),
       min(c.happened) FILTER (WHERE c.milestone >= %(at_destination)s)
FROM unnest(%(consignments)s::uuid[]) AS n (cons)
JOIN lianyun.reach r ON r.cons = n.cons
CROSS JOIN LATERAL unnest(r.objects, r.starts, r.untils) AS way (object, start_at, until)
CROSS JOIN LATERAL (
    SELECT s.happened, s.milestone FROM lianyun.claim s
    WHERE s.object = way.object AND s.happened >= way.start_at AND s.happened < way.until AND NOT s.dead
      AND s.part = 1 AND s.milestone >= %(on_the_way)s AND (s.territorial OR s.publisher = ANY (r.engaged))
    OFFSET 0
) AS c
GROUP BY n.cons

-- name: under_way
-- One pass over the heads.
SELECT h.cons, coalesce(h.movement[5] / 100, 0), h.disputes > 0, h.exceptions > 0, h.broken
FROM lianyun.head h
WHERE h.founded AND (h.broken OR coalesce(h.movement[5], 0) < %(delivered)s)

-- name: wal_readable
SELECT has_function_privilege('pg_ls_waldir()', 'EXECUTE')

-- name: wal_size
SELECT coalesce(sum(w.size), 0) FROM pg_ls_waldir() w
