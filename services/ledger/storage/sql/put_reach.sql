INSERT INTO reach (cons, founded, engaged, objects, starts, untils, held, parts)
SELECT n.cons, n.founded, n.engaged, n.objects, n.starts, n.untils, n.held, n.parts
FROM fresh_reach n LEFT JOIN reach r ON r.cons = n.cons
WHERE n.founded OR r.cons IS NOT NULL
ORDER BY n.cons
ON CONFLICT (cons) DO UPDATE
SET founded = excluded.founded, engaged = excluded.engaged, objects = excluded.objects, starts = excluded.starts,
    untils = excluded.untils, held = excluded.held, parts = excluded.parts
WHERE (reach.founded, reach.engaged, reach.objects, reach.starts, reach.untils, reach.held, reach.parts)
   IS DISTINCT FROM
      (excluded.founded, excluded.engaged, excluded.objects, excluded.starts, excluded.untils, excluded.held,
       excluded.parts)
