SELECT h.cons, h.broken, h.boxes, h.behind, h.disputes, h.exceptions, h.movement, h.cn, h.eaeu, h.eu, h.other, h.document
FROM (SELECT DISTINCT coalesce(k.canonical, n.id) AS cons
      FROM unnest(%(ids)s::uuid[]) AS n (id) LEFT JOIN lianyun.canonical k ON k.cons = n.id) AS c
JOIN lianyun.head h ON h.cons = c.cons
WHERE h.founded
ORDER BY h.cons
