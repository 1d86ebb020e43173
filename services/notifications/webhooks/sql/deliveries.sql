SELECT d.message, m.type, m.at, d.state, d.attempts, CASE WHEN d.state = 'WAITING' THEN d.due END, d.last_attempt,
       d.status, d.detail
FROM lianyun.webhook_delivery d
JOIN lianyun.webhook_message m ON m.id = d.message
WHERE d.subscription = %(id)s
  AND (%(state)s::text IS NULL OR d.state = %(state)s::text)
  AND (m.at, m.id) < (%(at)s::bigint, %(message)s::text)
ORDER BY m.at DESC, m.id DESC
LIMIT %(limit)s
