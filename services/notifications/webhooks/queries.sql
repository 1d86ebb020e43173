-- The SQL of webhooks, by name.

-- name: again_put
INSERT INTO lianyun.webhook_again (xid, first_no, at, mark)
SELECT n.xid::xid8, n.first_no, n.at, %(mark)s
FROM unnest(%(xids)s::text[], %(nos)s::bigint[], %(ats)s::bigint[]) AS n (xid, first_no, at)
ON CONFLICT (xid, first_no) DO UPDATE SET mark = excluded.mark

-- name: again_take
DELETE FROM lianyun.webhook_again
WHERE (xid, first_no) IN (
    SELECT a.xid, a.first_no FROM lianyun.webhook_again a
    WHERE a.mark < coalesce((SELECT p.id FROM lianyun.pending p ORDER BY p.id LIMIT 1), 9223372036854775807)
    ORDER BY a.mark
    LIMIT %(limit)s
)
RETURNING xid::text, first_no, at

-- name: batches
SELECT b.xid::text, b.first_no, (extract(epoch FROM b.at) * 1000000)::bigint
FROM lianyun.batch b
WHERE b.xid < pg_snapshot_xmin(pg_current_snapshot())
  AND b.xid >= %(xid)s::text::xid8 AND (b.xid > %(xid)s::text::xid8 OR b.first_no > %(no)s)
ORDER BY b.xid, b.first_no
LIMIT %(limit)s

-- name: cursor
SELECT c.xid::text, c.no, s.salt
FROM lianyun.webhook_cursor c CROSS JOIN lianyun.webhook_salt s
WHERE c.source = %(source)s
FOR UPDATE OF c

-- name: cursor_begin
-- From the first subscription on: whatever commits from now on lies at or above this horizon.
INSERT INTO lianyun.webhook_cursor (source, xid, no)
SELECT n.source, pg_snapshot_xmin(pg_current_snapshot()), -1
FROM unnest(ARRAY['decision', 'event', 'notice', 'watch']) AS n (source)
ON CONFLICT (source) DO NOTHING

-- name: cursor_move
UPDATE lianyun.webhook_cursor SET xid = %(xid)s::text::xid8, no = %(no)s WHERE source = %(source)s

-- name: cursor_skip
-- Nobody asks for it: whatever is visible for good by now needs no message. Whether anybody asks is seen by the snapshot that gives the
-- position, so who begins to ask meanwhile misses nothing.
UPDATE lianyun.webhook_cursor SET xid = pg_snapshot_xmin(pg_current_snapshot()), no = -1
WHERE source = %(source)s AND xid < pg_snapshot_xmin(pg_current_snapshot())
  AND NOT EXISTS (SELECT FROM lianyun.webhook_subscription s WHERE s.state <> 'REMOVED' AND %(type)s = ANY (s.types))
  AND NOT (%(source)s = 'event' AND EXISTS (SELECT FROM lianyun.subscription WHERE state = 'ACTIVE'))

-- name: decisions
SELECT d.xid::text, d.number, d.at, d.asked_by, d.financing, d.frees
FROM lianyun.financing_decision d
WHERE d.xid < pg_snapshot_xmin(pg_current_snapshot())
  AND d.xid >= %(xid)s::text::xid8 AND (d.xid > %(xid)s::text::xid8 OR d.number > %(no)s)
ORDER BY d.xid, d.number
LIMIT %(limit)s

-- name: deliveries
SELECT d.message, m.type, m.at, d.state, d.attempts, CASE WHEN d.state = 'WAITING' THEN d.due END, d.last_attempt,
       d.status, d.detail
FROM lianyun.webhook_delivery d
JOIN lianyun.webhook_message m ON m.id = d.message
WHERE d.subscription = %(id)s
  AND (%(state)s::text IS NULL OR d.state = %(state)s::text)
  AND (m.at, m.id) < (%(at)s::bigint, %(message)s::text)
ORDER BY m.at DESC, m.id DESC
LIMIT %(limit)s

-- name: disable
UPDATE lianyun.webhook_subscription SET state = 'DISABLED', reason = %(reason)s, version = version + 1
WHERE id = %(id)s AND state = 'ENABLED'
RETURNING version, party, url

-- name: endpoints
SELECT s.id, s.party, s.url, s.state, s.reason, s.failing_since,
       coalesce(d.waiting, 0), d.oldest, coalesce(d.dead, 0)
