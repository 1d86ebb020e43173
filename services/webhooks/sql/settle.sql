-- Only the attempt that holds it settles it: one that outlived its lease changes nothing.
UPDATE lianyun.webhook_delivery
SET state = %(state)s, due = %(due)s, status = %(status)s, detail = %(detail)s
WHERE subscription = %(subscription)s AND message = %(message)s AND attempts = %(attempt)s AND state = 'WAITING'
