UPDATE lianyun.webhook_subscription SET failing_since = NULL, last_success = %(now)s
WHERE id = %(subscription)s
