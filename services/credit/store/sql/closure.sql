-- The events under the given ids with all that withdraws them, at any depth, and all contents under their ids.
WITH RECURSIVE told (id) AS (
    SELECT id FROM unnest(%(ids)s::uuid[]) AS n (id)
    UNION
    SELECT w.event FROM told t JOIN lianyun.withdrawal w ON w.target = t.id
)
SELECT c.no FROM told t CROSS JOIN LATERAL (
    SELECT i.no FROM lianyun.identity i WHERE i.id = t.id
    UNION ALL
    SELECT v.no FROM lianyun.variant v WHERE v.id = t.id
) AS c