FROM lianyun.webhook_subscription s
LEFT JOIN LATERAL (
    SELECT count(*) FILTER (WHERE w.state = 'WAITING') AS waiting,
           min(w.due) FILTER (WHERE w.state = 'WAITING' AND s.state = 'ENABLED') AS oldest,
           count(*) FILTER (WHERE w.state = 'DEAD') AS dead
    FROM lianyun.webhook_delivery w WHERE w.subscription = s.id AND w.state <> 'DELIVERED'
) AS d ON true
WHERE s.state <> 'REMOVED'
ORDER BY s.party, s.id

-- name: failing
UPDATE lianyun.webhook_subscription SET failing_since = %(now)s
WHERE id = %(subscription)s AND failing_since IS NULL

-- name: followed
-- Whether somebody is notified of a consignment in another way (services.pages.subscriptions).
SELECT 1 WHERE EXISTS (SELECT FROM lianyun.subscription WHERE state = 'ACTIVE')

-- name: forget
-- Returns the numbers of the secrets.
WITH untold AS (
    DELETE FROM lianyun.webhook_delivery WHERE subscription = %(id)s RETURNING seal
), tally AS (
    UPDATE lianyun.webhook_tally SET rows = rows - (SELECT count(seal) FROM untold) WHERE name = 'deliveries to ' || %(id)s
)
DELETE FROM lianyun.webhook_secret WHERE subscription = %(id)s RETURNING no

-- name: founded
SELECT DISTINCT ON (f.cons) f.cons, f.no
FROM lianyun.founding f
WHERE f.cons = ANY (%(ids)s::uuid[])
ORDER BY f.cons, f.dead, f.no

-- name: make_due
UPDATE lianyun.webhook_delivery
SET due = %(due)s,
    seal = CASE WHEN seal IS NOT NULL THEN lianyun.webhook_delivery_seal(
        subscription, message, state, attempts, %(due)s, last_attempt, status, detail, same) END
WHERE subscription = %(id)s AND state = 'WAITING'

-- name: message_put
-- Messages with a delivery for each subscription that asks for them. A subscription that is not enabled gets its deliveries
-- too; they are due when it is enabled again. What was committed long before it was made is not for it: no transaction that
-- writes lasts ten minutes. Of the same thing (same) only one delivery stands untouched; whoever is about to take it is
-- waited for, so that news never joins a message that is being told already.
WITH wanted AS MATERIALIZED (
    SELECT DISTINCT ON (s.id, coalesce(n.same, n.id)) s.id AS subscription, s.state, n.*
    FROM unnest(%(ids)s::text[], %(parties)s::text[], %(types)s::text[], %(ats)s::bigint[], %(bodies)s::bytea[],
                %(sames)s::text[], %(traces)s::text[], %(seals)s::bytea[]) AS n (id, party, type, at, body, same, trace, seal)
    JOIN lianyun.webhook_subscription s ON s.party = n.party
    WHERE s.state <> 'REMOVED'
      AND CASE
              WHEN %(only)s::text IS NULL THEN n.type = ANY (s.types) AND n.at >= s.created - 600000000
              ELSE s.id = %(only)s::text
          END
      AND NOT EXISTS (
          SELECT FROM lianyun.webhook_delivery d
          WHERE d.subscription = s.id AND d.same = n.same AND d.state = 'WAITING' AND d.attempts = 0
      )
    ORDER BY s.id, coalesce(n.same, n.id), n.at, n.id
), put AS (
    INSERT INTO lianyun.webhook_message (id, party, type, at, body, traceparent, seal)
    SELECT DISTINCT ON (w.id) w.id, w.party, w.type, w.at, w.body, w.trace, w.seal FROM wanted w ORDER BY w.id
    ON CONFLICT (id) DO NOTHING
    RETURNING at
), told AS (
    INSERT INTO lianyun.webhook_delivery (subscription, message, state, attempts, due, detail, same, seal)
    SELECT w.subscription, w.id, 'WAITING', 0, d.due, '', w.same,
           lianyun.webhook_delivery_seal(w.subscription, w.id, 'WAITING', 0, d.due, NULL, NULL, '', w.same)
    FROM wanted w
    CROSS JOIN LATERAL (SELECT CASE WHEN w.state = 'ENABLED' THEN w.at ELSE %(forever)s::bigint END AS due) AS d
    ORDER BY w.subscription, w.id
    ON CONFLICT DO NOTHING
    RETURNING subscription
), tally AS (
    INSERT INTO lianyun.webhook_tally AS t (name, rows)
    SELECT n.name, count(*) FROM (
        SELECT 'messages of day ' || at / 86400000000 AS name FROM put UNION ALL SELECT 'deliveries to ' || subscription FROM told
    ) AS n GROUP BY n.name ORDER BY n.name
    ON CONFLICT (name) DO UPDATE SET rows = t.rows + excluded.rows
)
SELECT subscription FROM told

