SELECT f.cons, f.publisher, f.names
FROM unnest(%(ids)s::uuid[]) AS c (id) JOIN founding f ON f.cons = c.id
WHERE NOT f.dead
