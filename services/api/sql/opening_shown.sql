INSERT INTO lianyun.access_log_shown (opening, at, shown_to, lines) VALUES (%(opening)s::uuid, %(at)s, %(by)s, %(lines)s)
RETURNING id::text
