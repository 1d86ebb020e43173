SELECT c.crossing, c.kind, c.what, c.about, c.due, c.owner, c.snoozed_until AS "snoozed until"
FROM dashboard.open_case c
WHERE c.crossing ~ '^(${crossing:regex})$'
ORDER BY c.due
LIMIT 1000
