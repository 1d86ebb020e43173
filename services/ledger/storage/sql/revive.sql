DELETE FROM dead d USING unnest(%(ids)s::uuid[]) AS n (id) WHERE d.id = n.id RETURNING d.id
