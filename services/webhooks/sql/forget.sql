WITH secret AS (DELETE FROM lianyun.webhook_secret WHERE subscription = %(id)s)
DELETE FROM lianyun.webhook_delivery WHERE subscription = %(id)s
