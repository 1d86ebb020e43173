SELECT r.place, r.kind, r.direction, r.starts AS "from", r.ends AS "to", r.by, r.in_force AS "in force"
FROM dashboard.restriction r
WHERE coalesce(r.ends, 'infinity') > r.shown_at AND coalesce(r.crossing, '') ~ '^(${crossing:regex})$'
ORDER BY r.starts
