UPDATE head h SET broken = true FROM unnest(%(ids)s::uuid[]) AS n (id) WHERE h.cons = n.id AND NOT h.broken
