-- Also what was told since then of earlier news: later news of the same thing may have joined it.
INSERT INTO lianyun.webhook_delivery (subscription, message, state, attempts, due, detail)
SELECT s.id, m.id, 'WAITING', 0, %(now)s, 'replayed'
FROM lianyun.webhook_subscription s
JOIN lianyun.webhook_message m ON m.party = s.party AND m.type = ANY (s.types)
LEFT JOIN lianyun.webhook_delivery d ON d.subscription = s.id AND d.message = m.id
WHERE s.id = %(id)s AND s.state = 'ENABLED' AND (m.at >= %(since)s OR d.last_attempt >= %(since)s)
ORDER BY m.id
ON CONFLICT (subscription, message) DO UPDATE
SET state = 'WAITING', attempts = 0, due = excluded.due, detail = excluded.detail, same = NULL
WHERE webhook_delivery.state <> 'WAITING'
