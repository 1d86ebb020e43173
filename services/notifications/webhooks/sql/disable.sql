UPDATE lianyun.webhook_subscription SET state = 'DISABLED', reason = %(reason)s, version = version + 1
WHERE id = %(id)s AND state = 'ENABLED'
RETURNING version, party, url
