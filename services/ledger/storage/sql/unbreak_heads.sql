UPDATE head h SET broken = false FROM unnest(%(ids)s::uuid[]) AS n (id) WHERE h.cons = n.id AND h.broken
