INSERT INTO lianyun.webhook_delivery (subscription, message, state, attempts, due, detail)
SELECT s.id, m.id, 'WAITING', 0, %(now)s, 'replayed'
FROM lianyun.webhook_subscription s
JOIN lianyun.webhook_message m ON m.party = s.party AND m.at >= %(since)s AND m.type = ANY (s.types)
WHERE s.id = %(id)s AND s.state = 'ENABLED'
ORDER BY m.id
ON CONFLICT (subscription, message) DO UPDATE
SET state = 'WAITING', attempts = 0, due = excluded.due, detail = excluded.detail
WHERE webhook_delivery.state <> 'WAITING'
