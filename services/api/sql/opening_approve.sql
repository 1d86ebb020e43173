INSERT INTO lianyun.access_log_approval (opening, approved, approved_by, expires)
VALUES (%(opening)s::uuid, %(at)s, %(by)s, %(expires)s)
ON CONFLICT DO NOTHING
RETURNING true
