SELECT c.xid::text, c.no, s.salt
FROM lianyun.webhook_cursor c CROSS JOIN lianyun.webhook_salt s
WHERE c.source = %(source)s
FOR UPDATE OF c
