SELECT scheme, sealed, created, expires
FROM lianyun.webhook_secret
WHERE subscription = %(id)s AND (expires IS NULL OR expires > %(now)s)
ORDER BY scheme, no DESC