-- name: notices
SELECT n.xid::text, n.seq, n.at, s.party, s.reference, s.id::text || ' ' || n.no
FROM lianyun.subscription_notice n JOIN lianyun.subscription s ON s.id = n.subscription
WHERE n.state = 'QUEUED' AND n.xid < pg_snapshot_xmin(pg_current_snapshot())
  AND n.xid >= %(xid)s::text::xid8 AND (n.xid > %(xid)s::text::xid8 OR n.seq > %(no)s)
ORDER BY n.xid, n.seq
LIMIT %(limit)s

-- name: party_lock
-- Subscriptions of one party are made one after the other, so that their number is bounded.
SELECT pg_advisory_xact_lock(hashtextextended(%(party)s, 7300))

-- name: purge
WITH untold AS (
    DELETE FROM lianyun.webhook_delivery WHERE message = ANY (%(ids)s::text[]) RETURNING subscription, seal
), gone AS (
    DELETE FROM lianyun.webhook_message WHERE id = ANY (%(ids)s::text[]) RETURNING at, seal
), tally AS (
    UPDATE lianyun.webhook_tally AS t SET rows = t.rows - n.rows
    FROM (
        SELECT g.name, count(*) AS rows FROM (
            SELECT 'messages of day ' || at / 86400000000 AS name, seal FROM gone
            UNION ALL
            SELECT 'deliveries to ' || subscription, seal FROM untold
        ) AS g WHERE g.seal IS NOT NULL GROUP BY g.name
    ) AS n WHERE t.name = n.name
)
SELECT at FROM gone

-- name: purge_begin
-- Nobody adds a delivery of these any more until the transaction ends.
SELECT id FROM lianyun.webhook_message WHERE at < %(before)s ORDER BY at LIMIT %(limit)s FOR UPDATE

-- name: recipients
-- For each consignment: what its group is called, who of the given parties is engaged in it, and which banks among them
-- hold a pledge in it.
SELECT n.cons, g.id,
       ARRAY(SELECT e.word FROM unnest(r.engaged) AS e (word) WHERE e.word = ANY (%(words)s::bigint[])),
       ARRAY(
           SELECT DISTINCT split_part(h.name, '/', 1)
           FROM (
               SELECT g.id UNION SELECT o.cons FROM lianyun.canonical o WHERE o.canonical = g.id
           ) AS m (cons)
           JOIN lianyun.financing_cargo c ON c.consignment = m.cons
           JOIN lianyun.financing_hold h ON h.financing = c.financing
           WHERE h.pledged AND NOT h.ended AND split_part(h.name, '/', 1) = ANY (%(parties)s::text[])
       )
FROM unnest(%(ids)s::uuid[]) AS n (cons)
LEFT JOIN lianyun.canonical k ON k.cons = n.cons
CROSS JOIN LATERAL (SELECT coalesce(k.canonical, n.cons)) AS g (id)
JOIN lianyun.reach r ON r.cons = g.id AND r.founded

-- name: replay
-- Also what was told since then of earlier news: later news of the same thing may have joined it.
WITH told AS (
INSERT INTO lianyun.webhook_delivery (subscription, message, state, attempts, due, detail, seal)
SELECT s.id, m.id, 'WAITING', 0, %(now)s, 'replayed',
       lianyun.webhook_delivery_seal(s.id, m.id, 'WAITING', 0, %(now)s, NULL, NULL, 'replayed', NULL)
FROM lianyun.webhook_subscription s
JOIN lianyun.webhook_message m ON m.party = s.party AND m.type = ANY (s.types)
LEFT JOIN lianyun.webhook_delivery d ON d.subscription = s.id AND d.message = m.id
WHERE s.id = %(id)s AND s.state = 'ENABLED' AND (m.at >= %(since)s OR d.last_attempt >= %(since)s)
ORDER BY m.id
ON CONFLICT (subscription, message) DO UPDATE
SET state = 'WAITING', attempts = 0, due = excluded.due, detail = excluded.detail, same = NULL,
    seal = CASE WHEN webhook_delivery.seal IS NOT NULL THEN lianyun.webhook_delivery_seal(
        webhook_delivery.subscription, webhook_delivery.message, 'WAITING', 0, excluded.due, webhook_delivery.last_attempt,
        webhook_delivery.status, excluded.detail, NULL) END
WHERE webhook_delivery.state <> 'WAITING'
RETURNING subscription, xmax = 0 AS new
), tally AS (
    INSERT INTO lianyun.webhook_tally AS t (name, rows)
    SELECT 'deliveries to ' || subscription, count(*) FROM told WHERE new GROUP BY subscription
    ON CONFLICT (name) DO UPDATE SET rows = t.rows + excluded.rows
)
SELECT subscription FROM told

