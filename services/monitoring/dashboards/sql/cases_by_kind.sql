SELECT c.crossing, c.kind, c.what, count(*) AS open, count(*) FILTER (WHERE c.owner IS NULL) AS "nobody's",
       min(c.due) AS "first is due"
FROM dashboard.open_case c
GROUP BY c.crossing, c.kind, c.what
ORDER BY min(c.due)
