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
