DELETE FROM lianyun.webhook_message
WHERE id IN (SELECT id FROM lianyun.webhook_message WHERE at < %(before)s ORDER BY at LIMIT %(limit)s)
