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
