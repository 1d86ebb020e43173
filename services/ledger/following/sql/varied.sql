SELECT v.id FROM unnest(%(ids)s::uuid[]) AS n (id) JOIN lianyun.variant v ON v.id = n.id
