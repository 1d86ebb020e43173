-- Returns the numbers of the secrets.
WITH untold AS (DELETE FROM lianyun.webhook_delivery WHERE subscription = %(id)s)
DELETE FROM lianyun.webhook_secret WHERE subscription = %(id)s RETURNING no
