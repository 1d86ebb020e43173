-- The contents accepted under each id, and whether each is in quarantine.
SELECT c.id, c.no, EXISTS (SELECT 1 FROM lianyun.quarantine q WHERE q.no = c.no)
FROM unnest(%(ids)s::uuid[]) AS t (id)
CROSS JOIN LATERAL (
    SELECT i.id, i.no FROM lianyun.identity i WHERE i.id = t.id
    UNION ALL
    SELECT v.id, v.no FROM lianyun.variant v WHERE v.id = t.id
) AS c
