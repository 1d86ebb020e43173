-- Annotations: a span from the beginning of a restriction to its end.
SELECT r.starts AS time, coalesce(r.ends, now()) AS timeend, r.kind || ' ' || r.direction || ' at ' || r.place AS text,
       concat_ws(',', r.kind, r.crossing) AS tags
FROM dashboard.restriction r
WHERE r.starts <= $__timeTo() AND coalesce(r.ends, 'infinity') >= $__timeFrom()
ORDER BY r.starts
