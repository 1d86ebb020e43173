-- Nobody adds a delivery of these any more until the transaction ends.
SELECT id FROM lianyun.webhook_message WHERE at < %(before)s ORDER BY at LIMIT %(limit)s FOR UPDATE
