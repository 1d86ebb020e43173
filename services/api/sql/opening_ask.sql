INSERT INTO lianyun.access_log_opening (asked, asked_by, reason, since, until)
VALUES (%(at)s, %(by)s, %(reason)s, %(since)s, %(until)s)
RETURNING id::text
