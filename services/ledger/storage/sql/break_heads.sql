UPDATE head h SET broken = true, founded = true
FROM unnest(%(ids)s::uuid[]) AS n (id)
WHERE h.cons = n.id AND NOT (h.broken AND h.founded)
