-- Only the attempt that holds it settles it: one that outlived its lease changes nothing.
UPDATE lianyun.webhook_delivery
SET state = %(state)s, due = %(due)s, status = %(status)s, detail = %(detail)s,
    seal = CASE WHEN seal IS NOT NULL THEN lianyun.webhook_delivery_seal(
        subscription, message, %(state)s, attempts, %(due)s, last_attempt, %(status)s, %(detail)s, same) END
WHERE subscription = %(subscription)s AND message = %(message)s AND attempts = %(attempt)s AND state = 'WAITING'
