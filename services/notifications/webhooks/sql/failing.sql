UPDATE lianyun.webhook_subscription SET failing_since = %(now)s
WHERE id = %(subscription)s AND failing_since IS NULL
