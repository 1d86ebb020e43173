SELECT n.id FROM unnest(%(ids)s::uuid[]) AS n (id)
WHERE (SELECT true FROM dead d WHERE d.id = n.id)
