SELECT o.asked_by, o.reason, o.since, o.until, a.approved_by, a.expires
FROM lianyun.access_log_opening o
LEFT JOIN lianyun.access_log_approval a ON a.opening = o.id
WHERE o.id = %(opening)s::uuid
