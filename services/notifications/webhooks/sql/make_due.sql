UPDATE lianyun.webhook_delivery
SET due = %(due)s,
    seal = CASE WHEN seal IS NOT NULL THEN lianyun.webhook_delivery_seal(
        subscription, message, state, attempts, %(due)s, last_attempt, status, detail, same) END
WHERE subscription = %(id)s AND state = 'WAITING'
