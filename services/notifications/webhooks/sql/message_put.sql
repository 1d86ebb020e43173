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
