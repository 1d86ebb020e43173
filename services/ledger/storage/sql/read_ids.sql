SELECT c.no FROM unnest(%(ids)s::uuid[]) AS n (id) CROSS JOIN LATERAL (
    SELECT i.no FROM lianyun.identity i WHERE i.id = n.id
    UNION ALL
    SELECT v.no FROM lianyun.variant v WHERE v.id = n.id
) AS c