-- name: secret_expire
-- The present one ends with the overlap; what an earlier rotation left over ends now. Returns each number, and whether it is gone.
WITH gone AS (
    DELETE FROM lianyun.webhook_secret
    WHERE subscription = %(id)s AND scheme = %(scheme)s AND expires IS NOT NULL
    RETURNING no
), ending AS (
    UPDATE lianyun.webhook_secret SET expires = %(expires)s
    WHERE subscription = %(id)s AND scheme = %(scheme)s AND expires IS NULL
    RETURNING no
)
SELECT no, true FROM gone UNION ALL SELECT no, false FROM ending ORDER BY 1

-- name: secret_put
INSERT INTO lianyun.webhook_secret (subscription, scheme, sealed, public, created)
VALUES (%(id)s, %(scheme)s, %(sealed)s, %(public)s, %(now)s)
RETURNING no

-- name: secrets
SELECT scheme, sealed, created, expires
FROM lianyun.webhook_secret
WHERE subscription = %(id)s AND (expires IS NULL OR expires > %(now)s)
ORDER BY scheme, no DESC

-- name: settle
-- Only the attempt that holds it settles it: one that outlived its lease changes nothing.
UPDATE lianyun.webhook_delivery
SET state = %(state)s, due = %(due)s, status = %(status)s, detail = %(detail)s,
    seal = CASE WHEN seal IS NOT NULL THEN lianyun.webhook_delivery_seal(
        subscription, message, %(state)s, attempts, %(due)s, last_attempt, %(status)s, %(detail)s, same) END
WHERE subscription = %(subscription)s AND message = %(message)s AND attempts = %(attempt)s AND state = 'WAITING'

-- name: subscription_change
UPDATE lianyun.webhook_subscription
SET url = coalesce(%(url)s::text, url),
    types = coalesce(%(types)s::text[], types),
    description = coalesce(%(description)s::text, description),
    state = coalesce(%(state)s::text, state),
    reason = coalesce(%(reason)s::text, reason),
    failing_since = CASE WHEN %(state)s::text = 'ENABLED' THEN NULL ELSE failing_since END,
    version = version + 1
WHERE id = %(id)s AND version = %(version)s AND state <> 'REMOVED'
RETURNING id, party, url, types, description, state, reason, created, version, failing_since, last_success

-- name: subscription_put
INSERT INTO lianyun.webhook_subscription (id, party, url, types, description, state, reason, created, version)
VALUES (%(id)s, %(party)s, %(url)s, %(types)s::text[], %(description)s, 'ENABLED', '', %(now)s, 1)
RETURNING id, party, url, types, description, state, reason, created, version, failing_since, last_success

-- name: subscriptions
SELECT id, party, url, types, description, state, reason, created, version, failing_since, last_success
FROM lianyun.webhook_subscription
WHERE party = %(party)s AND (%(id)s::text IS NULL OR id = %(id)s::text) AND state <> 'REMOVED'
ORDER BY id

-- name: succeeded
UPDATE lianyun.webhook_subscription SET failing_since = NULL, last_success = %(now)s
WHERE id = %(subscription)s

-- name: take
-- What is due, endpoint by endpoint; what another process holds is passed over.
WITH due AS (
    SELECT d.subscription, d.message
    FROM lianyun.webhook_subscription s
    LEFT JOIN unnest(%(busy)s::text[], %(counts)s::integer[]) AS b (id, taken) ON b.id = s.id
    CROSS JOIN LATERAL (
        SELECT w.subscription, w.message
        FROM lianyun.webhook_delivery w
        WHERE w.subscription = s.id AND w.state = 'WAITING' AND w.due <= %(now)s
        ORDER BY w.due
        LIMIT greatest(0, %(at_once)s - coalesce(b.taken, 0))
        FOR UPDATE SKIP LOCKED
    ) AS d
    WHERE s.state = 'ENABLED'
)
UPDATE lianyun.webhook_delivery t
SET attempts = t.attempts + 1, due = %(lease)s, last_attempt = %(now)s,
    seal = CASE WHEN t.seal IS NOT NULL THEN lianyun.webhook_delivery_seal(
        t.subscription, t.message, t.state, t.attempts + 1, %(lease)s, %(now)s, t.status, t.detail, t.same) END
