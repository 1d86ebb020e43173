SELECT d.id FROM unnest(%(ids)s::uuid[]) AS n (id) JOIN dead d ON d.id = n.id
