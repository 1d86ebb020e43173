-- Annotations: when a restriction begins and when it ends. As spans they would tint every curve for weeks, one over the other.
SELECT e.at AS time, r.kind || ' ' || r.direction || ' at ' || r.place || ' ' || e.happens AS text,
       concat_ws(',', r.kind, r.crossing) AS tags
FROM dashboard.restriction r, LATERAL (VALUES (r.starts, 'begins'), (r.ends, 'ends')) AS e (at, happens)
WHERE $__timeFilter(e.at)
ORDER BY e.at