FROM due
JOIN lianyun.webhook_subscription s ON s.id = due.subscription
JOIN lianyun.webhook_message m ON m.id = due.message
WHERE t.subscription = due.subscription AND t.message = due.message
RETURNING t.subscription, t.message, s.url, m.body, m.at, t.attempts, s.failing_since, m.traceparent

-- name: touch
-- Subscriptions to these consignments, or to another of their group, are looked at again.
WITH member (cons) AS (
    SELECT n.id FROM unnest(%(ids)s::uuid[]) AS n (id)
    UNION
    SELECT o.cons
    FROM unnest(%(ids)s::uuid[]) AS n (id)
    LEFT JOIN lianyun.canonical k ON k.cons = n.id
    JOIN lianyun.canonical o ON o.canonical = coalesce(k.canonical, n.id)
    UNION
    SELECT k.canonical FROM unnest(%(ids)s::uuid[]) AS n (id) JOIN lianyun.canonical k ON k.cons = n.id
)
INSERT INTO lianyun.subscription_touch (subscription)
SELECT s.id FROM member m JOIN lianyun.subscription s ON s.consignment = m.cons AND s.state = 'ACTIVE'

-- name: touched
-- The founded consignments that the events of each batch (%(width)s numbers from its first on) reach by the links of their time. What an event withdraws
-- counts as touched too, and so do both ends of a link.
WITH batch (xid, first_no, key) AS MATERIALIZED (
    SELECT * FROM unnest(%(xids)s::text[], %(nos)s::bigint[]) WITH ORDINALITY
), told (key, no) AS (
    SELECT b.key, y.no
    FROM batch b
    CROSS JOIN LATERAL (
        SELECT e.no FROM lianyun.body e WHERE e.no >= b.first_no AND e.no < b.first_no + %(width)s
    ) AS y
    UNION
    SELECT b.key, i.no
    FROM batch b
    CROSS JOIN LATERAL (
        SELECT e.id FROM lianyun.body e WHERE e.no >= b.first_no AND e.no < b.first_no + %(width)s
    ) AS y
    JOIN lianyun.withdrawal w ON w.event = y.id
    JOIN lianyun.identity i ON i.id = w.target
), start (keys, ids, los, his) AS (
    SELECT array_agg(s.key), array_agg(s.id), array_agg(s.lo), array_agg(s.hi) FROM (
        SELECT DISTINCT t.key, s.id, s.lo, s.hi FROM told t CROSS JOIN LATERAL lianyun.spoken_of(t.no) AS s
    ) AS s
)
SELECT DISTINCT b.xid, d.id
FROM start s
CROSS JOIN LATERAL lianyun.led_to(s.keys, s.ids, s.los, s.his) AS d
JOIN batch b ON b.key = d.key
WHERE EXISTS (SELECT FROM lianyun.founding f WHERE f.cons = d.id)

-- name: unsettled
SELECT (SELECT p.id FROM lianyun.pending p ORDER BY p.id DESC LIMIT 1)

-- name: wanted
SELECT DISTINCT s.party, t.type
FROM lianyun.webhook_subscription s CROSS JOIN unnest(s.types) AS t (type)
WHERE s.state <> 'REMOVED'

-- name: watched
-- Each fact once with all financings that it was put down for, so that a step ends between two facts; every fact is in the
-- page, also one that concerns nobody any more, so that the position moves past it.
SELECT w.xid::text, w.no, (extract(epoch FROM coalesce(b.at, now())) * 1000000)::bigint,
       array_remove(array_agg(h.name ORDER BY h.name), NULL)
FROM (
    SELECT DISTINCT f.xid, f.no
    FROM lianyun.financing_watch f
    WHERE f.xid < pg_snapshot_xmin(pg_current_snapshot())
      AND f.xid >= %(xid)s::text::xid8 AND (f.xid > %(xid)s::text::xid8 OR f.no > %(no)s)
    ORDER BY f.xid, f.no
    LIMIT %(limit)s
) AS w
JOIN lianyun.financing_watch f ON (f.xid, f.no) = (w.xid, w.no)
LEFT JOIN lianyun.financing_hold h ON h.financing = f.financing
CROSS JOIN LATERAL (SELECT min(t.at) FROM lianyun.batch t WHERE t.xid = w.xid) AS b (at)
GROUP BY w.xid, w.no, b.at
ORDER BY w.xid, w.no
