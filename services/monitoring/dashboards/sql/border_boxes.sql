SELECT b.crossing, b.train, b.container, b.waits_for AS "waits for"
FROM dashboard.border_box b
WHERE b.waits_for <> '' AND b.crossing ~ '^(${crossing:regex})$' AND strpos(b.train, ${train:sqlstring}) > 0
ORDER BY b.crossing, b.train, b.container
LIMIT 1000
